"""Keys go through a run's whole life, and are then looked for wherever anything of it can be seen.

`python -m tests.live.canary` prints what was looked at: `row_81` of the failure catalogue. A key is looked for in every
form in which a client may send or print it: plain, backwards, URL-encoded, hexadecimal, base64 at each of three places.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.running import ACCOUNT, SPOT, end_all, fill_book, open_venue, until, urls
from workbench.live import Client, Run, run_folder
from workbench.live.process import find_process
from workbench.log import redacting
from workbench.settings import AccountKeys, Vault, vault_path

PASSPHRASE = "CANARY-correct-horse-battery"
NOTEBOOK = """
import workbench as wb
from workbench.settings import Vault, vault_path
vault = Vault.open(vault_path(), open({words!r}).read().strip())
keys = vault.keys("binance:main")
keys, vault, str(keys)
---
def sign(keys, secret):
    raise RuntimeError("the venue said no")
sign(keys, keys)
---
%tb
---
vars(keys) if hasattr(keys, "__dict__") else dir(keys)
---
run = wb.paper(wb.controllers.Bollinger(length=20), "binance", "ETH/USDT", simulated={door!r}, name="cell")
run.wait("running", seconds=240)["state"]
---
run.panel()
---
run.status(), run.events, run.plan, run.stop()
"""


@dataclass(slots=True)
class Scan:
    """What was looked at, and what was found there."""

    canaries: dict[str, list[bytes]]
    sinks: int = 0
    size: int = 0
    hits: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def secrets(self) -> int:
        return len(self.canaries)

    @property
    def forms(self) -> int:
        return max(len(forms) for forms in self.canaries.values())

    def look(self, name: str, content: bytes | str) -> None:
        """Look for every form of every secret in a sink."""
        raw = content.encode() if isinstance(content, str) else content
        self.sinks, self.size = self.sinks + 1, self.size + len(raw)
        self.names.append(f"{name} ({len(raw):,})")
        for secret, forms in self.canaries.items():
            self.hits += [f"{secret} in {name}" for form in forms if form in raw]

    def files(self, folder: Path, *, but: tuple[str, ...] = ()) -> None:
        """Every file under a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in but:
                with contextlib.suppress(FileNotFoundError):
                    self.look(str(path.relative_to(folder)), path.read_bytes())


def forms_of(secret: str) -> list[bytes]:
    """How it could be written; its halves too, if they are long enough to be nobody else's."""
    half = len(secret) // 2
    pieces = [secret[:half], secret[half:]] if half >= 16 else []
    return [one.encode() for one in {*redacting._forms(secret), *pieces} if len(one) >= 8]


def scan(home: Path) -> Scan:
    """A live run with keys from a vault: started, watched, broken, killed; and a notebook that has them in a cell."""
    with open_venue() as venue:
        account = venue.account(ACCOUNT)
        found = Scan({"key": forms_of(account.key), "secret": forms_of(account.secret),
                      "passphrase": forms_of(PASSPHRASE)})  # fmt: skip
        words = home.parent / f"{home.name}.words"
        words.touch(0o600)
        words.write_text(PASSPHRASE)
        made = Vault.create(vault_path(home), PASSPHRASE)
        for name in ("main", ACCOUNT):
            made.put(f"binance:{name}", AccountKeys.make(key=account.key, secret=account.secret))
        try:
            _run_live(found, venue, home, words)
            _notebook(found, venue, home, words)
            found.files(home)
        finally:
            end_all(home)
            words.unlink()
    return found


