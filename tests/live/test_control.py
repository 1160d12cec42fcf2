"""The control channel: what it serves, what every hostile request comes to, and the sentences of its client."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.live.served import Spoken, served
from workbench.errors import ConfigError
from workbench.live import Client, NotReached, RunFolder, admission, client, control
from workbench.live.admission import ensure_token
from workbench.live.control import Control

NOBODY = 65534


@pytest.fixture
def run(tmp_path):
    with served(tmp_path / "run") as (folder, commands):
        yield folder, commands


# --- what is served --------------------------------------------------------------------------------------------------


def test_a_client_asks_and_commands(run):
    folder, commands = run
    client = Client(folder, who="tests")
    assert client.hello()["protocol"] == 1
    assert client.status() == {"state": "running"}
    assert [entry["number"] for entry in client.events(after=3)] == [4, 5]
    assert client.pause() == {"paused": True}
    assert commands.done[-1] == ("pause", f"tests (process {os.getpid()})")
    assert client.update({"length": 5}) == {"updated": {"length": 5}}
    assert client.stop(hold=False) == {"left": []}
    assert client.kill(flatten=True) == {"killed": True}


def test_a_command_that_cannot_be_done_is_its_own_sentence(run):
    with pytest.raises(ConfigError, match=r"^nothing is paused\. Pause it first\.$"):
        Client(run[0]).resume()


def test_a_client_works_inside_a_running_event_loop(run):
    async def cell():
        return Client(run[0]).status()

    assert asyncio.run(cell()) == {"state": "running"}


def test_a_follower_is_told_all_and_the_end(run):
    assert [entry["number"] for entry in Client(run[0]).follow(after=2)] == [3, 4, 5]


def test_a_follower_that_reads_nothing_is_let_go_and_holds_nobody_up(tmp_path, monkeypatch, within):
    commands, is_let_go, real = Spoken(n_events=10**9), threading.Event(), control._pass_on

    async def pass_on(*given):
        try:
            await real(*given)
        finally:
            is_let_go.set()

    monkeypatch.setattr(control, "_pass_on", pass_on)
    with served(tmp_path / "run", commands) as (folder, _):
        following = Client(folder).follow()
        assert next(following)["number"] == 1
        start = time.monotonic()
        for _ in range(20):
            Client(folder).status()
        within("twenty requests beside a follower that reads nothing", time.monotonic() - start, 2.0)
        is_let_go.wait()  # the run goes on, and has more to tell than anybody could read
        numbers = [entry["number"] for entry in following]
        assert numbers == list(range(2, len(numbers) + 2))
        assert Client(folder).status() == {"state": "running"}


def test_socket_folder_and_token_are_for_their_owner_alone(run):
    folder, _ = run
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.token.stat().st_mode) == 0o600
    assert len(bytes.fromhex(folder.token.read_text())) == 32


def test_no_tcp_port_is_opened(tmp_path):
    before = listening()  # by whatever else this process has
    with served(tmp_path / "run") as (folder, _):
        assert Client(folder).status() == {"state": "running"}
        assert listening() <= before


def listening() -> set[str]:
    """Where this process listens on TCP."""
    lines = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[3] for line in lines if f"pid={os.getpid()}," in line}


def test_a_token_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "token"
    ensure_token(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="may be read by others"):
        ensure_token(path)


def test_a_socket_in_a_deep_folder_is_reached(tmp_path):
    with served(tmp_path / ("deep" * 12) / ("er" * 30)) as (folder, _):
        assert len(str(folder.socket)) > 108
        assert Client(folder).status() == {"state": "running"}
        assert len(list(Client(folder).follow())) == 5


def test_whom_nobody_answers_gets_a_sentence(tmp_path, run):
    with pytest.raises(NotReached, match="there is no run 'gone'"):
        Client(RunFolder(tmp_path / "gone")).status()
    with pytest.raises(NotReached, match="the supervisor of run is not at work"):
        Client(run[0], supervisor=True).status()


def test_a_runner_that_hangs_is_named_after_the_time_given(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir(mode=0o700)
    ensure_token(folder.token)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder.socket))
        listener.listen()
        with pytest.raises(NotReached, match=r"did not answer within 0\.1 s; it may hang"):
            Client(folder).status(timeout_s=0.1)


def test_a_runner_of_another_version_is_named(run, monkeypatch):
    monkeypatch.setattr(client, "PROTOCOL", 2)
    with pytest.raises(ConfigError, match="speaks version 1 of the control protocol, this is 2"):
        Client(run[0]).status()


# --- what is not -----------------------------------------------------------------------------------------------------

GOOD = {
    "Host": "workbench",
    "X-Workbench-Token": "TOKEN",
    "X-Workbench-Protocol": "1",
    "Content-Type": "application/json",
}


def request(line="POST /kill", body="{}", drop=(), more=(), **headers) -> str:
    """A request that would be served, but for what is changed in it."""
    given = {**GOOD, "Content-Length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines = [f"{name}: {value}" for name, value in given.items() if name not in drop]
    return "\r\n".join([f"{line} HTTP/1.1", *lines, *more, "", body])


UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]  # fmt: skip
FOLLOW = {"line": "GET /follow", "body": "", "drop": ("Content-Type", "Content-Length")}

HOSTILE = {
    "no token": request(drop=("X-Workbench-Token",)),
    "wrong token": request(X_Workbench_Token="0" * 64),
    "empty token": request(X_Workbench_Token=""),
    "half a token": request(X_Workbench_Token="HALF"),
    "token twice": request(more=["X-Workbench-Token: TOKEN"]),
    "token in the query": request("POST /kill?token=TOKEN", drop=("X-Workbench-Token",)),
    "token in the query too": request("POST /kill?token=TOKEN"),
    "token in a cookie": request(drop=("X-Workbench-Token",), Cookie="token=TOKEN"),
    "token as a bearer": request(drop=("X-Workbench-Token",), Authorization="Bearer TOKEN"),
    "token in the body": request(body='{"token": "TOKEN"}', drop=("X-Workbench-Token",)),
    "Host of a web page": request(Host="evil.example"),
    "Host with a port": request(Host="workbench:80"),
    "Host localhost": request(Host="127.0.0.1"),
    "Host twice": request(more=["Host: workbench"]),
    "no Host": request(drop=("Host",)),
    "Origin of a web page": request(Origin="https://evil.example"),
    "Origin null": request(Origin="null"),
    "Referer": request(Referer="https://evil.example/"),
    "no protocol version": request(drop=("X-Workbench-Protocol",)),
    "another protocol version": request(X_Workbench_Protocol="2"),
    "text/plain": request(Content_Type="text/plain"),
    "a form": request(Content_Type="application/x-www-form-urlencoded", body="flatten=true"),
    "no content type": request(drop=("Content-Type",)),
    "GET for a command": request("GET /kill", body=""),
    "PUT for a command": request("PUT /kill"),
    "OPTIONS preflight": request("OPTIONS /kill", body="", more=["Access-Control-Request-Method: POST"]),
    "method override": request("GET /kill", body="", more=["X-HTTP-Method-Override: POST"]),
    "no such path": request("POST /shutdown"),
    "path that climbs": request("POST /../kill"),
    "path with a double slash": request("POST //kill"),
    "oversized body": request(body='{"x": "' + "a" * 70_000 + '"}'),
    "oversized body in chunks": request(
        drop=("Content-Length",),
        body="\r\n".join(["8000", "a" * 0x8000] * 3 + ["0", "", ""]),
        Transfer_Encoding="chunked",
    ),
    "oversized header": request(X_Long="a" * 40_000),
    "oversized path": request("POST /kill?after=" + "1" * 600),
    "body that is no JSON": request(body="kill"),
    "body that is a list": request(body="[]"),
    "body with NaN": request(body='{"flatten": NaN}'),
    "body with a name twice": request(body='{"flatten": false, "flatten": true}'),
    "unknown argument": request(body='{"force": true}'),
    "argument of another kind": request(body='{"flatten": "yes"}'),
    "a body nested ten thousand deep": request(body='{"a":' * 10_000 + "1" + "}" * 10_000),
    "unknown query": request("GET /events?after=0&secret=1", body=""),
    "query that is no number": request("GET /events?after=-1", body=""),
    "length and chunks": request(more=["Transfer-Encoding: chunked"], body="0\r\n\r\n"),
    "two lengths": request(more=["Content-Length: 5"]),
    "no HTTP at all": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "WebSocket without a token": request(**{**FOLLOW, "drop": (*FOLLOW["drop"], "X-Workbench-Token")}, more=UPGRADE),
    "WebSocket with an Origin": request(**FOLLOW, more=[*UPGRADE, "Origin: https://evil.example"]),
    "WebSocket of a wrong version": request(**FOLLOW, more=UPGRADE, X_Workbench_Protocol="9"),
    "WebSocket to a command": request("GET /kill", body="", drop=FOLLOW["drop"], more=UPGRADE),
    "WebSocket with a bad number": request(**{**FOLLOW, "line": "GET /follow?after=x"}, more=UPGRADE),
}


def say(folder: RunFolder, text: str, *, wait_s: float = 10.0) -> bytes:
    """Send raw bytes; all that comes back until the other side closes."""
    token = folder.token.read_text()
    raw = text.replace("TOKEN", token).replace("HALF", token[:32]).encode("latin-1")
    said = b""
    with socket.socket(socket.AF_UNIX) as speaker:
        speaker.settimeout(wait_s)
        speaker.connect(str(folder.socket))
        try:
            speaker.sendall(raw)
            while more := speaker.recv(65_536):
                said += more
        except (ConnectionResetError, BrokenPipeError):
            pass
    return said


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    with served(tmp_path_factory.mktemp("hostile") / "run") as (folder, commands):
        yield folder, commands


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_request_is_accepted(hostile, name, monkeypatch):
    monkeypatch.setattr(admission, "PENALTY_S", 0.01)
    folder, commands = hostile
    commands.done.clear()
    said = say(folder, HOSTILE[name])
    assert commands.done == []
    assert not said or said.split(b" ", 2)[1][:1] == b"4", said
    assert b"access-control-allow" not in said.lower()
    assert folder.token.read_bytes() not in said


def test_the_same_request_without_the_hostility_is_served(hostile):
    folder, commands = hostile
    assert say(folder, request()).startswith(b"HTTP/1.1 200")
    assert commands.done[-1] == ("kill", False)


def test_a_request_that_dribbles_in_is_cut_off(run, monkeypatch, within):
    monkeypatch.setattr(control, "PATIENCE_S", 0.3)
    folder, commands = run
    start = time.monotonic()
    assert say(folder, "POST /kill HTTP/1.1\r\nHost: workb") == b""  # the headers never end
    assert say(folder, request(Content_Length="10")).startswith(b"HTTP/1.1 408")  # nor does the body
    within("two requests that dribble in, cut off", time.monotonic() - start, 8.0)
    assert commands.done == []


def test_a_frame_of_a_follower_is_answered_with_the_end(run):
    folder, _ = run
    with socket.socket(socket.AF_UNIX) as follower:
        follower.settimeout(5)
        follower.connect(str(folder.socket))
        asked = request(**FOLLOW, more=UPGRADE).replace("TOKEN", folder.token.read_text())
        follower.sendall(asked.encode() + b"\x81\x7f" + bytes(8) + b"a" * 100_000)
        said = b""
        while b"\x88" not in said:  # the opcode of the end
            said += follower.recv(65_536)
    assert said.startswith(b"HTTP/1.1 101")
    assert Client(folder).status() == {"state": "running"}


def test_connections_that_say_nothing_do_not_shut_others_out_for_long(run, monkeypatch):
    monkeypatch.setattr(control, "PATIENCE_S", 0.3)
    folder, _ = run
    idle = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for one in idle:
        one.connect(str(folder.socket))
    for one in idle:
        one.settimeout(5)
        assert _end_of(one) == b""
    assert Client(folder).status() == {"state": "running"}
    for one in idle:
        one.close()


def _end_of(one: socket.socket) -> bytes:
    try:
        return one.recv(1)
    except ConnectionResetError:
        return b""


def test_guessing_tokens_gets_slow(run, monkeypatch):
    folder, _ = run
    monkeypatch.setattr(admission, "PENALTY_S", 0.2)
    wrong = request(X_Workbench_Token="1" * 64)
    for _ in range(5):
        say(folder, wrong)
    start = time.monotonic()
    say(folder, wrong)
    assert time.monotonic() - start >= 0.2


SPEAK = """
import os, socket, sys
os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
s = socket.socket(socket.AF_UNIX); s.settimeout(5)
try:
    s.connect({path!r}); s.sendall(sys.stdin.buffer.read()); print(s.recv(100))
