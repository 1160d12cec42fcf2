"""Instruments are written as ccxt writes them."""

from __future__ import annotations

import pytest

from workbench.errors import ConfigError
from workbench.market import Instrument


@pytest.mark.parametrize(("symbol", "parts"), [
    ("BTC/USDT", ("BTC/USDT", "BTC", "USDT", None)),
    ("BTC-USDT", ("BTC/USDT", "BTC", "USDT", None)),
    ("BTC/USDT:USDT", ("BTC/USDT:USDT", "BTC", "USDT", "USDT")),
    ("BTC/USD:BTC", ("BTC/USD:BTC", "BTC", "USD", "BTC")),
    ("1000SHIB/USDT", ("1000SHIB/USDT", "1000SHIB", "USDT", None)),
])  # fmt: skip
def test_symbols_are_read(symbol: str, parts: tuple[str, str, str, str | None]) -> None:
    instrument = Instrument.parse(symbol)
    assert (instrument.symbol, instrument.base, instrument.quote, instrument.settle) == parts
    assert instrument.is_perpetual == (parts[3] is not None)
    assert str(instrument) == parts[0]


@pytest.mark.parametrize(
    "symbol",
    ["", "BTC", "BTCUSDT", "BTC/", "/USDT", "BTC/USDT:", "BTC-USDT:USDT", "BTC USDT", "A/B/C", "BTC/BTC", None, 7],
)
def test_nonsense_is_refused_with_an_example(symbol: object) -> None:
    with pytest.raises(ConfigError, match=r'is not an instrument\. Write "BTC/USDT" for spot or "BTC/USDT:USDT"'):
        Instrument.parse(symbol)  # type: ignore[arg-type]


def test_an_instrument_stays_itself_and_keeps_its_steps() -> None:
    exact = Instrument.parse("BTC/USDT", tick=0.01, lot=1e-5, min_notional=5.0)
    assert Instrument.parse(exact) is exact
    assert (exact.tick, exact.lot, exact.min_amount, exact.min_notional) == (0.01, 1e-5, 0.0, 5.0)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_steps_are_not_negative(value: float) -> None:
    with pytest.raises(ConfigError, match=r"`tick` is .*Give 0"):
        Instrument.parse("BTC/USDT", tick=value)
