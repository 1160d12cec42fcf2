"""Where the keys of a run come from: the vault, or, at a simulated venue, the venue itself; and its time likewise."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.connectors import Clock, PacedClock, SystemClock
from workbench.errors import ConfigError
from workbench.live.folder import RunFolder
from workbench.live.plan import Mode, Plan

DOOR = "simulated.json"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ASK_S = 3.0


def keys_of(plan: Plan, folder: RunFolder | None = None, passphrase: Any = None) -> dict[str, dict[str, str]]:
    """What the accounts of a plan sign with, by "venue:account". A paper run needs none.

    Raises
    ------
    ConfigError
        If the vault does not open, or has none for an account.
    """
    if not plan.needs_keys:
        return {}
    if plan.mode == Mode.SIMULATED:
        door = json.loads((folder.path / DOOR).read_text())["door"] if folder is not None else ""
        return simulated_keys(plan, door)
    from workbench.settings import Vault, vault_path

    if not vault_path().exists():
        raise ConfigError(f"there is no vault yet. `workbench secrets add {plan.needs_keys[0]}` makes one.")
    vault = Vault.open(vault_path(), passphrase or _ask())
    return {account: vault.keys(account).reveal() for account in plan.needs_keys}


def simulated_keys(plan: Plan, door: str) -> dict[str, dict[str, str]]:
    """The keys that a simulated venue has made up; they open nothing else."""
    names = {account: account.partition(":")[2] for account in plan.needs_keys}
    return {account: ask_door(door, f"keys?account={name}")["hmac"] for account, name in names.items()}


def ask_door(door: str, path: str) -> Any:
    """Ask the control door of a simulated venue, on loopback only."""
    if urlsplit(door).hostname not in LOOPBACK:
        raise ConfigError(f"{door!r} is not on this machine. A simulated venue is: `workbench venue` opens one.")
    try:
        with urllib.request.urlopen(f"{door.rstrip('/')}/{path}", timeout=ASK_S) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ConfigError(f"no simulated venue answers at {door}: {reason}. `workbench venue` opens one.") from error


def simulated_urls(door: str, account: str) -> Mapping[str, Mapping[str, str]]:
    """Where its spot and its futures listen, by kind, as a plan's `urls` has them."""
    found = {}
    for kind, name in (("spot", "public"), ("perpetual", "fapiPublic")):
        query = f"ccxt?account={account}&perpetual={'true' if kind == 'perpetual' else 'false'}"
        url = urlsplit(ask_door(door, query)["urls"]["api"][name])
        found[kind] = {"http": f"http://{url.netloc}", "ws": f"ws://{url.netloc}"}
    return found


def clock_of(plan: Plan, folder: RunFolder) -> Clock:
    """The machine's clock; at a simulated venue that replays a market, that market's."""
    note = folder.path / DOOR
    if plan.mode != Mode.SIMULATED or not note.exists():
        return SystemClock()
    told = ask_door(json.loads(note.read_text())["door"], "clock")
    return SystemClock() if told["is_wall"] else PacedClock(told["now_ms"], told["speed"])


def _ask() -> str:
    import getpass
    import sys

    if "ipykernel" not in sys.modules and not sys.stdin.isatty():
        raise ConfigError("nobody is there to type the vault's passphrase. Give --passphrase-file.")
    return getpass.getpass("Passphrase of the vault: ")
