"""The other end of the control channel: plain calls that work in a notebook's cell, in a terminal and beside a loop.

Nothing here is asynchronous, so it is the same in a cell with or without a running event loop; every call has an end.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError, WorkbenchError
from workbench.live.admission import HOST, PROTOCOL, TOKEN, VERSION, WHO, peer
from workbench.live.folder import RunFolder

ASK_S, STOP_S, KILL_S, WATCH_S = 5.0, 45.0, 30.0, 1.5
MOST_ANSWER = 64 * 1024 * 1024


class NotReached(ConfigError):
    """Nobody answers at a run's socket."""


class Client:
    """One run's socket, seen from outside.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    supervisor : bool
        Talk to its supervisor instead of its runner.
    who : str
        As what it is journalled: "notebook", "terminal", …

    Raises
    ------
    NotReached
        By every call, if nobody answers.
    ConfigError
        By every call, if the answer is no; the sentence says why.
    """

    def __init__(self, folder: RunFolder, *, supervisor: bool = False, who: str = "notebook") -> None:
        self.folder, self.who = folder, who
        self.path = folder.supervisor_socket if supervisor else folder.socket
        self._what = "supervisor" if supervisor else "runner"

    @property
    def name(self) -> str:
        """Of the run."""
        return self.folder.path.name

    # --- calls ---

    def hello(self, *, timeout_s: float = ASK_S) -> dict[str, Any]:
        """Who is there: protocol, version, process."""
        return self._ask("GET", "/hello", timeout_s=timeout_s)

    def status(self, *, timeout_s: float = ASK_S) -> dict[str, Any]:
        """What the run is and does."""
        return self._ask("GET", "/status", timeout_s=timeout_s)

    def events(self, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        """Entries of the journal after a number, oldest first."""
        return self._ask("GET", f"/events?after={after}&limit={limit}")["events"]

    def follow(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Entries after a number, and each that comes, until the run ends or the caller leaves the loop."""
        yield from self._listen(f"/follow?after={after}")

    def watch(self) -> Iterator[dict[str, Any]]:
        """How it stands, ten times a second at most, until the run ends or the caller leaves the loop."""
        yield from self._listen("/watch", patience_s=WATCH_S)

    def _listen(self, path: str, patience_s: float | None = None) -> Iterator[dict[str, Any]]:
        from websockets.exceptions import ConnectionClosed, InvalidStatus
        from websockets.sync.client import unix_connect

        uri = f"ws://{HOST.decode()}{path}"
        try:
            with (
                _reachable(self.path) as address,
                unix_connect(address, uri, additional_headers=self._headers(), compression=None,
                             open_timeout=ASK_S, max_size=MOST_ANSWER) as socket_,
            ):  # fmt: skip
                while True:
                    yield json.loads(socket_.recv(timeout=patience_s))
        except ConnectionClosed:
            return
        except InvalidStatus as error:
            raise ConfigError(f"{self.name}: its {self._what} lets nobody follow: {error}.") from error
        except TimeoutError as error:
            raise self._hangs(patience_s or ASK_S) from error
        except OSError as error:
            raise self._nobody(error) from error

    def look(self) -> dict[str, Any]:
        """How it stands now, as a panel sees it."""
        return next(iter(self.watch()))

    def pause(self) -> dict[str, Any]:
        """Open nothing more; exits go on."""
        return self._ask("POST", "/pause", {})

    def resume(self) -> dict[str, Any]:
        """Open again."""
        return self._ask("POST", "/resume", {})

    def update(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Change parameters that may change while it trades."""
        return self._ask("POST", "/update", {"parameters": dict(parameters)})

    def prepare(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Lay new parameters ready; the answer has the ticket to commit them by."""
        return self._ask("POST", "/prepare", {"parameters": dict(parameters)})

    def commit(self, ticket: int) -> dict[str, Any]:
        """Let the set of this ticket take over at the end of the open bar."""
        return self._ask("POST", "/commit", {"ticket": ticket})

    def discard(self, ticket: int) -> dict[str, Any]:
        """Take it away again."""
        return self._ask("POST", "/discard", {"ticket": ticket})

    def stop(self, *, hold: bool = True) -> dict[str, Any]:
        """End in order: cancel, prove, close what is held unless `hold`; says what is left."""
        return self._ask("POST", "/stop", {"hold": hold}, timeout_s=STOP_S)

    def kill(self, *, flatten: bool = False, timeout_s: float = KILL_S) -> dict[str, Any]:
        """Cancel everything now, prove it, and end."""
        return self._ask("POST", "/kill", {"flatten": flatten}, timeout_s=timeout_s)

    # --- inside ---

    def _headers(self) -> dict[str, str]:
        try:
            token = self.folder.token.read_text().strip()
        except FileNotFoundError:
            raise self._nobody(None) from None
        except OSError as error:
            raise ConfigError(f"{self.name}: {self.folder.token} cannot be read: {error.strerror}.") from error
        pairs = ((TOKEN, token), (VERSION, str(PROTOCOL)), (WHO, self.who))
        return {name.decode(): value for name, value in pairs}

    def _ask(self, method: str, path: str, body: Any = None, *, timeout_s: float = ASK_S) -> dict[str, Any]:
        raw = None if body is None else json.dumps(body).encode()
        headers = {**self._headers(), "Host": HOST.decode()}
        if raw is not None:
            headers["Content-Type"] = "application/json"
        connection = _Unix(self.path, timeout_s)
        try:
            connection.request(method, path, raw, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read(MOST_ANSWER) or b"{}")
        except TimeoutError as error:
            raise self._hangs(timeout_s) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._nobody(error) from error
        finally:
            connection.close()
        return self._judge(answer.status, said, answer.getheader(VERSION.decode()))

    def _judge(self, status: int, said: Any, version: str | None) -> dict[str, Any]:
        if version is not None and version != str(PROTOCOL):
            raise ConfigError(
                f"{self.name} is run by another version of workbench: it speaks version {version} of the control "
                f"protocol, this is {PROTOCOL}. Stop it with the version that started it; `workbench kill {self.name}` "
                "works from any."
            )
        if status == 200:
            return said
        reason = said.get("error", status) if isinstance(said, dict) else status
        raise ConfigError(str(reason) if status == 409 else f"{self.name}: its {self._what} says: {reason}.")

    def _nobody(self, error: BaseException | None) -> NotReached:
        if not self.folder.path.exists():
            return NotReached(f"there is no run {self.name!r}. `workbench runs` lists those that there are.")
        detail = f" ({error})" if isinstance(error, OSError) and error.strerror is None and str(error) else ""
        return NotReached(f"the {self._what} of {self.name} is not at work{detail}. `workbench status {self.name}` "
                          "says what became of it.")  # fmt: skip

    def _hangs(self, timeout_s: float) -> NotReached:
        return NotReached(f"the {self._what} of {self.name} did not answer within {timeout_s:g} s; it may hang. "
                          f"`workbench kill {self.name}` works without it.")  # fmt: skip


def is_there(client: Client, *, timeout_s: float = 0.3) -> bool:
    """Does it answer, and soon?"""
    try:
        client.hello(timeout_s=timeout_s)
    except WorkbenchError:
        return False
    return True


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """An address for `connect`: those of sockets have at most 107 bytes, a longer one is reached by its folder."""
    if len(os.fsencode(path)) < 108:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _Unix(http.client.HTTPConnection):
    """HTTP over a UNIX socket whose other end must be a process of ours."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__(HOST.decode(), timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with _reachable(self._path) as address:
            self.sock.connect(address)
        _, user = peer(self.sock)
        if user != os.getuid():
            raise ConnectionRefusedError(f"user {user} listens there")
