"""Reading settings from a TOML file, and from the environment variables that it names.

An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from voxaffect.config.corpora import known_name, plain_source
from voxaffect.config.settings import Settings
from voxaffect.errors import ConfigError


def load_settings(path: Path, evaluate: Mapping[str, Any] | None = None) -> Settings:
    """Read and check a settings file; values of `evaluate` replace those of its section [evaluate].

    Raises:
        ConfigError: the file is missing, is not TOML, or states something unknown or out of range.
    """
    plain = read_settings(path)
    section = plain.setdefault("evaluate", {})
    if isinstance(section, dict):
        section.update(evaluate or {})
    return make_settings(plain, str(path))


def read_settings(path: Path) -> dict[str, Any]:
    """Plain values of a settings file; relative paths are relative to its folder.

    Raises:
        ConfigError: the file is missing or is not TOML.
    """
    try:
        plain: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be read ({fault.strerror}); give a TOML file") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: is not a valid TOML file ({fault})") from fault
    plain = _expand(plain, path)
    corpora = _section(plain, "corpora")
    if not corpora:
        raise ConfigError(
            f'{path}: needs a [corpora] section with lines like emodb = "/data/emodb"'
        )
    plain["corpora"] = {name: plain_source(name, value, path) for name, value in corpora.items()}
    features = _section(plain, "features")
    encoder, whisper = _section(features, "encoder"), _section(features, "whisper")
    for section, key in ((features, "store"), (encoder, "folder"), (whisper, "source")):
        if isinstance(text := section.get(key), str):
            section[key] = str(path.resolve().parent / Path(text).expanduser())
    return plain


def make_settings(plain: dict[str, Any], origin: str) -> Settings:
    """Settings from plain values.

    Raises:
        ConfigError: a key is unknown or a value invalid; the message names it and `origin`.
    """
    _refuse_unknown(plain, Settings, origin)
    try:
        return TypeAdapter(Settings).validate_python(plain)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
        raise ConfigError(f"{origin}: {where} = {first['input']!r} is invalid: {reason}") from fault


def _section(plain: dict[str, Any], name: str) -> dict[str, Any]:
    section = plain.get(name)
    return section if isinstance(section, dict) else {}


def _expand(value: Any, path: Path) -> Any:
    """Replace `${NAME}` by the environment variable NAME in every text."""
    if isinstance(value, dict):
        return {k: _expand(v, path) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, path) for v in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise ConfigError(f"{path}: {value!r} needs the environment variable {name}; set it")
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", variable, value)


def _refuse_unknown(
    plain: dict[str, Any], section: Any, origin: str, where: tuple[str, ...] = ()
) -> None:
    known = _fields_of(section)
    for key, value in plain.items():
        known_name(key, known, f"setting under [{'.'.join(where)}]" if where else "section", origin)
        if isinstance(value, dict) and known[key] is not None:
            _refuse_unknown(value, known[key], origin, (*where, key))


def _fields_of(section: Any) -> dict[str, Any]:
    """Names of a section's settings, each with its own section where it is one, else None."""
    if is_dataclass(section):
        kinds = get_type_hints(section)
    else:
        kinds = {f.alias or name: f.annotation for name, f in section.model_fields.items()}

    def is_section(kind: Any) -> bool:
        return isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind))

    return {name: kind if is_section(kind) else None for name, kind in kinds.items()}
