"""Every unified call of ccxt that makes sense on a spot or a USD-M venue, and what its answer must look like.

The same tables serve the synchronous, the asynchronous and the streaming class. A call is a function of the exchange
and of what earlier calls left; its answer is checked by a second one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
Left = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One unified call."""

    name: str
    ask: Callable[[Any, Left], Any]
    holds: Callable[[Any], Any] = bool
    keeps: str = ""  # under which word later calls find its answer
    only: tuple[str, ...] = field(default=("sync", "async", "pro"))


def order(status: str, **more: Any) -> Callable[[Any], bool]:
    return lambda made: made["status"] == status and all(made[name] == value for name, value in more.items())


def book(made: Any) -> bool:
    return bool(made["bids"][0][0] < made["asks"][0][0] and made["nonce"])


SPOT_CALLS = [
    Asked("fetch_time", lambda e, _: e.fetch_time(), lambda made: made > 1.6e12),
    Asked(
        "fetch_markets",
        lambda e, _: e.fetch_markets(),
        lambda made: made[0]["active"] and made[0]["limits"]["cost"]["min"],
    ),
    Asked("fetch_order_book", lambda e, _: e.fetch_order_book(SPOT, 100), book),
    Asked("fetch_l2_order_book", lambda e, _: e.fetch_l2_order_book(SPOT), book),
    Asked(
        "fetch_bids_asks", lambda e, _: e.fetch_bids_asks([SPOT]), lambda made: made[SPOT]["bid"] < made[SPOT]["ask"]
    ),
    Asked("fetch_ticker", lambda e, _: e.fetch_ticker(SPOT), lambda made: made["last"] > 0 and made["bid"] > 0),
    Asked("fetch_tickers", lambda e, _: e.fetch_tickers(), lambda made: SPOT in made),
    Asked("fetch_last_prices", lambda e, _: e.fetch_last_prices(), lambda made: made[SPOT]["price"] > 0),
    Asked("fetch_ohlcv", lambda e, _: e.fetch_ohlcv(SPOT, "1m", limit=10), lambda made: len(made) == 10),
    Asked("fetch_ohlcv 1h", lambda e, _: e.fetch_ohlcv(SPOT, "1h"), lambda made: made[0][0] % 3_600_000 == 0),
    Asked("fetch_trades", lambda e, _: e.fetch_trades(SPOT), lambda made: made[-1]["side"] in ("buy", "sell")),
    Asked("fetch_trades raw", lambda e, _: e.fetch_trades(SPOT, params={"fetchTradesMethod": "publicGetTrades"})),
    Asked("fetch_balance", lambda e, _: e.fetch_balance(), lambda made: made["USDT"]["free"] > 0),
    Asked("fetch_status", lambda e, _: e.fetch_status(), lambda made: made["status"] == "ok"),
    Asked(
        "fetch_currencies",
        lambda e, _: e.sapiGetCapitalConfigGetall(),
        lambda made: {"BTC", "USDT"} <= {row["coin"] for row in made},
    ),
    Asked("fetch_trading_fee", lambda e, _: e.fetch_trading_fee(SPOT), lambda made: made["maker"] == 0.001),
    Asked("fetch_trading_fees", lambda e, _: e.fetch_trading_fees(), lambda made: made[SPOT]["taker"] == 0.001),
    Asked(
        "commission",
        lambda e, _: e.privateGetAccountCommission({"symbol": "BTCUSDT"}),
        lambda made: made["standardCommission"]["maker"] == "0.00100000",
    ),
    Asked("fetch_deposits", lambda e, _: e.fetch_deposits("BTC"), lambda made: made == []),
    Asked("fetch_withdrawals", lambda e, _: e.fetch_withdrawals("BTC"), lambda made: made == []),
    Asked("transfer", lambda e, _: e.transfer("USDT", 100, "spot", "swap"), lambda made: made["id"]),
    Asked("transfer back", lambda e, _: e.transfer("USDT", 100, "swap", "spot"), lambda made: made["id"]),
    Asked(
        "fetch_transfers",
        lambda e, _: e.fetch_transfers("USDT", None, None, {"fromAccount": "spot", "toAccount": "swap"}),
        lambda made: [(row["amount"], row["status"]) for row in made] == [(100.0, "ok")],
    ),
    Asked(
        "create_order limit",
        lambda e, _: e.create_order(SPOT, "limit", "buy", 0.01, 59_000),
        order("open", type="limit", remaining=0.01),
        "limit",
    ),
    Asked("create_order test", lambda e, _: e.create_order(SPOT, "limit", "buy", 0.01, 59_000, {"test": True})),
    Asked("fetch_order", lambda e, left: e.fetch_order(left["limit"]["id"], SPOT), order("open", price=59_000.0)),
    Asked(
        "fetch_order by client id",
        lambda e, left: e.fetch_order(None, SPOT, {"clientOrderId": left["limit"]["clientOrderId"]}),
        order("open", price=59_000.0),
    ),
    Asked("fetch_open_orders", lambda e, _: e.fetch_open_orders(SPOT), lambda made: len(made) == 1),
    Asked(
        "edit_order",
        lambda e, left: e.edit_order(left["limit"]["id"], SPOT, "limit", "buy", 0.02, 58_000),
        order("open", price=58_000.0),
        "edited",
    ),
    Asked("cancel_order", lambda e, left: e.cancel_order(left["edited"]["id"], SPOT), order("canceled")),
    Asked(
        "create_order market",
        lambda e, _: e.create_order(SPOT, "market", "buy", 0.02),
        lambda made: made["status"] == "closed" and made["fees"][0]["currency"] == "BTC",
        "market",
    ),
    Asked("create_order by cost", lambda e, _: e.create_market_buy_order_with_cost(SPOT, 500), order("closed")),
    Asked(
        "create_order post-only",
        lambda e, _: e.create_order(SPOT, "limit", "sell", 0.001, 70_000, {"postOnly": True}),
        order("open", postOnly=True),
    ),
    Asked(
        "create_order ioc",
        lambda e, _: e.create_order(SPOT, "limit", "buy", 0.001, 50_000, {"timeInForce": "IOC"}),
        order("expired"),
    ),
    Asked(
        "create_order client id",
        lambda e, _: e.create_order(SPOT, "limit", "buy", 0.001, 50_000, {"clientOrderId": "own-1"}),
        order("open", clientOrderId="own-1"),
    ),
    Asked(
        "create_order stop",
        lambda e, _: e.create_order(SPOT, "market", "sell", 0.001, None, {"triggerPrice": 50_000}),
        order("open", triggerPrice=50_000.0),
    ),
    Asked(
        "create_order stop limit",
        lambda e, _: e.create_order(SPOT, "limit", "sell", 0.001, 49_000, {"stopLossPrice": 50_000}),
        order("open", triggerPrice=50_000.0),
    ),
    Asked(
        "create_order take profit",
        lambda e, _: e.create_order(SPOT, "market", "sell", 0.001, None, {"takeProfitPrice": 80_000}),
        order("open", triggerPrice=80_000.0),
    ),
    Asked(
        "create_order trailing",
        lambda e, _: e.create_order(
            SPOT, "market", "sell", 0.001, None, {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"}
        ),
        order("open"),
    ),
    Asked("cancel_all_orders", lambda e, _: e.cancel_all_orders(SPOT), lambda made: len(made) == 6),
    Asked("fetch_orders", lambda e, _: e.fetch_orders(SPOT), lambda made: len(made) == 11),
    Asked(
        "fetch_closed_orders",
        lambda e, _: e.fetch_closed_orders(SPOT),
        lambda made: made and all(o["status"] == "closed" for o in made),
    ),
    Asked(
        "fetch_canceled_orders",
        lambda e, _: e.fetch_canceled_orders(SPOT),
        lambda made: made and all(o["status"] == "canceled" for o in made),
    ),
    Asked("fetch_my_trades", lambda e, _: e.fetch_my_trades(SPOT), lambda made: made[0]["fee"]["cost"] > 0),
    Asked(
        "fetch_order_trades",
        lambda e, left: e.fetch_order_trades(left["market"]["id"], SPOT),
        lambda made: abs(sum(trade["amount"] for trade in made) - 0.02) < 1e-9,
    ),
    Asked(
        "oco list",
        lambda e, _: e.privatePostOrderListOco(
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "quantity": "0.01",
                "aboveType": "LIMIT_MAKER",
                "abovePrice": "70000",
                "belowType": "STOP_LOSS",
                "belowStopPrice": "50000",
            }
        ),
        lambda made: len(made["orderReports"]) == 2,
        "oco",
    ),
    Asked(
        "cancel list",
        lambda e, left: e.privateDeleteOrderList({"symbol": "BTCUSDT", "orderListId": left["oco"]["orderListId"]}),
        lambda made: made["listOrderStatus"] == "ALL_DONE",
    ),
]

