"""A small extension of the Jupyter server: what a panel in the browser says to a run, past the kernel.

The browser speaks to the server that it is logged in at; the server speaks to the run's socket, with the run's token,
which never leaves it. A page of another origin is refused, and a command without Jupyter's own XSRF token too. It is
switched on by `etc/jupyter/jupyter_server_config.d/workbench.json`, which comes with the package.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from workbench import __version__
from workbench.errors import ConfigError, WorkbenchError
from workbench.panels.backroom import BackRoom
from workbench.panels.watching import Watch

ASSETS = Path(__file__).with_name("assets")
KINDS = {".mjs": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
PACE_S = 0.1  # ten messages a second at most
MOST_WAITING, MOST_BODY, MOST_ROOMS = 2_000, 65_536, 8
COMMANDS: dict[str, dict[str, type]] = {
    "pause": {}, "resume": {}, "stop": {"hold": bool}, "kill": {"flatten": bool}, "prepare": {"parameters": dict},
    "commit": {"ticket": int}, "discard": {"ticket": int},
}  # fmt: skip


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """What the Jupyter server looks for."""
    return [{"module": "workbench.panels.relay"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Add our addresses to the server's."""
    state = Relay()
    at = url_path_join(server.web_app.settings["base_url"], "workbench")
    server.web_app.add_handlers(".*$", [
        (url_path_join(at, "live"), Live, {"relay": state}),
        (url_path_join(at, "hello"), Hello, {"relay": state}),
        (url_path_join(at, "runs"), Runs, {"relay": state}),
        (url_path_join(at, r"do/(\w+)"), Command, {"relay": state}),
        (url_path_join(at, r"(bars|effect)"), Computed, {"relay": state}),
        (url_path_join(at, r"asset/([\w-]+\.\w+)"), Asset, {"relay": state}),
    ])  # fmt: skip
    server.log.info("workbench: panels of runs are served under %s", at)


def tell(viewers: list[Live], state: str, items: list[str]) -> None:
    """Have all of them hear it."""
    for one in viewers:
        one.hear(state, items)


class Relay:
    """What all requests share: the watches and the back rooms."""

    def __init__(self) -> None:
        self._watches: dict[str, tuple[Watch, set[Live]]] = {}
        self._rooms: dict[tuple[str, str], BackRoom] = {}

    def join(self, folder: Any, live: Live) -> None:
        """Have this panel told of a run; two panels of one run share a watch."""
        key = str(folder.path)
        if key not in self._watches:
            viewers: set[Live] = set()
            loop = asyncio.get_running_loop()

            def publish(state: str, items: list[str]) -> None:
                loop.call_soon_threadsafe(tell, list(viewers), state, items)

            self._watches[key] = (Watch(folder, publish), viewers)
        watch, viewers = self._watches[key]
        viewers.add(live)
        state, items = watch.kept()
        if state:
            live.hear(state, items)

    def leave(self, folder: Any, live: Live) -> None:
        """It looks on no more; the last one that leaves ends the watch."""
        watch, viewers = self._watches.get(str(folder.path), (None, set()))
        viewers.discard(live)
        if watch is not None and not viewers:
            watch.close()
            del self._watches[str(folder.path)]
        for room in self._rooms.values():
            room.close_if_idle()

    def room(self, task: str, data: str) -> BackRoom:
        """The process that computes this, over this store."""
        if (task, data) not in self._rooms and len(self._rooms) >= MOST_ROOMS:
            self._rooms.pop(next(iter(self._rooms))).close()
        return self._rooms.setdefault((task, data), BackRoom(task, data))


