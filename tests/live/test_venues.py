"""The connectors that a plan asks for: one for each door, paper or signed, and what keys they need."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workbench.connectors import CcxtConnector, PaperConnector, Rules, SystemClock
from workbench.controllers import Bollinger
from workbench.errors import ConfigError
from workbench.live import Plan
from workbench.live.venues import connectors, rates_of

NOWHERE = {"binance": {"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"}}
RULES = Rules("BTC/USDT", "BTC", "USDT", None, Decimal("0.01"), Decimal("0.001"), maker=Decimal("0.0002"),
              taker=Decimal("0.0005"))  # fmt: skip


def plan(mode: str, instruments: list[str], **more: object) -> Plan:
    return Plan.make(Bollinger(), "binance", instruments, name="run", mode=mode, urls=NOWHERE, **more)


def made(given: Plan, keys: dict, folder) -> dict:
    return connectors(given, keys, folder=folder, shared=folder, clock=SystemClock())


def test_a_door_has_one_connector_however_many_instruments_it_serves(tmp_path):
    given = plan("simulated", ["BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"])
    found = made(given, {"binance:main": {"key": "k", "secret": "s"}}, tmp_path)
    assert set(found) == {place.door for place in given.markets}
    assert len(found) == 2
    assert all(isinstance(one, CcxtConnector) for one in found.values())


def test_a_paper_run_asks_for_no_keys_and_has_its_own_money(tmp_path):
    found = made(plan("paper", ["BTC/USDT"], cash=5_000.0), {}, tmp_path)
    assert [type(one) for one in found.values()] == [PaperConnector]


@pytest.mark.parametrize("keys", [{}, {"binance:main": {}}, {"binance:main": {"word": "x"}}, {"binance:main": "k"}])
def test_keys_that_are_missing_or_are_none_say_where_they_belong(keys, tmp_path):
    with pytest.raises(ConfigError, match="workbench secrets add binance:main"):
        made(plan("simulated", ["BTC/USDT"]), keys, tmp_path)


def test_fees_are_the_plans_before_they_are_the_venues():
    venue = plan("paper", ["BTC/USDT"])
    said = plan("paper", ["BTC/USDT"], terms={"fees": {"maker": 0.0001}})
    theirs, ours = (rates_of(RULES, one.markets[0], one) for one in (venue, said))
    assert ours["maker"] == "0.0001"
    assert ours["taker"] == theirs["taker"]
    assert Decimal(theirs["taker"]) > 0
