"""Weights on the Hugging Face hub: those in its local cache, and download.

Here alone is the hub's library used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from voxaffect.errors import FeatureError
from voxaffect.features.whisper.model_bin import JoinedFile, ModelBin
from voxaffect.features.whisper.shapes import SHAPES, Size
from voxaffect.features.whisper.weight_file import model_files
from voxaffect.features.whisper.weights import weights_digest

FILE = "model.bin"
DEFAULT_CACHE = Path("~/.cache/huggingface/hub")

REVISIONS: Mapping[Size, str] = {
    "tiny": "d90ca5fe260221311c53c58e660288d3deb8d356",
    "base": "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
    "small": "536b0662742c02347bc0e980a01041f333bce120",
    "medium": "08e178d48790749d25932bbc082711ddcfdfbc4f",
    "large-v2": "f0fe81560cb8b68660e564f55dd99207059c092e",
    "large-v3": "edaa852ec7e145841d8ffdb056a99866b5f0a478",
}
"""Commits of `repository(size)` that are downloaded."""


def repository(size: Size) -> str:
    """Repository of CTranslate2's file, which has OpenAI's numbers in half the space."""
    return f"Systran/faster-whisper-{size}"


def cached(size: Size) -> Path | None:
    """Folder of a model in the hub's local cache, None if there is none; uses no network."""
    return next(filter(model_files, _snapshots(size)), None)


def _snapshots(size: Size) -> Iterator[Path]:
    """Folders where a model may be, the pinned commit first."""
    for name in (repository(size), f"openai/whisper-{size}"):
        folder = _cache() / f"models--{name.replace('/', '--')}" / "snapshots"
        yield folder / REVISIONS[size]
        yield from sorted(folder.glob("*"))


def _cache() -> Path:
    """The hub's cache, as its library finds it; without the library, where it is by default."""
    try:
        from huggingface_hub import constants  # noqa: PLC0415
    except ImportError:
        return DEFAULT_CACHE.expanduser()
    return Path(constants.HF_HUB_CACHE)


def download(size: Size, *, show_progress: bool = True) -> tuple[Path, str]:
    """Download a model to the hub's cache; return its file and the digest of all its layers.

    A file that is there already is checked, and fetched again only if it is damaged.

    Raises:
        FeatureError: the library is missing, the hub cannot be reached, or what it sent is not
            the model; then nothing is kept.
    """
    library = _library()
    library.utils.logging.set_verbosity_error()  # it would log every attempt
    if not show_progress:
        library.utils.disable_progress_bars()
    path = _fetch(size)
    try:
        return path, _digest(path, size)
    except FeatureError:
        path = _fetch(size, again=True)
    try:
        return path, _digest(path, size)
    except FeatureError:
        path.resolve().unlink(missing_ok=True)  # a link to it is in the folder of the commit
        path.unlink(missing_ok=True)
        raise


def _digest(path: Path, size: Size) -> str:
    return weights_digest(ModelBin(JoinedFile([path], str(path))), size, SHAPES[size].n_layers)


def _fetch(size: Size, *, again: bool = False) -> Path:
    """The hub's file, from the cache if it is there, unless it is to be fetched again."""
    library, name, revision = _library(), repository(size), REVISIONS[size]
    try:
        if not library.try_to_load_from_cache(name, FILE, revision=revision):
            # Without a network this fails at once, the download after half a minute of attempts.
            library.get_hf_file_metadata(library.hf_hub_url(name, FILE, revision=revision))
        path = library.hf_hub_download(name, FILE, revision=revision, force_download=again)
    except Exception as fault:  # of several libraries, which change from version to version
        raise FeatureError(
            f"{name} cannot be downloaded ({_reason(fault)}); check the network and run the "
            f"command again, or copy {FILE} from where it is and name it as the source"
        ) from fault
    return Path(path)


def _reason(fault: BaseException) -> str:
    """The first line of the error that began a chain of them."""
    while earlier := fault.__cause__ or fault.__context__:
        fault = earlier
    return str(fault).strip().partition("\n")[0] or type(fault).__name__


def _library() -> Any:
    try:
        import huggingface_hub.utils  # noqa: PLC0415
    except ImportError as fault:
        raise FeatureError(
            f"downloading needs the library huggingface_hub ({fault}); "
            "install it with: pip install 'voxaffect[hub]'"
        ) from fault
    return huggingface_hub
