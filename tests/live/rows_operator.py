"""Part F of the catalogue: strategy and operator; and rows of A to D that a whole run has to bear."""

from __future__ import annotations

import random
import time
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from tests.live import crashes
from tests.live.bench import PERPETUAL, SPOT, Bench
from tests.live.rows_process import at_work, quick
from tests.live.running import guard, until
from workbench.controllers import Bollinger
from workbench.errors import ConfigError, WorkbenchError
from workbench.live import Plan
from workbench.live.parity import compare
from workbench.live.runner import REFUSED
from workbench.market import BUY, SELL, OrderKind
from workbench.settings import load_config, set_value
from workbench.trading import Gate, Intent, Limits, Standing

TESTS = {80: "tests/live/test_supervisor.py::test_kill_works_alone_when_supervisor_and_runner_are_dead"}
NOT_AUTOMATED: dict[int, str] = {}
BAD = Path(__file__).with_name("bad_bot.py")


def bad(b: Bench, how: str, **more: Any) -> None:
    """Plan a run of the bad bot."""
    b.write(b.market, parameters={"how": how, **more.pop("parameters", {})}, script=BAD, path="Bad", **more)


# --- at the start ----------------------------------------------------------------------------------------------------


def refused(b: Bench, *words: str) -> str:
    """Start a run that must not; the sentence that it says."""
    b.write(b.market, parameters={"doing": "amend"}) if not hasattr(b, "plan") else None
    b.start()
    assert b.ended(60.0) == REFUSED, b.log()[-800:]
    said = b.log().strip().rpartition("\n")[2]
    assert all(word in said for word in words), said
    assert list(b.venue.control.orders(perpetual=":" in b.market)) == []
    return said


def row_37(home: Path) -> str:
    """a live run finds the account in hedge mode"""
    with quick(home, prices=((PERPETUAL, 60_000),)) as b:
        b.venue.account().futures.dual = True
        refused(b, "long and short side by side", "one-way mode while it is flat")
    return "refused with 2, no order sent, and told to set one-way mode while it is flat"


def row_39(home: Path) -> str:
    """the account's leverage is not what the plan says"""
    with quick(home, prices=((PERPETUAL, 60_000),)) as b:
        b.write(PERPETUAL, parameters={"doing": "amend"}, terms={"leverage": 50})
        refused(b, "the account's leverage is", "Set the account to at least 50")
    return "refused with 2, with both figures and what to set"


def row_48(home: Path) -> str:
    """the venue is down at the start, and again in the middle"""
    with quick(home) as b:
        b.venue.control.maintenance()
        b.write(b.market, parameters={"doing": "amend"})
        b.start()
        b.until(lambda status: "waits" in str(status.get("reason", "")))
        b.venue.control.maintenance(False)
        row = b.until(lambda status: status["state"] == "running" and status["row"] > WARM + 2)["row"]
        b.venue.control.maintenance()
        time.sleep(3.0)
        b.venue.control.maintenance(False)
        b.until(lambda status: status["row"] > row + 12 and not crashes.old_doubts(status))
        b.client.stop(hold=False)
        assert b.ended() == 0
        wrong = b.invariants()
        assert wrong == [], wrong
    return "it waits, says for what, starts when the venue is back; 15 s away in the middle cost neither order nor fill"


def row_52(home: Path) -> str:
    """the machine's clock is 60 s off, at the start and by a jump"""
    with quick(home) as b:
        b.venue.control.skew(60_000)
        b.write(b.market, parameters={"doing": "amend"})
        b.start()
        b.until(lambda status: status["state"] == "running" and status["row"] > WARM + 2)
        b.venue.control.skew(-60_000)
        time.sleep(2.0)
        b.venue.control.skew(0)
        row = b.status()["row"]
        b.until(lambda status: status["row"] > row + 6 and not crashes.old_doubts(status))
        b.client.stop(hold=False)
        assert b.ended() == 0
        wrong = b.invariants()
        assert wrong == [], wrong
    return "the venue's time is asked for and used; a jump of 120 s costs refusals, neither order nor fill"