PERP_CALLS = [
    Asked("fetch_time", lambda e, _: e.fetch_time(), lambda made: made > 1.6e12),
    Asked("fetch_markets", lambda e, _: e.fetch_markets(), lambda made: made[0]["swap"] and made[0]["linear"]),
    Asked(
        "fetch_order_book", lambda e, _: e.fetch_order_book(PERP, 100), lambda made: book(made) and made["timestamp"]
    ),
    Asked(
        "fetch_bids_asks", lambda e, _: e.fetch_bids_asks([PERP]), lambda made: made[PERP]["bid"] < made[PERP]["ask"]
    ),
    Asked("fetch_ticker", lambda e, _: e.fetch_ticker(PERP), lambda made: made["last"] > 0),
    Asked("fetch_tickers", lambda e, _: e.fetch_tickers(), lambda made: PERP in made),
    Asked("fetch_last_prices", lambda e, _: e.fetch_last_prices(), lambda made: made[PERP]["price"] > 0),
    Asked("fetch_mark_price", lambda e, _: e.fetch_mark_price(PERP), lambda made: made["markPrice"] > 0),
    Asked("fetch_mark_prices", lambda e, _: e.fetch_mark_prices(), lambda made: PERP in made),
    Asked("fetch_ohlcv", lambda e, _: e.fetch_ohlcv(PERP, "1m", limit=10), lambda made: len(made) == 10),
    Asked("fetch_mark_ohlcv", lambda e, _: e.fetch_mark_ohlcv(PERP, "1m", limit=3), lambda made: len(made) == 3),
    Asked("fetch_index_ohlcv", lambda e, _: e.fetch_index_ohlcv(PERP, "1m", limit=3), lambda made: len(made) == 3),
    Asked(
        "fetch_premium_index_ohlcv",
        lambda e, _: e.fetch_premium_index_ohlcv(PERP, "1m", limit=3),
        lambda made: len(made) == 3,
    ),
    Asked("fetch_trades", lambda e, _: e.fetch_trades(PERP), lambda made: made[-1]["side"] in ("buy", "sell")),
    Asked("fetch_balance", lambda e, _: e.fetch_balance(), lambda made: made["USDT"]["free"] > 0),
    Asked("fetch_trading_fee", lambda e, _: e.fetch_trading_fee(PERP), lambda made: made["taker"] == 0.0005),
    Asked("fetch_funding_rate", lambda e, _: e.fetch_funding_rate(PERP), lambda made: made["fundingRate"] == 0.0001),
    Asked("fetch_funding_rates", lambda e, _: e.fetch_funding_rates(), lambda made: PERP in made),
    Asked(
        "fetch_funding_intervals", lambda e, _: e.fetch_funding_intervals(), lambda made: made[PERP]["interval"] == "8h"
    ),
    Asked(
        "fetch_open_interest", lambda e, _: e.fetch_open_interest(PERP), lambda made: made["openInterestAmount"] >= 0
    ),
    Asked("fetch_open_interest_history", lambda e, _: e.fetch_open_interest_history(PERP, "5m")),
    Asked(
        "fetch_leverage_tiers",
        lambda e, _: e.fetch_leverage_tiers([PERP]),
        lambda made: made[PERP][0]["maxLeverage"] == 125,
    ),
    Asked("fetch_market_leverage_tiers", lambda e, _: e.fetch_market_leverage_tiers(PERP), lambda made: len(made) == 8),
    Asked("set_leverage", lambda e, _: e.set_leverage(10, PERP), lambda made: made["leverage"] in (10, "10")),
    Asked("fetch_leverage", lambda e, _: e.fetch_leverage(PERP), lambda made: made["longLeverage"] == 10),
    Asked("fetch_leverages", lambda e, _: e.fetch_leverages([PERP]), lambda made: made[PERP]["longLeverage"] == 10),
    Asked("set_margin_mode isolated", lambda e, _: e.set_margin_mode("isolated", PERP)),
    Asked("fetch_margin_mode", lambda e, _: e.fetch_margin_mode(PERP), lambda made: made["marginMode"] == "isolated"),
    Asked(
        "fetch_margin_modes",
        lambda e, _: e.fetch_margin_modes([PERP]),
        lambda made: made[PERP]["marginMode"] == "isolated",
    ),
    Asked("set_position_mode", lambda e, _: e.set_position_mode(True)),
    Asked("fetch_position_mode", lambda e, _: e.fetch_position_mode(), lambda made: made["hedged"] is True),
    Asked("set_position_mode back", lambda e, _: e.set_position_mode(False)),
    Asked(
        "create_order limit", lambda e, _: e.create_order(PERP, "limit", "buy", 0.01, 59_000), order("open"), "limit"
    ),
    Asked("fetch_order", lambda e, left: e.fetch_order(left["limit"]["id"], PERP), order("open", price=59_000.0)),
    Asked("fetch_open_order", lambda e, left: e.fetch_open_order(left["limit"]["id"], PERP), order("open")),
    Asked("fetch_open_orders", lambda e, _: e.fetch_open_orders(PERP), lambda made: len(made) == 1),
    Asked(
        "edit_order",
        lambda e, left: e.edit_order(left["limit"]["id"], PERP, "limit", "buy", 0.02, 58_000),
        order("open", price=58_000.0),
    ),
    Asked("cancel_order", lambda e, left: e.cancel_order(left["limit"]["id"], PERP), order("canceled")),
    Asked("create_order market", lambda e, _: e.create_order(PERP, "market", "buy", 0.1), order("closed", filled=0.1)),
    Asked(
        "create_order post-only",
        lambda e, _: e.create_order(PERP, "limit", "sell", 0.01, 61_000, {"postOnly": True}),
        order("open"),
    ),
    Asked(
        "create_order reduce-only",
        lambda e, _: e.create_order(PERP, "limit", "sell", 0.05, 62_000, {"reduceOnly": True}),
        order("open", reduceOnly=True),
    ),
    Asked(
        "create_orders",
        lambda e, _: e.create_orders(
            [
                {"symbol": PERP, "type": "limit", "side": "buy", "amount": 0.01, "price": 58_500},
                {"symbol": PERP, "type": "limit", "side": "buy", "amount": 99, "price": 58_500},
            ]
        ),
        lambda made: sorted(o["status"] for o in made) == ["open", "rejected"],
        "batch",
    ),
    Asked(
        "cancel_orders",
        lambda e, left: e.cancel_orders([o["id"] for o in left["batch"] if o["id"]], PERP),
        lambda made: made[0]["status"] == "canceled",
    ),
    Asked(
        "fetch_positions",
        lambda e, _: e.fetch_positions([PERP]),
        lambda made: made[0]["contracts"] == 0.1 and made[0]["side"] == "long",
    ),
    Asked("fetch_positions_risk", lambda e, _: e.fetch_positions_risk([PERP]), lambda made: made[0]["entryPrice"] > 0),
    Asked(
        "fetch_account_positions",
        lambda e, _: e.fetch_account_positions([PERP]),
        lambda made: made[0]["contracts"] == 0.1,
    ),
    Asked("add_margin", lambda e, _: e.add_margin(PERP, 50), lambda made: made["amount"] == 50),
    Asked("reduce_margin", lambda e, _: e.reduce_margin(PERP, 20), lambda made: made["amount"] == 20),
    Asked(
        "fetch_margin_adjustment_history",
        lambda e, _: e.fetch_margin_adjustment_history(PERP),
        lambda made: len(made) == 2,
    ),
    Asked("fetch_position_adl_rank", lambda e, _: e.fetch_position_adl_rank(PERP), lambda made: made["rank"] == 1),
    Asked("fetch_positions_adl_rank", lambda e, _: e.fetch_positions_adl_rank([PERP]), lambda made: len(made) == 1),
    Asked(
        "fetch_long_short_ratio_history",
        lambda e, _: e.fetch_long_short_ratio_history(PERP, "5m"),
        lambda made: made[0]["longShortRatio"] > 0,
    ),
    Asked(
        "create_order stop",
        lambda e, _: e.create_order(PERP, "market", "sell", 0.05, None, {"stopLossPrice": 50_000}),
        order("open"),
        "stop",
    ),
    Asked(
        "create_order stop limit",
        lambda e, _: e.create_order(PERP, "limit", "sell", 0.05, 49_000, {"triggerPrice": 50_000}),
        order("open"),
    ),
    Asked(
        "create_order take profit",
        lambda e, _: e.create_order(
            PERP, "market", "sell", 0.05, None, {"takeProfitPrice": 70_000, "reduceOnly": True}
        ),
        order("open"),
    ),
    Asked(
        "create_order trailing",
        lambda e, _: e.create_order(PERP, "market", "sell", 0.05, None, {"trailingPercent": 5, "reduceOnly": True}),
        order("open"),
    ),
    Asked(
        "fetch_order stop", lambda e, left: e.fetch_order(left["stop"]["id"], PERP, {"trigger": True}), order("open")
    ),
    Asked(
        "fetch_open_orders stop",
        lambda e, _: e.fetch_open_orders(PERP, params={"trigger": True}),
        lambda made: len(made) == 4,
    ),
    Asked("cancel_order stop", lambda e, left: e.cancel_order(left["stop"]["id"], PERP, {"trigger": True})),
    Asked("cancel_all_orders", lambda e, _: e.cancel_all_orders(PERP)),
    Asked(
        "stops outlive cancel_all",
        lambda e, _: e.fetch_open_orders(PERP, params={"trigger": True}),
        lambda made: len(made) == 3,
    ),
    Asked("cancel_all_orders stop", lambda e, _: e.cancel_all_orders(PERP, {"trigger": True})),
    Asked(
        "fetch_orders stop", lambda e, _: e.fetch_orders(PERP, params={"trigger": True}), lambda made: len(made) == 4
    ),
    Asked("fetch_my_trades", lambda e, _: e.fetch_my_trades(PERP), lambda made: made[0]["fee"]["currency"] == "USDT"),
    Asked("fetch_orders", lambda e, _: e.fetch_orders(PERP), lambda made: len(made) == 5),
    Asked("fetch_closed_orders", lambda e, _: e.fetch_closed_orders(PERP), lambda made: len(made) == 1),
    Asked(
        "close position",
        lambda e, _: e.create_order(PERP, "market", "sell", 0.1, None, {"reduceOnly": True}),
        order("closed"),
    ),
    Asked(
        "fetch_ledger",
        lambda e, _: e.fetch_ledger("USDT"),
        lambda made: {row["type"] for row in made} >= {"trade", "commission", "transfer"},
    ),
    Asked(
        "fetch_funding_rate_history",
        lambda e, _: e.fetch_funding_rate_history(PERP),
        lambda made: isinstance(made, list),
    ),
    Asked("fetch_funding_history", lambda e, _: e.fetch_funding_history(PERP), lambda made: isinstance(made, list)),
    Asked("fetch_my_liquidations", lambda e, _: e.fetch_my_liquidations(PERP), lambda made: made == []),
    Asked(
        "countdown",
        lambda e, _: e.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 120_000}),
        lambda made: made["countdownTime"] == "120000",
    ),
]

