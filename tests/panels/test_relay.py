"""Who may use the relay: pages of this server by a person who is logged in, and nobody else."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import served
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.live.served import Spoken
from tests.live.served import served as run_served
from workbench.controllers import Bollinger
from workbench.live import Plan


class Looked(Spoken):
    """Commands of a run that can be watched."""

    def look(self) -> dict[str, Any]:
        return {"state": "running", "number": 0, "markets": []}

    async def prepare(self, parameters: dict[str, Any], *, who: str = "") -> dict[str, Any]:
        self.done.append(("prepare", parameters))
        return {"prepared": {"ticket": 7}}


class Browser:
    """A person's browser: it keeps the cookies of the server that it logged in at."""

    def __init__(self, address: str) -> None:
        self.address, self.jar = address, http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self._opener.open(f"{address}/lab?token=test").read()

    @property
    def xsrf(self) -> str:
        return str(next(one.value for one in self.jar if one.name == "_xsrf"))

    @property
    def cookies(self) -> str:
        return "; ".join(f"{one.name}={one.value}" for one in self.jar)

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"{self.address}/workbench/{path}", json.dumps(body).encode(), headers)
        return self._done(request)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self._done(urllib.request.Request(f"{self.address}/workbench/{path}", headers=headers))

    def _done(self, request: Any) -> tuple[int, Any]:
        try:
            with self._opener.open(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any, Path]]:
    """A JupyterLab, and beside it a run whose socket is served."""
    folder: Path = tmp_path_factory.mktemp("relay")
    path = folder / "home" / "runs" / "held"
    with run_served(path, Looked()) as (run, commands), served(folder) as address:
        Plan.make(Bollinger(), "binance", "BTC/USDT", name="held", mode="paper").write(run.path)
        yield address, commands, run.path


def test_who_is_logged_in_may_look_and_command(rooms):
    address, commands, path = rooms
    person = Browser(address)
    assert person.post("do/pause?name=held", {}, **{"X-XSRFToken": person.xsrf})[0] == 200
    assert commands.done[-1][0] == "pause"
    assert "panel (process" in commands.done[-1][1]
    code, said = person.post("do/resume?name=held", {}, **{"X-XSRFToken": person.xsrf})
    assert (code, json.loads(said)["error"]) == (409, "nothing is paused. Pause it first.")
    with connect(f"ws{address[4:]}/workbench/live?name=held", additional_headers={"Cookie": person.cookies}) as socket:
        state = json.loads(socket.recv(timeout=20))["state"]
    assert state["state"] == "running"
    assert (path / "token").read_text() not in json.dumps(state)


def refused(address: str) -> Iterator[tuple[str, int]]:
    """Requests that must not be served, and what came of each."""
    person, nobody = Browser(address), Browser.__new__(Browser)
    nobody.address, nobody._opener = address, urllib.request.build_opener()
    ours = {"X-XSRFToken": person.xsrf}
    elsewhere = {"Origin": "http://elsewhere.example"}
    kill = {"confirm": "held"}
    yield "nobody logged in", nobody.post("do/kill?name=held", kill)[0]
    yield "nobody logged in looks", nobody.get("runs")[0]
    yield "no XSRF token", person.post("do/kill?name=held", kill)[0]
    yield "a wrong XSRF token", person.post("do/kill?name=held", kill, **{"X-XSRFToken": "0" * 32})[0]
    yield "a page of another origin", person.post("do/kill?name=held", kill, **ours, **elsewhere)[0]
    yield (
        "another site, says the browser",
        person.post("do/kill?name=held", kill, **ours, **{"Sec-Fetch-Site": "cross-site"})[0],
    )
    yield "another origin looks", person.get("runs", **elsewhere)[0]
    yield "a kill that names no run", person.post("do/kill?name=held", {}, **ours)[0]
    yield "a kill that names another", person.post("do/kill?name=held", {"confirm": "other"}, **ours)[0]
    yield "an unknown command", person.post("do/adopt?name=held", {}, **ours)[0]
    yield "an unknown argument", person.post("do/pause?name=held", {"now": True}, **ours)[0]
    yield "an argument of the wrong kind", person.post("do/stop?name=held", {"hold": "yes"}, **ours)[0]
    yield "no JSON object", person.post("do/pause?name=held", [1], **ours)[0]
    yield "a name that climbs", person.post("do/pause?name=..%2Fheld", {}, **ours)[0]
    yield "a run that is gone", person.post("do/pause?name=gone", {}, **ours)[0]
    yield "a file that is no asset", person.get("asset/relay.py")[0]
    yield "a path that climbs", person.get("asset/..%2Frelay.py")[0]


def test_nobody_else_is_served(rooms):
    address, commands, _ = rooms
    before = len(commands.done)
    answers = dict(refused(address))
    assert {what: code for what, code in answers.items() if code < 400} == {}
    assert len(commands.done) == before


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null"])
def test_a_socket_of_another_origin_or_of_nobody_is_refused(rooms, origin):
    address, _, _ = rooms
    person, at = Browser(address), f"ws{address[4:]}/workbench/live?name=held"
    with pytest.raises(InvalidStatus), connect(at, additional_headers={"Cookie": person.cookies}, origin=origin):
        pass
    with pytest.raises(InvalidStatus), connect(at):
        pass


def test_a_run_that_others_may_read_is_left_alone(rooms):
    address, _, path = rooms
    person = Browser(address)
    path.chmod(0o755)
    try:
        code, said = person.post("do/pause?name=held", {}, **{"X-XSRFToken": person.xsrf})
    finally:
        path.chmod(0o700)
    assert code == 409
    assert "not ours alone" in json.loads(said)["error"]
