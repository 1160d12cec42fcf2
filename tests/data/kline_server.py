"""A small venue on loopback: Binance's exchangeInfo, time and klines, with the faults that real pagers meet.

It answers in the shape that Binance documents and that ccxt reads: an array of arrays, prices as text. What it does
wrong, it does from a seed, and never for ever: asked again, it answers.
"""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

MINUTE = 60_000
FAULTS = ("short", "empty", "repeat", "backwards", "429", "503", "drop", "half")


class KlineServer(ThreadingHTTPServer):
    """Serves `tape`, a dict from open time to (open, high, low, close, volume); `now_ms` is the venue's clock."""

    daemon_threads = True

    def __init__(self, tape: dict[int, tuple[float, ...]], now_ms: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.now_ms = now_ms
        self.bring(tape)
        self.most = 100
        self.windowed = False  # as venues that read `since` as a window: nothing in it, empty page
        self.faults: dict[int, str] = {}  # number of the klines request → what goes wrong
        self.requests: list[str] = []
        self.klines = 0
        self.retry_after = "0"

    def bring(self, tape: dict[int, tuple[float, ...]]) -> None:
        self.tape, self.stamps = tape, np.array(sorted(tape))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def plan(self, seed: int, share: float, most: int = 400) -> None:
        draw = random.Random(seed)
        self.faults = {n: draw.choice(FAULTS) for n in range(most) if draw.random() < share}

    def rows(self, since: int, limit: int) -> list[list[Any]]:
        first = int(np.searchsorted(self.stamps, since))
        chosen = [int(stamp) for stamp in self.stamps[first : first + min(limit, self.most)]]
        if self.windowed:
            chosen = [stamp for stamp in chosen if stamp < since + limit * MINUTE]
        return [self.row(stamp) for stamp in chosen]

    def row(self, stamp: int) -> list[Any]:
        prices = [f"{value:.8f}" for value in self.tape[stamp]]
        return [stamp, *prices, stamp + MINUTE - 1, "0", 1, "0", "0", "0"]


class _Answer(BaseHTTPRequestHandler):
    server: KlineServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.server.requests.append(self.path)
        if path.endswith("/exchangeInfo"):
            self._send(EXCHANGE_INFO)
        elif path.endswith("/time"):
            self._send({"serverTime": self.server.now_ms})
        elif path.endswith("/klines"):
            self._klines(int(query["startTime"][0]), int(query["limit"][0]))
        else:
            self._send({"code": -1, "msg": "unknown path"}, 404)

    def _klines(self, since: int, limit: int) -> None:
        fault = self.server.faults.get(self.server.klines)
        self.server.klines += 1
        rows = self.server.rows(since, limit)
        if fault == "429":
            self._send({"code": -1003, "msg": "Too many requests."}, 429, {"Retry-After": self.server.retry_after})
        elif fault == "503":
            self._send({"code": -1001, "msg": "Internal error"}, 503)
        elif fault == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault == "half":
            self._send(rows, cut=True)
        elif fault == "short":
            self._send(rows[: max(1, len(rows) // 3)])
        elif fault == "empty":
            self._send([])
        elif fault == "repeat":
            before = int(np.searchsorted(self.server.stamps, since)) - 1
            boundary = [self.server.row(int(self.server.stamps[before]))] if before >= 0 else []
            self._send(boundary + rows + rows[-1:])
        elif fault == "backwards":
            self._send(rows[::-1])
        else:
            self._send(rows)

    def _send(self, value: Any, status: int = 200, headers: dict[str, str] | None = None, cut: bool = False) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(server: KlineServer) -> Iterator[KlineServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_tape(
    start: int, minutes: int, holes: tuple[tuple[int, int], ...], seed: int = 1
) -> dict[int, tuple[float, ...]]:
    """Minutes of a random walk, without the minutes in `holes`."""
    steps, amounts = (
        np.random.default_rng(seed),
        np.random.default_rng(seed + 1),
    )  # a longer tape begins with the shorter
    close = np.round(30_000 + np.cumsum(steps.normal(0, 5, minutes)), 2)
    opened = np.concatenate([[30_000.0], close[:-1]])
    high, low = np.maximum(opened, close) + 1.25, np.minimum(opened, close) - 1.5
    volume = np.round(amounts.random(minutes) * 9 + 0.001, 5)
    gone = {minute for first, last in holes for minute in range(first, last)}
    return {
        start + MINUTE * n: tuple(float(column[n]) for column in (opened, high, low, close, volume))
        for n in range(minutes)
        if n not in gone
    }


EXCHANGE_INFO = {
    "timezone": "UTC",
    "serverTime": 0,
    "rateLimits": [],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
                {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True, "avgPriceMins": 5},
            ],
            "permissions": ["SPOT"],
            "permissionSets": [["SPOT"]],
        }
    ],
}