SPOT_SOCKET_CALLS = [
    Asked("fetch_ohlcv_ws", lambda e, _: e.fetch_ohlcv_ws(SPOT, "1m"), lambda made: len(made) > 5),
    Asked("fetch_trades_ws", lambda e, _: e.fetch_trades_ws(SPOT), bool),
    Asked("fetch_balance_ws", lambda e, _: e.fetch_balance_ws(), lambda made: made["info"]["balances"]),
    Asked(
        "create_order_ws", lambda e, _: e.create_order_ws(SPOT, "limit", "buy", 0.01, 59_000), order("open"), "limit"
    ),
    Asked("fetch_order_ws", lambda e, left: e.fetch_order_ws(left["limit"]["id"], SPOT), order("open")),
    Asked("fetch_open_orders_ws", lambda e, _: e.fetch_open_orders_ws(SPOT), lambda made: len(made) == 1),
    Asked(
        "edit_order_ws",
        lambda e, left: e.edit_order_ws(left["limit"]["id"], SPOT, "limit", "buy", 0.01, 58_000),
        order("open"),
        "edited",
    ),
    Asked("cancel_order_ws", lambda e, left: e.cancel_order_ws(left["edited"]["id"], SPOT), order("canceled")),
    Asked("create_order_ws again", lambda e, _: e.create_order_ws(SPOT, "limit", "buy", 0.01, 57_000), order("open")),
    Asked("cancel_all_orders_ws", lambda e, _: e.cancel_all_orders_ws(SPOT), lambda made: len(made) == 1),
    Asked("fetch_orders_ws", lambda e, _: e.fetch_orders_ws(SPOT), lambda made: len(made) >= 3),
    Asked("fetch_my_trades_ws", lambda e, _: e.fetch_my_trades_ws(SPOT), lambda made: isinstance(made, list)),
]

