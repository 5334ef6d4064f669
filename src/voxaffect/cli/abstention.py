"""--abstain and --force: how sure a recognizer must be before it names an emotion.

The value of --abstain may be left out: then the recognizer's own threshold holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from voxaffect.errors import ConfigError

OPTION = "--abstain"
OWN = "own"
"""What the command line gets where the value is left out."""

OWN_THRESHOLD = -math.inf
"""The same as a number, until the recognizer is loaded."""


def _threshold(text: str) -> float:
    try:
        return OWN_THRESHOLD if text == OWN else float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number; use 0 < P <= 1") from None


Abstain = Annotated[
    float | None,
    typer.Option(
        OPTION,
        metavar="[P]",
        parser=_threshold,
        help="Label predictions unsure below this probability, or with a warning that is more than "
        "a narrow band; without a value: below the recognizer's own threshold.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Name the likeliest emotion where the label would be unsure; a recording without "
        "speech stays no speech, as there is nothing to name.",
    ),
]


class AbstainingCommand(TyperCommand):
    """Command whose option --abstain may have no value, whatever follows it."""

    def make_parser(self, ctx: Any) -> Any:
        """The parser, which gets the value that was left out."""
        parser = super().make_parser(ctx)
        parse_args = parser.parse_args
        parser.parse_args = lambda args: parse_args(with_value(args))  # type: ignore[method-assign]
        return parser


def with_value(words: Sequence[str]) -> list[str]:
    """Words of a command line, with `OWN` after an --abstain that no number follows.

    >>> with_value(["--abstain", "0.6", "a.wav"]), with_value(["--abstain", "a.wav"])
    (['--abstain', '0.6', 'a.wav'], ['--abstain=own', 'a.wav'])
    """
    end = words.index("--") if "--" in words else len(words)
    changed = list(words)
    for at, word in enumerate(words[:end]):
        if word == OPTION and not (at + 1 < end and _is_value(words[at + 1])):
            changed[at] = f"{OPTION}={OWN}"
    return changed


def _is_value(word: str) -> bool:
    with suppress(ValueError):
        float(word)
        return True
    return word == OWN


def check(abstain: float | None, *, force: bool) -> None:
    """Raise `ConfigError` unless the options are in range and go together."""
    if abstain is not None and abstain != OWN_THRESHOLD and not 0 < abstain <= 1:
        raise ConfigError(f"{OPTION} {abstain} is out of range; use 0 < P <= 1")
    if force and abstain is not None:
        raise ConfigError(f"--force names every emotion and {OPTION} does not; use one of them")


def threshold_for(abstain: float | None, card: Mapping[str, Any], model: Path) -> float | None:
    """The threshold of --abstain, where its value was left out that of a recognizer's card.

    Raises:
        ConfigError: the card has none.
    """
    from voxaffect.recognizer.prediction import own_threshold

    if abstain != OWN_THRESHOLD:
        return abstain
    own = own_threshold(card)
    if own is None:
        raise ConfigError(
            f"{OPTION}: {model} has no threshold of its own; give one, such as {OPTION} 0.5"
        )
    return own