def row_56(home: Path) -> str:
    """a mistyped key, and one that is taken back in the middle"""
    with quick(home) as b:
        b.write(b.market, parameters={"doing": "amend"})
        right = b._keys
        b._keys = lambda: {"binance:main": {**right()["binance:main"], "key": "mistyped"}}  # type: ignore[method-assign]
        first = refused(b, "key")
        b._keys = lambda: {"binance:main": {**right()["binance:main"], "secret": "mistyped"}}  # type: ignore[method-assign]
        refused(b)
        b._keys = right  # type: ignore[method-assign]
        b.start()
        b.until(lambda status: status["row"] > WARM + 2)
        b.venue.control.permissions("trader", trade=True, read=False)
        b.until(lambda status: any("key" in one["text"] for one in status["warnings"]))
        b.kill()
    return f"refused with 2: {first[:150]}"


def row_57(home: Path) -> str:
    """a key without the right to trade, or with the right to withdraw"""
    with quick(home) as b:
        b.venue.control.permissions("trader", trade=False)
        refused(b, "the key may not trade")
        b.venue.control.permissions("trader", trade=True, withdraw=True)
        b.start()
        status = b.until(lambda status: status["state"] == "running")
        assert any("may withdraw money" in one["text"] for one in status["warnings"])
    return "without trading it is refused with 2; with withdrawal it starts, and warns"


# --- F ---------------------------------------------------------------------------------------------------------------


def row_72(home: Path) -> str:
    """a price that is NaN becomes a market order"""
    wrong: list[Any] = [D("NaN"), D("Infinity"), D("-1"), D(0), None]
    n = 0
    for kind in (OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.STOP, OrderKind.STOP_LIMIT):
        for bad_one in wrong:
            for price, trigger, amount in ((bad_one, D(1), D(1)), (D(1), bad_one, D(1)), (D(1), D(1), bad_one)):
                needs = (price is bad_one and kind != OrderKind.STOP) or (
                    trigger is bad_one and kind in (OrderKind.STOP, OrderKind.STOP_LIMIT)
                )
                if amount is not bad_one and not needs:
                    continue
                try:
                    made = Intent("a", SPOT, BUY, kind, amount, price, trigger)
                except (WorkbenchError, TypeError, AssertionError):
                    n += 1
                else:
                    raise AssertionError(f"{made} could be built")
    return f"{n} of {n} intents without a finite price, trigger or amount cannot be built; a kind is never changed"


def row_73(home: Path) -> str:
    """fat finger, wrong unit"""
    limits = Limits(max_order_notional=500, max_order_amount=D("0.01"), price_band=0.05, max_position=D("0.02"))
    gate, draw, passed, refused_n = Gate(limits), random.Random(73), 0, 0
    for n in range(5_000):
        standing = Standing()
        standing.heard(SPOT, D(60_000), n)
        amount, price = D(str(round(10 ** draw.uniform(-4, 2), 4))), D(str(round(60_000 * 10 ** draw.uniform(-1, 1))))
        intent = Intent(f"o{n}", SPOT, draw.choice((BUY, SELL)), OrderKind.LIMIT, amount, price)
        if gate.approve(intent, standing, now_ms=n) is None:
            passed += 1
            assert amount <= D("0.01")
            assert amount * max(price, D(60_000)) <= 500
            assert abs(price / 60_000 - 1) <= D("0.05")
        else:
            refused_n += 1
    assert min(passed, refused_n) > 0
    return f"of 5,000 orders of any size and price {refused_n} are refused; {passed} pass, all inside every limit"


def row_74(home: Path) -> str:
    """a strategy in a loop"""
    with quick(home) as b:
        bad(b, "loops", limits={"max_data_age_ms": 60_000, "max_orders_per_minute": 30})
        b.start()
        status = b.until(lambda status: status["refusals"] > 40)
        sent = [one["created_ms"] for one in b.venue.control.orders()]
        most = max(sum(first <= one < first + 60_000 for one in sent) for first in sent)
        assert most <= 30, most
        b.client.stop(hold=False)
        b.ended()
    return f"{most} orders went out in its worst minute, of 30 allowed; {status['refusals']} refused with the reason"


