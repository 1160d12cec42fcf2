"""`workbench config`: the settings shown, set, edited and brought up to date."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.output import AsJson, answer
from workbench.errors import ConfigError

app = typer.Typer(help="The settings in config.yaml.", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help='With dots: defaults.venue, fees."binance BTC/USDT".maker.')]


@app.command()
def show(
    key: Annotated[str | None, typer.Argument(help="One setting, or a group of them; left out: all.")] = None,
    json: AsJson = False,
) -> None:
    """Show settings; `=` marks what is set, the others are as they come."""
    from workbench.settings import ReadOnly, load_config

    found = ReadOnly(load_config())
    chosen = found[key] if key else found
    if not isinstance(chosen, ReadOnly):
        answer(chosen, str(chosen), as_json=json)
        return
    rows = [{"setting": path, "value": value, "is_set": not default} for path, value, default in chosen.walk()]
    text = "\n".join(f"{'=' if row['is_set'] else ' '} {row['setting']:<32} {_shown(row['value'])}" for row in rows)
    answer({"path": _path(), "settings": rows}, f"{text}\nin {_path()}", as_json=json)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _path() -> Path:
    from workbench.settings import config_path

    return config_path()


@app.command("set")
def set_(
    key: Key,
    value: Annotated[
        str | None, typer.Argument(help="As in YAML: 0.02, yes, [BTC/USDT]. Left out: see --unset.")
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take it out: its default is meant again.")] = False,
    json: AsJson = False,
) -> None:
    """Set one setting; comments in the file stay, and what cannot be changes nothing."""
    from workbench.settings import ReadOnly, set_value, unset_value

    if unset == (value is not None):
        raise ConfigError(f"Give `{key}` a value, or take it out with --unset.")
    config = unset_value(key) if value is None else set_value(key, value)
    if value is None:
        answer({"setting": key, "unset": True}, f"{key} is as it comes.", as_json=json)
        return
    now = ReadOnly(config)[key] if '"' not in key else value
    answer({"setting": key, "value": now}, f"{key}: {now}", as_json=json)


@app.command()
def edit(
    ask: Annotated[bool, typer.Option("--ask", help="Ask for each setting, instead of opening an editor.")] = False,
    part: Annotated[str, typer.Option(help="With --ask, only those that begin so: defaults, limits, logs.")] = "",
    json: AsJson = False,
) -> None:
    """Change the settings in your editor, or question by question; what cannot be is said and not taken."""
    changed = _by_asking(part) if ask else _in_editor()
    said = f"{_path()} {'was changed' if changed else 'is as it was'}."
    answer({"path": _path(), "changed": changed}, said, as_json=json)


def _by_asking(part: str) -> bool:
    from workbench.settings import Config, ReadOnly, load_config, prompts, set_value

    now, changed = ReadOnly(load_config()), False
    for prompt in prompts(Config):
        if not prompt.path.startswith(part):
            continue
        choices = f" ({', '.join(prompt.choices)})" if prompt.choices else ""
        known = "" if now[prompt.path] is None else str(now[prompt.path])
        given = typer.prompt(f"{prompt.text}{choices}", default=known, err=True)
        while given not in ("", known):
            try:
                prompt.check(given)
                set_value(prompt.path, given)
                changed = True
                break
            except ConfigError as error:
                given = typer.prompt(f"{error} Again", default=known, err=True)
    return changed


def _in_editor() -> bool:
    """The editor gets a copy; it is taken over only if it is good, and kept beside the file if it is not."""
    from workbench.settings import check_config, editor, make_config, write_whole

    command = editor()
    if command is None or not sys.stdin.isatty():
        raise ConfigError("There is no editor to open here. Set EDITOR, or use `workbench config set`.")
    path = make_config()
    before = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(before)
        subprocess.run([*shlex.split(command), str(copy)], check=False)
        after = copy.read_bytes()
    if after == before:
        return False
    draft = path.with_name(f"{path.name}.draft")
    write_whole(draft, after)
    check_config(draft)
    if path.read_bytes() != before:
        raise ConfigError(f"{path} was changed by another program meanwhile. Yours is kept as {draft}.")
    write_whole(path, after)
    draft.unlink()
    return True


@app.command()
def migrate(
    undo: Annotated[bool, typer.Option("--undo", help="Put the file back that the last migration kept.")] = False,
    json: AsJson = False,
) -> None:
    """Bring the file up to date; the old one is kept beside it."""
    from workbench.settings import migrate_config, undo_migration

    if undo:
        back = undo_migration()
        answer({"restored": back}, f"{back.name} is the settings again.", as_json=json)
        return
    kept = migrate_config()
    text = f"{_path()} is up to date{f'; the old one is {kept.name}' if kept else ' already'}."
    answer({"migrated": kept is not None, "kept": kept}, text, as_json=json)
