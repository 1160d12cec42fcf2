"""A venue's past candles through ccxt, page by page, with the patience that real venues need."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from workbench.data.series import Bars
from workbench.errors import Busy, ConfigError, Rejected
from workbench.market import COLUMNS, Instrument, TimeArray, check_candles, timeframe_ms

Answer = TypeVar("Answer")

TRIES = 8
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
BANNED_S = 600.0  # a venue that asks for a longer pause than this has banned us: say so instead of waiting
PAGE = 500  # bars asked for where ccxt does not know the venue's limit


@dataclass(slots=True)
class Pager:
    """The candles of one instrument at one venue, a page at a time."""

    exchange: Any
    venue: str
    instrument: Instrument
    timeframe: str
    limit: int
    wait: Callable[[float], None] = clock.sleep

    def page(self, since_ms: int, closed_ms: int) -> tuple[Bars, int]:
        """Closed bars from `since_ms` on, in order, each once, and where the next page starts.

        An empty page only says that this page is empty, not that the rest is: the next one starts a page later.
        """
        call = lambda: self.exchange.fetch_ohlcv(self.instrument.symbol, self.timeframe, since_ms, self.limit)  # noqa: E731
        rows = [row for row in self.ask(call, "fetch_ohlcv") if any(price is not None for price in row[1:5])]
        table = np.array([row[:6] for row in rows], np.float64).reshape(-1, 6)
        table = table[np.argsort(table[:, 0], kind="stable")]
        table = table[(table[:, 0] >= since_ms) & (table[:, 0] < closed_ms)]
        table = table[self._distinct(table)]
        time, columns = (
            table[:, 0].astype(np.int64),
            dict(zip(COLUMNS, np.ascontiguousarray(table[:, 1:].T), strict=True)),
        )
        length = timeframe_ms(self.timeframe)
        if len(time):
            check_candles(
                time, columns, length, f"{self.venue} {self.instrument} {self.timeframe}, as sent by the venue"
            )
        return (time, columns), (int(time[-1]) + length if len(time) else since_ms + self.limit * length)

    def now_ms(self) -> int:
        """The venue's own time, so that a wrong clock here does not make an open bar look closed."""
        if self.exchange.has.get("fetchTime"):
            return int(self.ask(self.exchange.fetch_time, "fetch_time"))
        return int(self.exchange.milliseconds())

    def ask(self, call: Callable[[], Answer], request: str) -> Answer:
        """Ask until there is an answer: a few times, each time a little later, or when the venue says.

        Raises
        ------
        Busy
            If there is none after the last try.
        Rejected
            If the venue refuses the request itself.
        """
        import ccxt

        named = {"venue": self.venue, "instrument": self.instrument.symbol, "request": request}
        for tried in range(1, TRIES + 1):
            try:
                return call()
            except ccxt.BaseError as fault:
                if not isinstance(fault, ccxt.OperationFailed) and type(fault) is not ccxt.ExchangeError:
                    raise Rejected(f"{self._name}: {fault}. Change the request.", **named) from fault
                pause = self._pause(fault, tried)
                if tried == TRIES or pause > BANNED_S:
                    raise Busy(
                        f"{self._name}: no answer after {tried} tries, and {pause:g} s to wait ({_first_line(fault)}). "
                        f"What has come in is stored; call download again later to go on.",
                        **named,
                    ) from fault
                self.wait(pause)
        raise AssertionError("unreachable")

    @property
    def _name(self) -> str:
        return f"{self.instrument} on {self.venue}"

    def _pause(self, fault: Exception, tried: int) -> float:
        import ccxt

        if isinstance(fault, (ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
            told = (self.exchange.last_response_headers or {}).get("Retry-After", "")
            if str(told).strip().isdigit():
                return float(told)
        return min(FIRST_WAIT_S * 2 ** (tried - 1), LONGEST_WAIT_S)

    @staticmethod
    def _distinct(table: np.ndarray) -> TimeArray:
        # Drop a row only if it says the same as the one before; two different bars of one minute are for the check.
        same = (table[1:] == table[:-1]) | (np.isnan(table[1:]) & np.isnan(table[:-1]))
        return np.flatnonzero(np.concatenate([np.ones(min(1, len(table)), bool), ~same.all(axis=1)]))


def connect(
    venue: str, instrument: Instrument, timeframe: str, *, base_url: str | None, config: Mapping[str, Any] | None
) -> Pager:
    """A pager for one instrument, after looking up that the venue has it and gives candles of this timeframe."""
    import ccxt

    if venue not in ccxt.exchanges:
        raise ConfigError(f"ccxt knows no venue {venue!r}. Use one of its ids, such as binance, okx or kraken.")
    exchange = getattr(ccxt, venue)(_settings(venue, instrument, config or {}))
    exchange.enableLastResponseHeaders = True
    if base_url:
        exchange.urls["api"] = _moved(exchange.urls["api"], base_url)
    pager = Pager(exchange, venue, instrument, timeframe, PAGE)
    markets = pager.ask(exchange.load_markets, "load_markets")
    if instrument.symbol not in markets:
        raise ConfigError(
            f"{venue} does not list {instrument}. Check the symbol: BTC/USDT is spot, BTC/USDT:USDT a perpetual."
        )
    if timeframe not in (exchange.timeframes or {}):
        raise ConfigError(
            f"{venue} gives no {timeframe} candles. Choose one of {', '.join(exchange.timeframes or {})}."
        )
    pager.instrument = _with_steps(instrument, markets[instrument.symbol], exchange.precisionMode == ccxt.TICK_SIZE)
    pager.limit = int(exchange.feature_value(instrument.symbol, "fetchOHLCV", "limit", PAGE) or PAGE)
    return pager


def _settings(venue: str, instrument: Instrument, config: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {"enableRateLimit": True, "timeout": 10_000, **config}
    if venue.startswith("binance"):  # otherwise ccxt asks three hosts for all of their markets
        kind = (
            "spot" if not instrument.is_perpetual else "linear" if instrument.settle == instrument.quote else "inverse"
        )
        own = {"fetchMarkets": {"types": [kind]}, "fetchCurrencies": False}
        settings["options"] = {**own, **settings.get("options", {})}
    return settings


def _moved(urls: Any, base_url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _moved(url, base_url) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    base, old = urlsplit(base_url), urlsplit(urls)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + old.path, old.query, ""))


def _with_steps(instrument: Instrument, market: Mapping[str, Any], in_steps: bool) -> Instrument:
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    step = lambda value: float(value or 0.0) if in_steps else 10.0**-value if value is not None else 0.0  # noqa: E731
    least = lambda name: float((limits.get(name) or {}).get("min") or 0.0)  # noqa: E731
    return Instrument.parse(
        instrument.symbol,
        tick=step(precision.get("price")),
        lot=step(precision.get("amount")),
        min_amount=least("amount"),
        min_notional=least("cost"),
    )


def _first_line(fault: Exception) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:200]