def row_75(home: Path) -> str:
    """a strategy raises, or answers nonsense, in the middle"""
    for how in ("raises", "nonsense", "answers"):
        with quick(home / how) as b:
            (home / how).mkdir(exist_ok=True)
            bad(b, how)
            b.start()
            status = b.until(lambda status: status["state"] == "paused")
            assert any("failed at row" in one["text"] for one in status["warnings"]), status["warnings"]
            b.until(lambda status: not [one for one in status["orders"] if not one["is_leaving"]])
            row = b.status()["row"]
            b.until(lambda status, row=row: status["row"] > row + 2)
            b.client.stop(hold=False)
            assert b.ended() == 0
            wrong = b.invariants()
            assert wrong == [], wrong
    return "three ways: paused with a warning that names bot, row and error; quotes withdrawn, exits and bars go on"


def row_76(home: Path) -> str:
    """a strategy blocks"""
    with quick(home) as b:
        bad(b, "blocks", parameters={"once": str(home / "once"), "row": WARM + 3})
        with guard(b.plan, b.folder, b._keys(), HUNG_S=3.0) as guardian:
            until(lambda: (home / "once").exists(), 120.0, "the bot to block")
            until(lambda: guardian.status()["starts"] == 2, 60.0, "another runner")
            row = b.until(lambda status: status["state"] == "running")["row"]
            b.until(lambda status: status["row"] > row + 2)
            b.client.stop(hold=False)
        wrong = b.invariants()
        assert wrong == [], wrong
    return "its loop stood still, the supervisor ended it and started another, which went on; both ledgers agree"


def row_77(home: Path) -> str:
    """a mistyped setting is ignored"""
    n = 0
    for kind, values in (("limits", Limits().model_dump(mode="json")), ("bot", Bollinger().model_dump(mode="json"))):
        for name in values:
            typo = name[:-1] + ("x" if name[-1] != "x" else "y")
            try:
                Limits(**{typo: 1}) if kind == "limits" else Bollinger(**{typo: 1})
            except (WorkbenchError, ValueError) as error:
                n += typo in str(error)
            else:
                raise AssertionError(f"{typo} was taken")
    for key in ("logs.level", "venues.binance.urls.http", "accounts.main.venue", "defaults.venue"):
        parent, _, last = key.rpartition(".")
        try:
            set_value(f"{parent}.{last[:-1]}x", "INFO", home)
        except ConfigError:
            n += 1
        else:
            raise AssertionError(f"{key} mistyped was taken")
    load_config(home)
    assert n == len(Limits.model_fields) + len(Bollinger.model_fields) + 4
    return f"{n} of {n} mistyped keys of limits, strategies and config.yaml are errors that name them"


def row_78(home: Path) -> str:
    """test keys on the live venue, or the reverse"""
    from workbench.live.asking import screen

    try:
        Plan.make(Bollinger(), "binance", SPOT, name="x", mode="simulated")
    except ConfigError as error:
        said = str(error)
    else:
        raise AssertionError("a simulated run without a place to go to")
    assert "no order may go elsewhere" in said
    shown = screen(Plan.make(Bollinger(), "binance", SPOT, name="x", mode="live"))
    assert "api.binance.com" in shown
    assert "MONEY" in shown
    with quick(home) as b:
        b.write(b.market, parameters={"doing": "amend"})
        b._keys = lambda: {"binance:main": {"key": "of-another-venue", "secret": "x" * 32}}  # type: ignore[method-assign]
        refused(b)
    return (
        "the mode is part of the plan: simulated needs a place of its own, live shows its host and wants the name typed"
    )


def row_79(home: Path) -> str:
    """backtest and live differ"""
    with quick(home) as b:
        at_work(b, rows=15, doing="all")
        b.client.stop(hold=False)
        b.ended()
        with b.past() as past:
            parity = compare(past.entries(), b.plan, b.plan.bot.load(b.folder.path))
    assert parity.rows > 10
    assert parity.first is None, parity
    return f"{parity.rows} rows of a live run decided as the backtest's loop decides over the same bars"


WARM = crashes.WARM