PERP_SOCKET_CALLS = [
    Asked("fetch_ticker_ws", lambda e, _: e.fetch_ticker_ws(PERP), lambda made: made["bid"] > 0),
    Asked(
        "fetch_order_book_ws",
        lambda e, _: e.fetch_order_book_ws(PERP),
        lambda made: made["bids"][0][0] < made["asks"][0][0],
    ),
    Asked("fetch_balance_ws", lambda e, _: e.fetch_balance_ws(), lambda made: made["USDT"]["free"] > 0),
    Asked(
        "create_order_ws", lambda e, _: e.create_order_ws(PERP, "limit", "buy", 0.01, 59_000), order("open"), "limit"
    ),
    Asked("fetch_order_ws", lambda e, left: e.fetch_order_ws(left["limit"]["id"], PERP), order("open")),
    Asked(
        "edit_order_ws",
        lambda e, left: e.edit_order_ws(left["limit"]["id"], PERP, "limit", "buy", 0.01, 58_000),
        order("open"),
    ),
    Asked("cancel_order_ws", lambda e, left: e.cancel_order_ws(left["limit"]["id"], PERP), order("canceled")),
    Asked("create_order_ws market", lambda e, _: e.create_order_ws(PERP, "market", "buy", 0.01)),
    Asked("fetch_positions_ws", lambda e, _: e.fetch_positions_ws([PERP]), lambda made: made[0]["contracts"] == 0.01),
    Asked(
        "create_order_ws stop",
        lambda e, _: e.create_order_ws(PERP, "market", "sell", 0.01, None, {"stopLossPrice": 50_000}),
        order("open"),
    ),
]


