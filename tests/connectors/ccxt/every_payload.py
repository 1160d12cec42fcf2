"""Every recorded answer as the answer to every question: `python -m tests.connectors.ccxt.every_payload`.

What cannot be read is refused by name; any other exception is a failure. The tests ask a sample of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import CcxtConnector
from workbench.errors import VenueError

from .parrot import asking, know, parrot

VENUES = ["binance", "bybit", "okx", "kraken", "hyperliquid"]


async def ask_all(shared: Path, venue: str, *, perpetual: bool, most: int | None = None) -> Counter[str]:
    """Say each payload, or a sample, to each question; how many were read, and what refused the others."""
    outcomes: Counter[str] = Counter()
    async with parrot() as bird:
        connector = asking(bird, venue, perpetual=perpetual)
        connector.patience_s = 0.3
        payloads = list(http_payloads(shared, venue))
        chosen = payloads if most is None or len(payloads) < most else Random(7).sample(payloads, most)
        for name, payload in chosen:
            bird.say(payload)
            for question, ask in questions(connector).items():
                know(connector)
                error = await refused(ask)
                assert error is None or (error.venue == venue and error.request), (name, question)
                outcomes[type(error).__name__ if error else "read"] += 1
        await connector.close()
    return outcomes


def http_payloads(shared: Path, venue: str) -> Iterator[tuple[str, bytes]]:
    root = shared / "exchange-payloads"
    for path in sorted((root / "nautilus_trader" / venue).rglob("*.json")):
        if not path.name.startswith("ws_") and "ws" not in path.parent.name and "user_data" not in path.parent.name:
            yield path.name, path.read_bytes()
    for path in sorted((root / "hummingbot").glob(f"{venue}*.json")):
        for test, functions in json.loads(path.read_text(encoding="utf-8")).items():
            for function, literals in functions.items():
                for name, literal in literals.items():
                    yield f"{path.stem}:{test}:{function}:{name}", json.dumps(literal).encode()
    if venue == "binance":
        for path in sorted((root / "basana").glob("*.json")):
            yield path.name, path.read_bytes()


def questions(connector: CcxtConnector) -> dict[str, Any]:
    symbol = "BTC/USDT:USDT" if connector.perpetual else "BTC/USDT"
    asks = {
        "rules": connector.refresh_rules,
        "trades": lambda: connector.trades(symbol),
        "ticker": lambda: connector.ticker(symbol),
        "candles": lambda: connector.candles(symbol, "1m", 0),
        "balances": connector.balances,
        "open_orders": lambda: connector.open_orders(symbol),
        "order": lambda: connector.order(symbol, "abc", venue_id="1"),
        "fills": lambda: connector._fills_page(symbol, 0),
    }
    if connector.perpetual:
        asks |= {
            "positions": connector.positions,
            "funding_rate": lambda: connector.funding_rate(symbol),
            "funding_payments": lambda: connector.funding_payments(symbol, 0),
            "leverage": lambda: connector.leverage(symbol),
            "is_hedged": connector.is_hedged,
        }
    return asks


async def refused(ask: Any) -> VenueError | None:
    """The typed error of a question, None if it was answered; any other exception fails the test."""
    try:
        await ask()
    except VenueError as error:
        return error
    return None


def main() -> None:
    """Ask everything, and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shared", type=Path, default=Path(__file__).parents[4] / "shared")
    shared = options.parse_args().shared
    for venue in VENUES:
        for perpetual in (False, True):
            outcomes = asyncio.run(ask_all(shared, venue, perpetual=perpetual))
            said = ", ".join(f"{count:,} {name}" for name, count in outcomes.most_common())
            where = f"{venue} {'perpetual' if perpetual else 'spot'}"
            print(f"{where:24}{outcomes.total():6,} answers: {said}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