def _run_live(found: Scan, venue: Any, home: Path, words: Path) -> None:
    for scheme, url in urls(venue, SPOT).items():
        _say(found, home, "config", "set", f"venues.binance.urls.{scheme}", url)
    _say(
        found, home, "live", "bollinger", "--instrument", SPOT, "--account", "main", "--limit",
        "max_order_notional=500", "--name", "real", "--confirm", "real", "--passphrase-file", words, "--wait", 300,
    )  # fmt: skip
    folder = run_folder(home, "real")
    client = Client(folder, who="canary")
    until(lambda: client.status()["state"] == "running", 240.0)
    for role in ("runner", "supervisor"):
        pid = find_process(folder, role)  # type: ignore[arg-type]
        for part in ("cmdline", "environ"):
            found.look(f"/proc of the {role}: {part}", Path(f"/proc/{pid}/{part}").read_bytes())
        both = Client(folder, supervisor=role == "supervisor", who="canary")
        found.look(f"{role}: answers", json.dumps([both.hello(), both.status()]))
    found.look("runner: events", json.dumps(client.events(limit=200)))
    venue.control.reply(
        "GET /api/v3/openOrders", 401, -2015, "Invalid API-key, IP, or permissions for action.", times=3
    )
    venue.control.cut_sockets()  # it asks again, and is refused: words of an error are in its log
    fill_book(venue, SPOT, 3)
    for said in ("status", "logs", "runs", "doctor", "config", "secrets"):
        _say(found, home, *((said, "real") if said in ("status", "logs") else (said, "show") if said == "config" else
                            (said, "list") if said == "secrets" else (said,)))  # fmt: skip
    _say(found, home, "kill", "real")
    run = Run(folder)
    for name in ("orders", "fills", "equity", "events"):
        table = getattr(run, name)
        table.write_parquet(home / f"{name}.parquet")
        found.look(f"export of {name}", table.write_csv())
    found.look("log lines of a run", "\n".join(run.logs(1_000)))


def _say(found: Scan, home: Path, *given: object) -> None:
    environment = {**os.environ, "WORKBENCH_HOME": str(home)}
    words = [sys.executable, "-m", "workbench", *map(str, given)]
    done = subprocess.run(words, capture_output=True, env=environment, timeout=400, check=False)
    found.look(f"workbench {given[0]}: output", done.stdout)
    found.look(f"workbench {given[0]}: complaints", done.stderr)


def _notebook(found: Scan, venue: Any, home: Path, words: Path) -> None:
    """Cells that do what a careless person does; outputs, tracebacks, widget state and all."""
    import nbformat
    from nbclient import NotebookClient

    text = NOTEBOOK.replace("{words!r}", repr(str(words))).replace("{door!r}", repr(str(venue.control_url)))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one.strip()) for one in text.split("---")])
    before = os.environ.get("WORKBENCH_HOME")
    os.environ["WORKBENCH_HOME"] = str(home)
    try:
        NotebookClient(book, timeout=400, allow_errors=True, store_widget_state=True).execute()
    finally:
        os.environ.pop("WORKBENCH_HOME")
        if before is not None:
            os.environ["WORKBENCH_HOME"] = before
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    assert any(out.output_type == "error" for out in outputs), "the cell that fails did not"
    found.look("notebook: outputs, tracebacks, widget state", nbformat.writes(book))


def scan_objects(home: Path) -> tuple[list[str], int]:
    """Everything that a notebook can hold, printed in every way that Python has; what was found, and how many."""
    secret = "CANARY-0123456789abcdef0123456789abcdef"
    made = Vault.create(vault_path(home), PASSPHRASE)
    made.put("binance:main", AccountKeys.make(key=f"{secret}-key", secret=secret))
    opened = Vault.open(vault_path(home), PASSPHRASE)
    keys = opened.keys("binance:main")
    found = Scan({"secret": forms_of(secret), "passphrase": forms_of(PASSPHRASE)})
    for thing in (made, opened, keys):
        name = type(thing).__name__
        for how in (repr, str, format, ascii, _vars, copy.copy, copy.deepcopy, pickle.dumps, json.dumps, _as_json, dir):
            try:
                said = how(thing)  # type: ignore[operator]
            except Exception as error:
                said = traceback.format_exception(error)
            found.look(f"{how.__name__} of {name}", said if isinstance(said, bytes) else repr(said))
        found.look(f"traceback with {name}", _traceback(thing))
    return found.hits, found.sinks


def _vars(thing: Any) -> Any:
    return vars(thing)


def _as_json(thing: Any) -> Any:
    return json.dumps(thing, default=str)


def _traceback(keys: Any) -> str:
    try:
        raise RuntimeError(f"{keys}")
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def main() -> None:
    """Scan, and say what was looked at."""
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        found = scan(Path(folder))
    for name in found.names:
        print(name)  # noqa: T201
    print(f"{found.sinks} sinks, {found.size:,} bytes: {len(found.hits)} hits {found.hits}")  # noqa: T201
    raise SystemExit(bool(found.hits))


if __name__ == "__main__":
    main()
