"""`workbench secrets`: keys of accounts, put into the vault and taken out. None of these commands ever shows one."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import AsJson, answer
from workbench.cli.passphrase import PassphraseFile, keys, passphrase
from workbench.errors import ConfigError

app = typer.Typer(help="Keys of accounts, in the vault.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="venue:account; a venue alone means its account main.")]
Nothing = Annotated[list[str] | None, typer.Argument(hidden=True)]


@app.command()
def add(
    account: Name,
    more: Nothing = None,
    keys_file: Annotated[
        str | None,
        typer.Option(help='JSON, {"key": "…", "secret": "…"}, in a file of yours alone; - for stdin.'),
    ] = None,
    passphrase_file: PassphraseFile = None,
    json: AsJson = False,
) -> None:
    """Keep the keys of an account; the first ones make the vault. Those it had are replaced."""
    from workbench.settings import Vault, record_name, vault_path

    if more:  # not repeated: it may be a key
        raise ConfigError(
            "Keys are not taken from the command line: others see it, and the shell keeps it. If that was a key, "
            "make a new one at the venue; then let `workbench secrets add` ask for it."
        )
    name, path = record_name(account), vault_path()
    is_new = not path.exists()
    phrase = passphrase(passphrase_file, new=is_new)
    opened = None if is_new else Vault.open(path, phrase)
    given = keys(keys_file)
    if not given:
        raise ConfigError(f"{name}: no key was given. Paste the key that the venue shows.")
    opened = opened or Vault.create(path, phrase)
    replaced = name in opened.names()
    opened.put(name, given)
    text = f"The keys of {name} are in {path}{', in place of those it had' if replaced else ''}."
    answer({"account": name, "replaced": replaced, "vault": path}, text, as_json=json)


@app.command("list")
def list_(
    verify: Annotated[bool, typer.Option("--verify", help="Open the vault, and try every record.")] = False,
    passphrase_file: PassphraseFile = None,
    json: AsJson = False,
) -> None:
    """Whose keys are here. Names lie open; --verify asks for the passphrase and sees that each record is whole."""
    from workbench.settings import Vault, vault_path

    path = vault_path()
    if verify:
        names = Vault.open(path, passphrase(passphrase_file)).names()
    else:
        names = Vault.listed(path) if path.exists() else []
    text = "\n".join(names) or f"No keys are kept in {path}."
    answer({"vault": path, "accounts": names, "verified": verify}, text, as_json=json)


@app.command()
def remove(account: Name, passphrase_file: PassphraseFile = None, json: AsJson = False) -> None:
    """Forget the keys of an account. At the venue they stay valid until you delete them there."""
    from workbench.settings import Vault, record_name, vault_path

    name, path = record_name(account), vault_path()
    Vault.open(path, passphrase(passphrase_file)).remove(name)
    answer({"account": name, "removed": True}, f"The keys of {name} are gone from {path}.", as_json=json)


@app.command()
def password(
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[
        str | None,
        typer.Option(help="Like --passphrase-file; with - for both it is the second line."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Change the vault's passphrase: every record is sealed anew, at once."""
    from workbench.settings import Vault, vault_path

    opened = Vault.open(vault_path(), passphrase(passphrase_file))
    opened.change_passphrase(passphrase(new_passphrase_file, new=True))
    answer({"changed": True, "accounts": opened.names()}, "The passphrase was changed.", as_json=json)