except PermissionError: print("PermissionError")
except (ConnectionResetError, BrokenPipeError): print(b"")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as another user")
@pytest.mark.parametrize("opened", [False, True])
def test_another_user_is_let_in_neither_by_the_folder_nor_by_the_socket(run, opened):
    folder, commands = run
    path = str(folder.socket)
    if opened:  # as if somebody had widened the modes
        alias = Path(tempfile.mkdtemp())
        alias.chmod(0o755)
        os.link(folder.socket, alias / "s")
        (alias / "s").chmod(0o666)
        path = str(alias / "s")
    code = SPEAK.format(nobody=NOBODY, path=path)
    raw = request().replace("TOKEN", folder.token.read_text()).encode()
    told = subprocess.run([sys.executable, "-c", code], input=raw, capture_output=True, timeout=20, check=False)
    if opened:
        (alias / "s").unlink()
        alias.rmdir()
    assert told.stdout.strip() == (b"b''" if opened else b"PermissionError"), told
    assert commands.done == []


def test_the_server_leaves_signals_alone(tmp_path):
    import signal

    before = signal.getsignal(signal.SIGTERM)

    async def serve():
        made = Control(Spoken(), tmp_path / "s.sock", "x" * 64)
        await made.start()
        assert signal.getsignal(signal.SIGTERM) is before
        await made.close()

    asyncio.run(serve())
    assert not (tmp_path / "s.sock").exists()
