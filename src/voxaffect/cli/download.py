"""download: public weights that recognizers need, into the cache of the Hugging Face hub."""

from __future__ import annotations

from typing import Annotated

import typer

from voxaffect.cli.app import RECOGNIZER, app, command
from voxaffect.cli.console import notes, print_line

MODELS = "whisper-tiny, -base, -small, -medium, -large-v2 or -large-v3"


@command(app, "download", RECOGNIZER, kept="run the same command again to go on")
def download(
    model: Annotated[str, typer.Argument(help=f"{MODELS}; the packaged recognizer needs base.")],
) -> None:
    """Download Whisper's weights, once, where no package with them is installed.

    They come from the Hugging Face hub (extra hub), go to its local cache, and are checked.
    """
    from voxaffect.config.corpora import known_name
    from voxaffect.features.whisper.hub import download as fetch
    from voxaffect.features.whisper.shapes import SHAPES

    sizes = {f"whisper-{size}": size for size in SHAPES}
    size = sizes[known_name(model, sizes, "model")]
    path, digest = fetch(size, show_progress=not notes().quiet)
    print_line(f"{path}: {path.stat().st_size / 1e6:.0f} MB, digest {digest}")
