"""Exceptions that voxaffect raises on purpose.

A message is one sentence that names what is wrong and what to do; the command line prints it as is.
"""


class VoxaffectError(Exception):
    """Base class."""


class CorpusError(VoxaffectError):
    """A corpus folder, label or table does not match its description."""


class AudioError(VoxaffectError):
    """A recording cannot be decoded or analyzed; `code` is the reason for programs."""

    code = "unusable_recording"


class InputError(AudioError):
    """An argument has no type or value that a recording can have."""


class RecordingLimitError(AudioError):
    """A recording is longer or larger than allowed."""

    code = "recording_too_long"


class NoSpeechError(AudioError):
    """Too little of a recording is speech; predictions say `no speech` in place of an emotion."""

    code = "no_speech"


class FeatureError(VoxaffectError):
    """Frame features are missing, damaged or of the wrong kind."""


class StreamingError(VoxaffectError):
    """A live stream is used after its end, given more than it takes, or has no source."""


class ServingError(VoxaffectError):
    """The service cannot start with these settings."""


class FoldError(VoxaffectError):
    """A train/test split breaks the rule of its protocol."""


class ConfigError(VoxaffectError):
    """A setting is unknown, misspelled or out of range."""


class TrainingError(VoxaffectError):
    """A model cannot be trained on this data, or its weights are not finite."""


class ClusterError(VoxaffectError):
    """A cluster does not answer or cannot do the work."""


class ArtifactError(VoxaffectError):
    """A saved recognizer or result is damaged, foreign or of another version."""


class ExportError(VoxaffectError):
    """A recognizer cannot be exported to another runtime."""
