"""`config.yaml`: read, changed with its comments kept, and written whole."""

from __future__ import annotations

import copy
import csv
import difflib
import io
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError
from workbench.settings.files import changing, write_whole
from workbench.settings.migrating import is_old, migrate, migrated, roll_back
from workbench.settings.model import VERSION, Config, checked
from workbench.settings.paths import home_folder
from workbench.settings.showing import commented

FILE = "config.yaml"
LARGEST = 1_000_000


def config_path(home: Path | None = None) -> Path:
    """Where the settings lie: `config.yaml` of WORKBENCH_HOME."""
    return (home or home_folder()) / FILE


def load_config(home: Path | None = None) -> Config:
    """The settings; without a file, what is meant when nothing is said. An older file is read, and left as it is.

    Raises
    ------
    ConfigError
        If it cannot be read, or something in it cannot be.
    """
    path = config_path(home)
    return check_config(path) if path.exists() else Config()


def check_config(path: Path) -> Config:
    """What a file of settings means.

    Raises
    ------
    ConfigError
        If it cannot be read, or something in it cannot be.
    """
    document = read_document(path)
    return checked(migrated(copy.deepcopy(document)) if is_old(document) else document, where=str(path))


def read_document(path: Path) -> Any:
    """The file as ruamel reads it, with its comments. YAML's tags are not: they would make objects.

    Raises
    ------
    ConfigError
        If it is no YAML, no mapping, or of a newer version.
    """
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path} has more than {LARGEST} bytes: it is not the settings. Look at it.")
        text = path.read_text(encoding="utf-8")
        found = _yaml().load(text)
        plain = _yaml(typ="safe").load(text)  # refuses tags that would make objects
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    except YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}. Mend that line.") from None
    if found is None:
        return _yaml().load("{}")
    if not isinstance(plain, dict):
        raise ConfigError(f"{path} holds {type(plain).__name__}, not settings by name. Look at it.")
    version = plain.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ConfigError(
            f"{path} is of version {version}; this workbench knows {VERSION}. A newer one wrote it: update workbench."
        )
    return found


def write_document(path: Path, document: Any) -> None:
    """Write settings whole, with their comments."""
    stream = io.StringIO()
    _yaml().dump(document, stream)
    write_whole(path, stream.getvalue().encode())


def set_value(key: str, text: str, home: Path | None = None) -> Config:
    """Set one value by its dotted path, as `defaults.venue`; the text is read as YAML. Comments stay.

    Raises
    ------
    ConfigError
        If there is no such setting, or the value cannot be; nothing was changed.
    """
    from ruamel.yaml.error import YAMLError

    try:
        value = _yaml().load(text)
    except YAMLError as error:
        raise ConfigError(f"{text!r} is no value: {' '.join(str(error).split())[:200]}.") from None
    return _change(home, lambda document: _put(document, _path(key), value))


def unset_value(key: str, home: Path | None = None) -> Config:
    """Take one value out, so that its default is meant again.

    Raises
    ------
    ConfigError
        If it is not set.
    """
    return _change(home, lambda document: _take(document, _path(key)))


def make_config(home: Path | None = None) -> Path:
    """The file, made with every setting and what it means if it was not there."""
    path = config_path(home)
    with changing(path):
        if not path.exists():
            write_whole(path, commented(Config()).encode())
    return path


def migrate_config(home: Path | None = None) -> Path | None:
    """Bring the file up to date; what it was is kept beside it. Returns that, or None: there was nothing to do.

    Raises
    ------
    ConfigError
        If it cannot be. Then nothing was changed.
    """
    path = config_path(home)
    return migrate(path, read_document, write_document) if path.exists() else None


def undo_migration(home: Path | None = None) -> Path:
    """Put back what the last migration kept. Returns the file that came back.

    Raises
    ------
    ConfigError
        If none was kept.
    """
    return roll_back(config_path(home))


def _change(home: Path | None, change: Any) -> Config:
    path = make_config(home)
    with changing(path):
        document = read_document(path)
        if is_old(document):
            raise ConfigError(f"{path} is of an older version. `workbench config migrate` brings it up to date.")
        change(document)
        config = checked(copy.deepcopy(document), where=str(path))
        write_document(path, document)
    return config


def _path(key: str) -> list[str]:
    """A dotted path; a part with a dot in it is quoted: fees."binance BTC/USDT".maker."""
    parts = next(csv.reader([key], delimiter="."), [])
    if not parts or not all(parts):
        raise ConfigError(f"{key!r} is no path of a setting. Write it with dots: defaults.venue.")
    return parts


def _put(document: Any, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = document.get(part)
        if inner is None:
            inner = document[part] = _yaml().load("{}")
            inner.fa.set_block_style()
        if not hasattr(inner, "get"):
            raise ConfigError(f"`{part}` is a value, so nothing is under it. Set `{part}` itself.")
        document = inner
    document[path[-1]] = value


def _take(document: Any, path: list[str]) -> None:
    for part in path[:-1]:
        document = document.get(part, {}) if hasattr(document, "get") else {}
    if not hasattr(document, "get") or path[-1] not in document:
        near = difflib.get_close_matches(path[-1], [str(name) for name in document], n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise ConfigError(f"`{'.'.join(path)}` is not set.{hint}")
    del document[path[-1]]


def _yaml(typ: str = "rt") -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ=typ, pure=True)
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.allow_duplicate_keys = False
    return yaml