def watched(symbol: str, *, perpetual: bool) -> dict[str, Callable[[Any], Any]]:
    """Everything that can be watched."""
    made = {
        "watch_order_book": lambda e: e.watch_order_book(symbol),
        "watch_order_book_for_symbols": lambda e: e.watch_order_book_for_symbols([symbol]),
        "watch_trades": lambda e: e.watch_trades(symbol),
        "watch_trades_for_symbols": lambda e: e.watch_trades_for_symbols([symbol]),
        "watch_trades aggregated": lambda e: e.watch_trades(symbol, params={"name": "aggTrade"}),
        "watch_ohlcv": lambda e: e.watch_ohlcv(symbol, "1m"),
        "watch_ohlcv_for_symbols": lambda e: e.watch_ohlcv_for_symbols([[symbol, "1m"], [symbol, "5m"]]),
        "watch_ticker": lambda e: e.watch_ticker(symbol),
        "watch_tickers": lambda e: e.watch_tickers([symbol]),
        "watch_tickers all": lambda e: e.watch_tickers(),
        "watch_bids_asks": lambda e: e.watch_bids_asks([symbol]),
        "watch_orders": lambda e: e.watch_orders(symbol),
        "watch_my_trades": lambda e: e.watch_my_trades(symbol),
        "watch_balance": lambda e: e.watch_balance(),
    }
    futures = {
        "watch_mark_price": lambda e: e.watch_mark_price(symbol),
        "watch_mark_prices": lambda e: e.watch_mark_prices([symbol]),
        "watch_positions": lambda e: e.watch_positions([symbol]),
    }
    return made | (futures if perpetual else {})


def unwatched(symbol: str, *, perpetual: bool) -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """What can be watched and left again."""
    made = {
        "un_watch_order_book": (lambda e: e.watch_order_book(symbol), lambda e: e.un_watch_order_book(symbol)),
        "un_watch_trades": (lambda e: e.watch_trades(symbol), lambda e: e.un_watch_trades(symbol)),
        "un_watch_ohlcv": (lambda e: e.watch_ohlcv(symbol, "1m"), lambda e: e.un_watch_ohlcv(symbol, "1m")),
        "un_watch_ticker": (lambda e: e.watch_ticker(symbol), lambda e: e.un_watch_ticker(symbol)),
        "un_watch_tickers": (lambda e: e.watch_tickers([symbol]), lambda e: e.un_watch_tickers([symbol])),
        "un_watch_bids_asks": (lambda e: e.watch_bids_asks([symbol]), lambda e: e.un_watch_bids_asks([symbol])),
    }
    marks = {"un_watch_mark_price": (lambda e: e.watch_mark_price(symbol), lambda e: e.un_watch_mark_price(symbol))}
    return made | (marks if perpetual else {})
