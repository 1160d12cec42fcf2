"""What happens in a small run, told to a journal."""

from __future__ import annotations

from decimal import Decimal as D

from workbench.connectors import Balance, FundingPayment
from workbench.journal import Journal
from workbench.market import BUY, OrderKind
from workbench.trading import Fill, Intent, Life, Report

PLAN = {
    "bot": {"path": "m:Dip", "parameters": {"length": 5}, "fingerprint": "f"},
    "markets": [{"venue": "binance", "account": "main"}],
}


def intent(client_id: str, amount: str = "0.10") -> Intent:
    return Intent(client_id, "BTC/USDT", BUY, OrderKind.LIMIT, D(amount), D("100.0"), created_ms=5)


def fill(trade_id: str, client_id: str = "a", amount: str = "0.05", venue_id: str = "v1") -> Fill:
    return Fill("BTC/USDT", trade_id, venue_id, BUY, D("100.0"), D(amount), 8, client_id, D("0.0050"), "USDT")


def plan(journal: Journal) -> None:
    journal.append("planned", PLAN, time_ms=1)
    journal.append("started", {"pid": 1}, time_ms=2)
    journal.commit()


def trade(journal: Journal, n: int = 0) -> None:
    """An order that is intended and sent in one commit, opened, filled in two parts, one of them told twice."""
    name, known = f"o{n}", f"v{n}"
    journal.append("intent", {"intent": intent(name), "executor": n, "order": n, "purpose": "ENTRY"}, time_ms=5)
    journal.append("sent", {"client_id": name}, time_ms=6)
    journal.commit_entries()
    report = Report("BTC/USDT", name, known, Life.OPEN, D(0), 7)
    journal.append("answered", {"client_id": name, "report": report}, time_ms=7)
    journal.append("fill", {"fill": fill(f"{n}/1", name, venue_id=known)}, time_ms=8)
    journal.commit()
    for _ in range(2):
        journal.append("fill", {"fill": fill(f"{n}/2", "", venue_id=known)}, time_ms=9)
        journal.commit()
    paid = FundingPayment(f"p{n}", "BTC/USDT", "USDT", D("-0.10"), 9)
    journal.append("funding", {"funding": paid}, time_ms=9)
    journal.append("balances", {"balances": [Balance("USDT", D("10.0"), D("9"))]}, time_ms=9)
    journal.commit()


ENTRIES_OF_A_TRADE = 8