async def in_thread(work: Callable[[], Any]) -> Any:
    """What it comes to, done in a thread of its own, which holds no server that leaves."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(found: Any, error: BaseException | None) -> None:
        if future.done():  # who asked has gone
            return
        if error is None:
            future.set_result(found)
        else:
            future.set_exception(error)

    def go() -> None:
        try:
            came: tuple[Any, BaseException | None] = (work(), None)
        except Exception as error:
            came = (None, error)
        with contextlib.suppress(RuntimeError):  # the server has left
            loop.call_soon_threadsafe(settle, *came)

    threading.Thread(target=go, name="workbench", daemon=True).start()
    return await future


def run_folder_of(handler: Any) -> Any:
    """The folder of the run that a request names, if it is one of ours.

    Raises
    ------
    ConfigError
        If there is none of that name, or it belongs to somebody else.
    """
    from workbench.live import RunFolder

    name = handler.get_query_argument("name", "")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name[:80]!r} is no name of a run.")
    path = home_of(handler) / "runs" / name
    if not (path / "run.json").is_file():
        raise ConfigError(f"there is no run {name!r} in {path.parent} any more. `workbench runs` lists those that are.")
    found = path.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(f"{path} is not ours alone (it must be 0700), so it is left alone.")
    return RunFolder(path)


def home_of(handler: Any) -> Path:
    """Where the runs lie that a request means: what it says, or what this server would say."""
    from workbench.settings import home_folder

    given = handler.get_query_argument("home", "")
    return Path(given) if given.startswith("/") else home_folder()


class SameOrigin:
    """Serves pages of this server alone, whatever else its settings let in."""

    def check_origin(self, origin: str | None = None) -> bool:
        """Is the page that asks one of ours?"""
        headers = self.request.headers  # type: ignore[attr-defined]
        origin = origin or headers.get("Origin")
        if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        return origin is None or urlsplit(origin.lower()).netloc == headers.get("Host", "").lower()


class Ours(SameOrigin, APIHandler):
    """A request of a panel; what cannot be done comes back as a sentence."""

    def initialize(self, relay: Relay) -> None:
        """Take what all share."""
        self.relay = relay

    async def answer(self, work: Callable[[], Any]) -> None:
        """Do it in a thread, and send what came of it."""
        try:
            found = await in_thread(work)
        except WorkbenchError as error:
            self.set_status(409)
            found = {"error": str(error)}
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(found, default=str))

    def body(self) -> dict[str, Any]:
        """The JSON object of the request."""
        if len(self.request.body) > MOST_BODY:
            raise web.HTTPError(413)
        found = self.get_json_body()
        if not isinstance(found, dict):
            raise web.HTTPError(400, "no JSON object")
        return found


class Hello(Ours):
    """Is the relay there, and of which version?"""

    @web.authenticated
    async def get(self) -> None:
        """Say so."""
        self.finish({"version": __version__})


class Runs(Ours):
    """What `wb.dashboard()` shows."""

    @web.authenticated
    async def get(self) -> None:
        """A row for each run."""
        from workbench.panels.listing import rows

        home = home_of(self)
        await self.answer(lambda: {"runs": rows(home)})


class Command(Ours):
    """Pause, resume, stop, kill, and parameters in two steps."""

    @web.authenticated
    async def post(self, verb: str) -> None:
        """Pass it on to the run, in a thread of its own, so that no other waits."""
        given, known = self.body(), COMMANDS.get(verb)
        confirmed = given.pop("confirm", "")
        if known is None or not all(name in known and isinstance(given[name], known[name]) for name in given):
            raise web.HTTPError(400, "no such command, or not with these arguments")
        if verb == "kill" and confirmed != self.get_query_argument("name", ""):
            raise web.HTTPError(400, "a kill names its run twice")
        await self.answer(lambda: command(run_folder_of(self), verb, given))


def command(folder: Any, verb: str, given: dict[str, Any]) -> dict[str, Any]:
    """Do what a button says; it is journalled as asked for by "panel"."""
    from workbench.live import Client, NotReached

    runner, supervisor = Client(folder, who="panel"), Client(folder, supervisor=True, who="panel")
    if verb not in ("stop", "kill"):
        arguments = list(given.values())
        return dict(getattr(runner, verb)(*arguments))
    try:
        return dict(getattr(supervisor, verb)(**given))
    except NotReached:
        return dict(runner.stop(**given)) if verb == "stop" else kill_alone(folder, given)


def kill_alone(folder: Any, given: dict[str, Any]) -> dict[str, Any]:
    """A kill without a supervisor, from here; keys that lie in the vault are out of reach, and that is said."""
    from workbench.live import Mode, Run

    run = Run(folder, who="panel")
    if run.plan.mode == Mode.LIVE:
        raise ConfigError(f"the supervisor of {run.name} is dead, and the keys lie in the vault. Type "
                          f"`workbench kill {run.name}` in a terminal NOW; it asks for the passphrase.")  # fmt: skip
    return run.kill(**given)


class Computed(Ours):
    """Bars for the chart, and what other parameters would have done."""

    @web.authenticated
    async def post(self, task: str) -> None:
        """Ask the back room."""
        from workbench.settings import data_folder

        given = {**self.body(), "folder": str(run_folder_of(self).path)}
        room = self.relay.room(task, self.get_query_argument("data", "") or str(data_folder()))
        await self.answer(lambda: room.ask(given))


class Asset(SameOrigin, JupyterHandler):
    """The panel's own code and the chart library, from the package itself."""

    def initialize(self, relay: Relay) -> None:
        """There is nothing to share."""

    @web.authenticated
    async def get(self, name: str) -> None:
        """A file of the assets, and nothing else."""
        path = ASSETS / name
        if path.suffix not in KINDS or not path.is_file():
            raise web.HTTPError(404)
        self.set_header("Content-Type", KINDS[path.suffix])
        self.set_header("Cache-Control", "max-age=60")
        self.finish(path.read_bytes())


class Live(SameOrigin, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """Live values, ten times a second at most: the state as it is now, and each item of the journal once."""

    def initialize(self, relay: Relay) -> None:
        """Take what all share."""
        self.relay = relay
        self._state, self._items = "", list[str]()
        self._new = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._folder: Any = None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Who is logged in may look."""
        if not self.current_user:
            raise web.HTTPError(403)
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin with all that is known."""
        super().open(*args, **kwargs)
        try:
            self._folder = run_folder_of(self)
        except WorkbenchError as error:
            self.close(4404, str(error)[:120])
            return
        self._pump = asyncio.ensure_future(self._send())
        self.relay.join(self._folder, self)

    def on_message(self, message: str | bytes) -> None:
        """A panel has nothing to say here."""

    def on_close(self) -> None:
        """It looks on no more."""
        super().on_close()
        if self._pump is not None:
            self._pump.cancel()
        if self._folder is not None:
            self.relay.leave(self._folder, self)

    def hear(self, state: str, items: list[str]) -> None:
        """The latest state replaces one that was not sent yet; items wait, up to a bound."""
        self._state = state
        self._items += items
        if len(self._items) > MOST_WAITING:
            self.close(4408, "too slow")
        self._new.set()

    async def _send(self) -> None:
        try:
            while True:
                await self._new.wait()
                self._new.clear()
                state, items, self._items = self._state or "null", self._items, []
                await self.write_message(f'{{"state":{state},"items":[{",".join(items)}]}}')
                await asyncio.sleep(PACE_S)
        except WebSocketClosedError:
            return
