"""Speech emotion recognition, tested on speakers and corpora left out of training.

>>> import voxaffect
>>> recognizer = voxaffect.load()
>>> recognizer.classes_
('neutral', 'happy', 'sad', 'angry')

`recognizer.predict("clip.wav").label` is then one of them. The names of `__all__` are loaded when
they are first used, so that `import voxaffect` takes milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from voxaffect.version import __version__

if TYPE_CHECKING:
    from voxaffect.api import Recognizer, Stream, load, to_frame, train
    from voxaffect.corpora.loaders import CORPORA
    from voxaffect.errors import VoxaffectError
    from voxaffect.features.lld.extractor import LowLevelDescriptors
    from voxaffect.recognizer.prediction import Prediction

__all__ = [
    "CORPORA",
    "LowLevelDescriptors",
    "Prediction",
    "Recognizer",
    "Stream",
    "VoxaffectError",
    "__version__",
    "load",
    "to_frame",
    "train",
]

_MODULE_OF = {
    "CORPORA": "corpora.loaders",
    "LowLevelDescriptors": "features.lld.extractor",
    "Prediction": "recognizer.prediction",
    "VoxaffectError": "errors",
    **dict.fromkeys(("Recognizer", "Stream", "load", "to_frame", "train"), "api"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'voxaffect' has no attribute {name!r}")
    value = getattr(import_module(f"voxaffect.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
