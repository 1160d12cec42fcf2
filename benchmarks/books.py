"""Replay of a recorded book with one quote a side, ours and hftbacktest's: `python -m benchmarks.books --write`.

Both have the same messages, the same two clocks, constant latency, a queue model in which all orders of a price are
as likely to be cancelled, and a bot in compiled code that looks every 100 ms and keeps a post-only order of 0.01 at
the best bid and ask, while it holds less than 0.1. What is timed is a whole run: ours with its account, margin, mark,
equity and journals, theirs with the making of its backtest; not what each makes of the recording once, its table of
events. Ours fills in parts; theirs fills whole, because its exchange with partial fills (2.4.2) stops short on the
perpetual with the code 14, an order whose status is not what it should be.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import workbench as wb
from workbench.controllers import Controller
from workbench.errors import BrokenInvariant
from workbench.market import Action, Instrument, MessageKind, OrderKind, Recording, Sizing

FOLDER = Path(__file__).parents[2] / "shared" / "marketdata" / "l2"
NAMES = {"usdm": ("BTC/USDT:USDT", 0.1, 0.001), "spot": ("BTC/USDT", 0.01, 0.00001)}
STEP_MS, LATENCY_MS, AMOUNT, MOST = 100, 5, 0.01, 0.1
FEE, CASH = 0.0004, 100_000.0
CLOSE = 1e-7  # of mid: rounded to the tick it is the best price
MS = 1_000_000
END = 1  # what hftbacktest says at the end of its data


class OneQuoteASide(Controller):
    """Post-only quotes at the best bid and ask, each time it looks."""

    @property
    def levels(self) -> int:  # type: ignore[override]
        return 2

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """Mid, the distance, the amount, and the most to hold."""
        return candles.close, CLOSE, AMOUNT, MOST

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        """One target for each side; a size of 0 wants none."""
        for level in range(2):
            side = 1 - 2 * level
            target = out[level]
            target.action, target.kind, target.side = Action.QUOTE, OrderKind.POST_ONLY, side
            target.price, target.sizing = row[0] * (1.0 - side * row[1]), Sizing.BASE
            target.size = row[2] if side * world.position < row[3] - 1e-9 else 0.0


@dataclass(slots=True)
class Line:
    """A contender: what it replayed, and how long each round took of the processor."""

    name: str
    run: Callable[[], tuple[int, float]]  # fills, and base units in them
    rows: int
    cpu_s: list[float] = field(default_factory=list)
    fills: int = 0
    amount: float = 0.0

    @property
    def median_s(self) -> float:
        return statistics.median(self.cpu_s)

    @property
    def rate(self) -> float:
        """Changes, trades and quotes a second."""
        return self.rows / self.median_s


def recording(folder: Path, name: str, *, quotes: bool) -> Recording:
    """A recorded book of the shared market data."""
    symbol, tick, lot = NAMES[name]
    files = {kind: folder / f"binance-{name}_BTCUSDT_20240808_{kind}.parquet" for kind in ("depth", "trades", "bbo")}
    return wb.data.book(
        "binance", Instrument.parse(symbol, tick=tick, lot=lot), depth=files["depth"], trades=files["trades"],
        quotes=files["bbo"] if quotes else None,
    )  # fmt: skip


def rows_of(one: Recording) -> int:
    """Changes of levels, trades and quotes."""
    return len(one.levels) + int((one.messages["kind"] >= MessageKind.TRADE).sum())


def ours(one: Recording) -> Callable[[], tuple[int, float]]:
    """The whole of `wb.backtest`, without the check for look-ahead."""
    terms: dict[str, Any] = {"account": "margin", "leverage": 3.0}
    if one.instrument.is_perpetual:
        terms = {"perpetual": wb.Perpetual(leverage=3.0), "funding_gaps": "name"}

    def run() -> tuple[int, float]:
        result = wb.backtest(
            OneQuoteASide(), one, cash=CASH, fees=wb.Fees(0.0, FEE), fill=wb.QueuePosition(1.0), step=f"{STEP_MS}ms",
            latency=wb.Latency(submit_ms=LATENCY_MS, cancel_ms=LATENCY_MS, report_ms=LATENCY_MS), audit=False, **terms,
        )  # fmt: skip
        fills = result.tape.fills
        return len(fills), float(fills["amount"].sum())

    return run


# The peer ---------------------------------------------------------------------------------------------------------


def events_of(one: Recording) -> Any:
    """The same messages as hftbacktest's events: one row a change or trade, at the venue's time and at ours."""
    import hftbacktest as hft

    messages, heard = one.messages, one.heard_ms
    book = messages["kind"] <= MessageKind.CHANGES
    trade = messages["kind"] == MessageKind.TRADE
    count = np.where(book, messages["last"] - messages["first"], trade.astype(np.int64))
    of = np.repeat(np.arange(len(messages)), count)
    rows = np.zeros(len(of), hft.types.event_dtype)
    rows["exch_ts"], rows["local_ts"] = messages["time_ms"][of] * MS, heard[of] * MS
    is_book, is_trade = book[of], trade[of]
    bid = one.levels >= 0
    sides = np.array([hft.SELL_EVENT, hft.BUY_EVENT], np.uint64)
    kind = np.where(messages["kind"][of] == MessageKind.SNAPSHOT, hft.DEPTH_SNAPSHOT_EVENT, hft.DEPTH_EVENT)
    rows["ev"] = np.where(is_trade, hft.TRADE_EVENT, kind).astype(np.uint64)
    rows["ev"] |= np.uint64(hft.EXCH_EVENT | hft.LOCAL_EVENT)
    rows["ev"][is_book] |= sides[bid.astype(int)]
    rows["px"][is_book] = one.prices[np.where(bid, one.levels, ~one.levels)]
    rows["qty"][is_book] = one.amounts
    rows["ev"][is_trade] |= sides[(messages["side"][trade] > 0).astype(int)]
    rows["px"][is_trade] = one.prices[messages["bid"][trade]]
    rows["qty"][is_trade] = messages["bid_amount"][trade]
    return rows


def peer(one: Recording, *, vector: bool) -> Callable[[], tuple[int, float]]:
    """hftbacktest with its market depth in a vector over a range of prices, or in a hash map."""
    import hftbacktest as hft

    events, bot = events_of(one), peer_bot()
    middle = one.candles("1s").close

    def run() -> tuple[int, float]:
        asset = (
            hft.BacktestAsset().data(events).linear_asset(1.0)
            .constant_order_latency(LATENCY_MS * MS, LATENCY_MS * MS).power_prob_queue_model(1.0)
            .no_partial_fill_exchange().trading_value_fee_model(0.0, FEE)
            .tick_size(one.instrument.tick).lot_size(one.instrument.lot).last_trades_capacity(0)
        )  # fmt: skip
        if vector:
            asset = asset.roi_lb(float(middle.min() * 0.95)).roi_ub(float(middle.max() * 1.05))
        tester = (hft.ROIVectorMarketDepthBacktest if vector else hft.HashMapMarketDepthBacktest)([asset])
        found = bot(tester, STEP_MS * MS, AMOUNT, MOST)
        tester.close()
        if found[2] != END:
            raise BrokenInvariant(
                f"hftbacktest stopped short with the code {found[2]}; its figures would mean nothing."
            )
        return int(found[0]), float(found[1])

    return run


def peer_bot() -> Callable[..., tuple[int, float, int]]:
    """The same bot, against hftbacktest's interface."""
    import hftbacktest as hft
    import numba

    GTX, LIMIT = hft.GTX, hft.LIMIT

    @numba.njit
    def keep(tester, order_id, live, price, wanted, side, amount):
        """Replace the order of a side if it should lie elsewhere; the id of the last one."""
        orders = tester.orders(0)
        if live in orders:
            order = orders.get(live)
            if wanted and abs(order.price - price) < 1e-6:
                return live
            if order.cancellable:
                tester.cancel(0, live, False)
        if not wanted:
            return np.uint64(0)
        if side > 0:
            tester.submit_buy_order(0, order_id, price, amount, GTX, LIMIT, False)
        else:
            tester.submit_sell_order(0, order_id, price, amount, GTX, LIMIT, False)
        return order_id

    @numba.njit
    def bot(tester, step, amount, most):
        number, bid, ask, code = np.uint64(1), np.uint64(0), np.uint64(0), tester.elapse(step)
        while code == 0:
            tester.clear_inactive_orders(0)
            depth, held = tester.depth(0), tester.position(0)
            best_bid, best_ask = depth.best_bid, depth.best_ask
            if best_bid > 0.0 and best_ask < 1e12:
                bid = keep(tester, number, bid, best_bid, held < most - 1e-9, 1, amount)
                number += np.uint64(1)
                ask = keep(tester, number, ask, best_ask, -held < most - 1e-9, -1, amount)
                number += np.uint64(1)
            code = tester.elapse(step)
        values = tester.state_values(0)
        return values.num_trades, values.trading_volume, code

    return bot


