"""The same pieces on a `dask.distributed` cluster; the workers read the candles from their store."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from workbench.data import candles as read_candles
from workbench.errors import ConfigError, DataError, WorkbenchError
from workbench.market import Candles
from workbench.research.grid import Axis
from workbench.research.parts import Part
from workbench.research.pool import Numbers, cores
from workbench.research.runs import Runner
from workbench.research.space import Space, members

AHEAD = 3  # pieces per worker thread that are on their way or waiting
LOST = "NotInStore"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where candles lie in the store, and what they must be."""

    venue: str
    instrument: str
    timeframe: str
    start_ms: int
    end_ms: int
    fingerprint: str
    kind: str

    def read(self) -> Candles:
        """The candles, from the store of this process.

        Raises
        ------
        DataError
            If they are not there, or are others.
        """
        found = read_candles(self.venue, self.instrument, self.timeframe, start=self.start_ms, end=self.end_ms)
        if found.fingerprint != self.fingerprint or repr(found.instrument) != self.kind:
            raise DataError(f"{self.venue} {self.instrument} {self.timeframe} differs in this worker's store.")
        return found


def ticket_for(candles: Candles) -> Ticket | Candles:
    """Where these candles lie in the store; the candles themselves, if they are not from it."""
    symbol, end = str(candles.instrument), int(candles.time[-1]) + candles.timeframe_ms
    ticket = Ticket(
        candles.venue, symbol, candles.timeframe, int(candles.time[0]), end, candles.fingerprint,
        repr(candles.instrument),
    )  # fmt: skip
    try:
        ticket.read()
    except WorkbenchError:
        return candles
    return ticket


class Cluster:
    """Runs pieces on a cluster: one that is there, by its address or client, or one on this machine for this sweep."""

    def __init__(self, space: Space, cluster: Any = None) -> None:
        try:
            import distributed
        except ImportError:
            raise ConfigError(
                "The engine is dask, which is not installed. Install workbench with its extra `dask`."
            ) from None
        self.space, self.given = space, cluster
        self.distributed = distributed
        self.workers = cores()

    def run(self, pieces: Iterable[Numbers], stop: threading.Event, take: Callable[[Part], None]) -> None:
        """Run all pieces, handing each finished part to `take`; a worker that dies has its pieces run by another."""
        with self._client() as client:
            missing = self._run(client, pieces, stop, take, packed(self.space, ticket_for))
            if missing:
                self._run(client, missing, stop, take, packed(self.space, lambda candles: candles))

    @contextmanager
    def _client(self) -> Iterator[Any]:
        if isinstance(self.given, self.distributed.Client):
            yield self.given
            return
        if self.given is not None:
            with self.distributed.Client(self.given) as client:
                yield client
            return
        from distributed.deploy.subprocess import SubprocessCluster

        size = max(cores(), 2)
        options = {"n_workers": size, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
        with SubprocessCluster(host="127.0.0.1", **options) as here, self.distributed.Client(here) as client:
            yield client

    def _run(
        self, client: Any, pieces: Iterable[Numbers], stop: threading.Event, take: Callable[[Part], None], cargo: bytes
    ) -> list[Numbers]:
        """Run pieces, a few ahead of those that are done; returns those whose candles no worker could read."""
        load = client.scatter(cargo, broadcast=True, hash=True)
        waiting, missing = iter(pieces), []
        width = AHEAD * max(sum(client.nthreads().values()), 1)
        flying: dict[Any, Numbers] = {}
        done = self.distributed.as_completed()
        while True:
            while len(flying) < width and not stop.is_set() and (piece := next(waiting, None)) is not None:
                future = client.submit(run_piece, load, self.space.fingerprint, piece, pure=False, retries=2)
                flying[future] = piece
                done.add(future)
            if not flying or stop.is_set():
                break
            future = next(done)
            piece, found = flying.pop(future), self._result(future)
            if found is None:
                missing.append(piece)
            else:
                take(found)
        client.cancel(list(flying))
        return missing

    def _result(self, future: Any) -> Part | None:
        try:
            return future.result()
        except DataError as error:
            if LOST in str(error):
                return None
            raise
        except self.distributed.KilledWorker as error:
            raise WorkbenchError(
                f"Workers of the cluster died again and again over the same piece ({error}). What is finished is kept: "
                f"look at their memory, then make the same call again."
            ) from error


RUNNERS: dict[str, Runner] = {}
LOCK = threading.Lock()


def run_piece(cargo: bytes, fingerprint: str, numbers: Numbers) -> Part:
    """A piece of a sweep, on a worker; the candles and columns of one sweep are kept between its pieces."""
    with LOCK:
        if fingerprint not in RUNNERS:
            RUNNERS.clear()
            RUNNERS[fingerprint] = Runner(unpacked(cargo))
        runner = RUNNERS[fingerprint]
    return runner.run(numbers)


def packed(space: Space, ticket: Callable[[Candles], Any]) -> bytes:
    """A space for the way to a worker, with tickets in the place of candles."""
    axes = tuple(
        Axis(axis.name, tuple((name, exchanged(one, ticket)) for name, one in axis.values))
        if axis is space.axis("candles") else axis
        for axis in space.grid.axes
    )  # fmt: skip
    candles = None if space.candles is None else exchanged(space.candles, ticket)
    light = (space.bot, replace(space.grid, axes=axes), candles, space.terms)
    from distributed.protocol.pickle import dumps

    with by_value(type(space.bot)):
        return dumps(light)


@contextmanager
def by_value(cls: type) -> Iterator[None]:
    """Send a class with its code, where it is not one of ours: a worker may not have the file it is from."""
    import cloudpickle  # type: ignore[import-untyped]

    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__.split(".")[0] in ("workbench", "__main__"):
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def exchanged(candles: Any, how: Callable[[Any], Any]) -> Any:
    """Each table of candles by something else, in the same shape."""
    if isinstance(candles, Candles | Ticket):
        return how(candles)
    return {name: how(one) for name, one in members(candles).items()}


def unpacked(cargo: bytes) -> Space:
    """The space again, with the candles that the tickets stand for."""
    bot, grid, candles, terms = pickle.loads(cargo)
    try:
        axes = tuple(
            Axis(axis.name, tuple((name, exchanged(one, redeemed)) for name, one in axis.values))
            if axis.name == "candles" and "candles" not in type(bot).model_fields else axis
            for axis in grid.axes
        )  # fmt: skip
        return Space(bot, replace(grid, axes=axes), None if candles is None else exchanged(candles, redeemed), terms)
    except WorkbenchError as error:
        raise DataError(f"{LOST}: {error}") from error


def redeemed(one: Any) -> Candles:
    return one.read() if isinstance(one, Ticket) else one
