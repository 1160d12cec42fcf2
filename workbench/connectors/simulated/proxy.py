"""A TCP proxy that breaks connections on purpose: between a client and the venue, or between anything and anything.

It knows nothing of what it carries. Each new connection gets the toxics of the moment, or some that a seed draws.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.connectors.simulated.wires import reset
from workbench.errors import ConfigError

CHUNK = 16_384
TOXICS = ("latency", "bandwidth", "cut_up", "cut_down", "reset", "black_hole", "slow_close", "refuse", "twice")


@dataclass(frozen=True, slots=True)
class Toxic:
    """What is wrong with a connection.

    Attributes
    ----------
    kind : str
        latency (`milliseconds`, up to `jitter` more), bandwidth (`rate` bytes a second), cut_up and cut_down (the
        connection ends after `after` bytes from the client, or to it), reset (the same after `after` bytes in either
        direction, with a reset), black_hole (after `after` bytes nothing passes any more and nothing is closed),
        slow_close (an end is passed on `milliseconds` late), refuse (no connection), twice (what the client sends goes
        to the server over a second connection too, whose answers nobody hears).
    """

    kind: str
    milliseconds: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    after: int = 0

    def __post_init__(self) -> None:
        if self.kind not in TOXICS:
            raise ConfigError(f"No toxic is called {self.kind!r}. There are {', '.join(TOXICS)}.")


class FaultProxy:
    """Carries bytes from a port of its own to a server's, and hurts them on the way.

    Parameters
    ----------
    host, port : str, int
        Of the server.
    toxics : sequence of Toxic
        What is wrong with every connection that begins from now on; change it at any time.
    seed : int, optional
        With `share` above 0: draws for each connection whether it gets a toxic more, and which.
    """

    def __init__(
        self, host: str, port: int, *, toxics: Sequence[Toxic] = (), seed: int = 0, share: float = 0.0
    ) -> None:
        self.host, self.port, self.toxics = host, port, list(toxics)
        self.random, self.share, self.seed = random.Random(seed), share, seed
        self.connections = 0
        self.carried = {"up": 0, "down": 0}
        self._open: set[asyncio.StreamWriter] = set()
        self._lines: set[asyncio.Task[Any]] = set()

    @property
    def own_port(self) -> int:
        """Where clients come to."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The same as a URL."""
        return f"http://127.0.0.1:{self.own_port}"

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        self.cut()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Reset every connection that is open."""
        for writer in list(self._open):
            reset(writer.transport)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        toxics = [*self.toxics, *self._drawn()]
        self._open.add(writer)
        self._lines.add(line := asyncio.current_task())  # type: ignore[arg-type]
        try:
            if any(toxic.kind == "refuse" for toxic in toxics):
                reset(writer.transport)
                return
            await self._join(reader, writer, toxics)
        except (ConnectionError, OSError, asyncio.CancelledError):
            reset(writer.transport)
        finally:
            self._open.discard(writer)
            self._lines.discard(line)

    def _drawn(self) -> list[Toxic]:
        if self.random.random() >= self.share:
            return []
        kind = self.random.choice(TOXICS)
        return [Toxic(kind, milliseconds=self.random.uniform(1, 200), jitter=50.0, rate=self.random.uniform(2e3, 2e5),
                      after=self.random.randrange(1, 4_000))]  # fmt: skip

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, toxics: list[Toxic]) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self._open.add(far_writer)
        copies = [far_writer]
        if any(toxic.kind == "twice" for toxic in toxics):
            unheard, second = await asyncio.open_connection(self.host, self.port)
            copies.append(second)
            drain = asyncio.create_task(_swallow(unheard))
        line = _Line(self, [writer, *copies], toxics)
        try:
            await asyncio.gather(line.carry(reader, copies, "up"), line.carry(far_reader, [writer], "down"))
        finally:
            for end in (writer, *copies):
                self._open.discard(end)
                with contextlib.suppress(Exception):
                    end.close()
            if len(copies) > 1:
                drain.cancel()


class _Line:
    """One connection under its toxics."""

    def __init__(self, proxy: FaultProxy, ends: list[asyncio.StreamWriter], toxics: list[Toxic]) -> None:
        self.proxy, self.ends, self.toxics = proxy, ends, toxics
        self.total = 0
        self.is_black = False

    async def carry(self, reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter], way: str) -> None:
        """Pass bytes on until the end, or until a toxic ends it."""
        passed = 0
        while data := await reader.read(CHUNK):
            data, ends = self._shorten(data, passed, way)
            await self._wait(len(data))
            if not self.is_black and data:
                for writer in writers:
                    writer.write(data)
                    await writer.drain()
            passed += len(data)
            self.total += len(data)
            self.proxy.carried[way] += len(data)
            if ends:
                self._end(ends)
                return
        await self._close(writers)

    def _shorten(self, data: bytes, passed: int, way: str) -> tuple[bytes, str]:
        """What may still pass, and by which toxic it ends there."""
        for toxic in self.toxics:
            count = passed if toxic.kind == f"cut_{way}" else self.total
            if toxic.kind in (f"cut_{way}", "reset", "black_hole") and count + len(data) >= toxic.after:
                kept = data[: max(toxic.after - count, 0)]
                if toxic.kind != "black_hole":
                    return kept, toxic.kind
                if not self.is_black:
                    self.ends[0].write(kept) if way == "down" else self.ends[1].write(kept)
                self.is_black = True
        return data, ""

    async def _wait(self, size: int) -> None:
        for toxic in self.toxics:
            if toxic.kind == "latency":
                await asyncio.sleep((toxic.milliseconds + toxic.jitter * self.proxy.random.random()) / 1_000)
            elif toxic.kind == "bandwidth" and toxic.rate:
                await asyncio.sleep(size / toxic.rate)

    def _end(self, kind: str) -> None:
        for writer in self.ends:
            if kind == "reset":
                reset(writer.transport)
            else:
                writer.close()

    async def _close(self, writers: list[asyncio.StreamWriter]) -> None:
        for toxic in self.toxics:
            if toxic.kind == "slow_close":
                await asyncio.sleep(toxic.milliseconds / 1_000)
        if self.is_black:
            await asyncio.Event().wait()
        for writer in writers:
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()


async def _swallow(reader: asyncio.StreamReader) -> Any:
    while await reader.read(CHUNK):
        pass