# The measurement --------------------------------------------------------------------------------------------------


def measure(folder: Path, name: str, rounds: int) -> list[Line]:
    """All contenders in turns, each once before it counts."""
    plain, whole = recording(folder, name, quotes=False), recording(folder, name, quotes=True)
    lines = [Line("workbench", ours(plain), rows_of(plain))]
    try:
        lines += [
            Line(f"hftbacktest, {word}", peer(plain, vector=vector), rows_of(plain))
            for word, vector in (("prices in a vector", True), ("prices in a hash map", False))
        ]
    except ImportError as missing:
        print(f"hftbacktest is not here ({missing}); install the development requirements to compare with it.")
    lines.append(Line("workbench, with quotes", ours(whole), rows_of(whole)))
    for line in lines:
        line.fills, line.amount = line.run()
    for _ in range(rounds):
        for line in lines:
            began = time.process_time()
            line.run()
            line.cpu_s.append(time.process_time() - began)
    return lines


def ratio(lines: list[Line]) -> float | None:
    """Our time for the same rows over that of the faster peer; None without one."""
    peers = [line.median_s for line in lines if line.name.startswith("hft")]
    return lines[0].median_s / min(peers) if peers else None


def table(name: str, lines: list[Line]) -> list[str]:
    """A table in Markdown, and the ratio."""
    said = [f"## {name}", "", "| | rows | CPU ms, median | rows/s | fills | base units |", "|---|---|---|---|---|---|"]
    for one in lines:
        figures = f"{one.rows:,} | {1000 * one.median_s:.1f} | {one.rate:,.0f} | {one.fills:,} | {one.amount:.3f}"
        said.append(f"| {one.name} | {figures} |")
    found = ratio(lines)
    verdict = "no peer was there to compare with" if found is None else f"ours takes {found:.2f} of the faster peer's"
    return [*said, "", f"For the same rows {verdict} time.", ""]


def main() -> None:
    """Measure both recordings; `--write` puts the tables into books.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=FOLDER)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    said = ["# Replay of a recorded book with one quote a side", "", "`python -m benchmarks.books --write`", ""]
    said += ["Python " + platform.python_version() + f", {given.rounds} rounds in turns, CPU time of the process.", ""]
    said += [*" ".join((__doc__ or "").split("\n\n")[1].split()).splitlines(), ""]
    for name in NAMES:
        said += table(f"BTC {name}, Binance, 2024-08-08", measure(given.folder, name, given.rounds))
    print("\n".join(said))
    if given.write:
        (Path(__file__).parent / "books.md").write_text("\n".join(said), "utf-8")


if __name__ == "__main__":
    main()
