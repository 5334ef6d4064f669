"""Names in settings: a name that is not known is refused with the nearest that is."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from voxaffect.errors import ConfigError


def known_name(name: str, known: Collection[str], kind: str, origin: str = "") -> str:
    """The name, if it is one of those that are known.

    Raises:
        ConfigError: it is none; the nearest is told.
    """
    if name in known:
        return name
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    raise ConfigError(f"{origin + ': ' if origin else ''}{name!r} is no {kind}; {hint}")
