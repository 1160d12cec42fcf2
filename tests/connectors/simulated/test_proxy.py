"""The TCP proxy: each toxic hurts as it says, and without one nothing is hurt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from workbench.connectors.simulated import FaultProxy, Toxic
from workbench.errors import ConfigError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


async def through(talk: Talk, *toxics: Toxic, **more) -> tuple[object, list[bytes]]:
    """What a client of an echoing server says through the proxy, and what the server heard on each connection."""
    heard: list[bytearray] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(bytearray())
        mine = heard[-1]
        try:
            while data := await reader.read(4096):
                mine.extend(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1], toxics=toxics, **more) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.own_port)
        try:
            result = await asyncio.wait_for(talk(reader, writer), 10)
        finally:
            writer.close()
    return result, [bytes(part) for part in heard]


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = b"hello") -> bytes:
    writer.write(data)
    await writer.drain()
    return await reader.readexactly(len(data))


async def say_until_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | str:
    try:
        writer.write(b"x" * 1_000)
        await writer.drain()
        return await reader.read()
    except ConnectionResetError:
        return "reset"


def run(talk: Talk, *toxics: Toxic, **more):
    return asyncio.run(through(talk, *toxics, **more))


def test_nothing_wrong_passes_everything():
    data = bytes(range(256)) * 1_000
    result, heard = run(lambda r, w: say(r, w, data))
    assert (result, heard) == (data, [data])


def test_latency_takes_its_time_both_ways():
    async def timed(reader, writer):
        began = asyncio.get_running_loop().time()
        await say(reader, writer)
        return asyncio.get_running_loop().time() - began

    assert run(timed, Toxic("latency", milliseconds=40))[0] >= 0.08


def test_bandwidth_is_bytes_a_second():
    async def timed(reader, writer):
        began = asyncio.get_running_loop().time()
        await say(reader, writer, b"x" * 2_000)
        return asyncio.get_running_loop().time() - began

    assert run(timed, Toxic("bandwidth", rate=20_000))[0] >= 0.19


def test_cut_on_the_way_up_lets_so_many_bytes_pass():
    result, heard = run(say_until_end, Toxic("cut_up", after=300))
    assert heard == [b"x" * 300]
    assert len(result) <= 300


def test_cut_on_the_way_down_happens_after_the_server_has_it_all():
    result, heard = run(say_until_end, Toxic("cut_down", after=300))
    assert (result, heard) == (b"x" * 300, [b"x" * 1_000])


def test_reset_is_a_reset():
    assert run(say_until_end, Toxic("reset", after=10))[0] == "reset"


def test_refused_connection_ends_at_once():
    result, heard = run(say_until_end, Toxic("refuse"))
    assert (result in (b"", "reset"), heard) == (True, [])


def test_black_hole_swallows_and_stays_open():
    async def talk(reader, writer):
        writer.write(b"x" * 100)
        await writer.drain()
        first = await reader.readexactly(50)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        return first

    result, _ = run(talk, Toxic("black_hole", after=150))
    assert result == b"x" * 50


def test_slow_close_comes_late():
    async def talk(reader, writer):
        await say(reader, writer)
        began = asyncio.get_running_loop().time()
        writer.write_eof()
        await reader.read()
        return asyncio.get_running_loop().time() - began

    assert run(talk, Toxic("slow_close", milliseconds=50))[0] >= 0.1  # once each way


def test_twice_reaches_the_server_on_two_connections():
    result, heard = run(say, Toxic("twice"))
    assert result == b"hello"
    assert heard == [b"hello", b"hello"]


def test_toxics_of_chance_come_from_the_seed():
    def drawn(seed: int) -> list[Toxic]:
        proxy = FaultProxy("127.0.0.1", 1, seed=seed, share=0.5)
        return [toxic for _ in range(20) for toxic in proxy._drawn()]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 4 <= len(drawn(1)) <= 16


def test_unknown_toxic_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match="black_hole"):
        Toxic("poison")


def test_open_connections_can_be_cut():
    async def whole():
        async def hold(reader, writer):
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hold, "127.0.0.1", 0)
        async with server, FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.own_port)
            writer.write(b"x")
            while not proxy.carried["up"]:
                await asyncio.sleep(0)
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            writer.close()

    asyncio.run(asyncio.wait_for(whole(), 10))
