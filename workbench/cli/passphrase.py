"""Where a passphrase and keys come from: a prompt that shows nothing, a file of one's own, or standard input.

Never from the command line: others see that while the command runs, and the shell keeps it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.settings import AccountKeys, Secret

FROM_STDIN = "-"
FIELDS = ("key", "secret", "password", "wallet")
PassphraseFile = Annotated[
    str | None,
    typer.Option(help="A file that holds the passphrase and is yours alone (0600); - reads a line of standard input."),
]


def passphrase(file: str | None, *, new: bool = False) -> Secret:
    """The vault's passphrase. A new one is asked for twice.

    Raises
    ------
    ConfigError
        If there is nobody to ask, or the two are not the same.
    """
    from workbench.settings import Secret

    if file == FROM_STDIN:
        return _given(Secret(sys.stdin.readline().rstrip("\r\n")), "standard input")
    if file is not None:
        return _given(Secret(_content(Path(file)).removesuffix("\n").removesuffix("\r")), file)
    if not sys.stdin.isatty():
        raise ConfigError("Nobody can be asked for the passphrase here. Give --passphrase-file FILE, or - for stdin.")
    given = Secret(_ask("New passphrase" if new else "Passphrase"))
    if new and given != Secret(_ask("The same again")):
        raise ConfigError("The two are not the same. Nothing was done; try again.")
    return given


def keys(file: str | None) -> AccountKeys:
    """An account's keys: from a prompt, or as JSON from a file of one's own or standard input.

    Raises
    ------
    ConfigError
        If they cannot be read.
    """
    from workbench.settings import AccountKeys, Secret

    if file is not None:
        return _from_json(file)
    if not sys.stdin.isatty():
        raise ConfigError("Nobody can be asked for the keys here. Give --keys-file, or - for standard input.")
    key, secret = Secret(_ask("Key")), Secret(_ask("Secret"))
    return AccountKeys(key, secret, Secret(_ask("Password of the key, if it has one")))


def _from_json(file: str) -> AccountKeys:
    from workbench.settings import AccountKeys

    try:
        found = json.loads(sys.stdin.read() if file == FROM_STDIN else _content(Path(file)))
        fits = isinstance(found, dict) and set(found) <= set(FIELDS) and all(isinstance(v, str) for v in found.values())
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        fits = False
    if not fits:  # its content is not shown
        raise ConfigError(f'The keys are no JSON as {{"key": "…", "secret": "…"}}, of {", ".join(FIELDS)}.')
    return AccountKeys.make(**found)


def _content(path: Path) -> str:
    from workbench.settings import read_own

    try:
        return read_own(path).decode()
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no text.") from None


def _given(found: Secret, where: str) -> Secret:
    if not found:
        raise ConfigError(f"There is no passphrase in {where}.")
    return found


def _ask(what: str) -> str:
    return str(typer.prompt(what, hide_input=True, default="", show_default=False, err=True)).strip()
