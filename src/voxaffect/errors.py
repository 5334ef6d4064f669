"""The errors that voxaffect raises on purpose.

Every message names the thing that is wrong and says what to do about it, in one sentence, so that
the command line can print it as it stands.
"""


class VoxaffectError(Exception):
    """Root of all errors raised on purpose."""


class CorpusError(VoxaffectError):
    """A corpus tree, label or table is not what its card says."""


class AudioError(VoxaffectError):
    """A recording cannot be decoded, or holds nothing that can be analyzed."""


class RecordingLimitError(AudioError):
    """A recording is longer or larger than is allowed here."""


class FeatureError(VoxaffectError):
    """Frame features are missing, damaged or of the wrong kind."""


class StreamingError(VoxaffectError):
    """A live stream is used after its end, given more than it takes, or has no source."""


class ServingError(VoxaffectError):
    """A service cannot be started as it was asked for."""


class FoldError(VoxaffectError):
    """A split of the data breaks the rule of its protocol."""


class ConfigError(VoxaffectError):
    """A setting is unknown, misspelled or impossible."""


class TrainingError(VoxaffectError):
    """A model cannot be trained on what it was given, or did not converge to finite weights."""


class ClusterError(VoxaffectError):
    """A cluster does not answer, or cannot do the work."""


class ArtifactError(VoxaffectError):
    """A saved recognizer or result is damaged, foreign or of another version."""


class ExportError(VoxaffectError):
    """A recognizer cannot become a file of another runtime."""
