"""The spot venue's answers and events, field by field as its documents list them. Every amount has eight decimals."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.amounts import UNIT, ZERO, text
from workbench.connectors.simulated.bars import Bar
from workbench.connectors.simulated.book import Levels
from workbench.connectors.simulated.events import BalanceReport, DepositReport, OrderReport, TradeReport
from workbench.connectors.simulated.ledger import Fill
from workbench.connectors.simulated.lists import OrderList
from workbench.connectors.simulated.market import Aggregate, Market
from workbench.connectors.simulated.orders import EXPIRED_IN_MATCH, SIDE_WORDS, TRIGGERED, Order
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY

Json = dict[str, Any]
KINDS = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
PREVENTIONS = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
DEFAULT_PREVENTION = "EXPIRE_MAKER"


# --- what there is ---------------------------------------------------------------------------------------------------


def symbol_json(rules: Symbol) -> Json:
    """One symbol of `exchangeInfo`."""
    return {
        "symbol": rules.name, "status": rules.status, "baseAsset": rules.base, "baseAssetPrecision": 8,
        "quoteAsset": rules.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": KINDS, "icebergAllowed": True, "ocoAllowed": True,
        "otoAllowed": True, "opoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": True,
        "cancelReplaceAllowed": True, "amendAllowed": True, "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "filters": filters_json(rules),
        "permissions": [], "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": DEFAULT_PREVENTION,
        "allowedSelfTradePreventionModes": PREVENTIONS,
    }  # fmt: skip


def filters_json(rules: Symbol) -> list[Json]:
    """The rules of a symbol, as its filters."""
    up, down = (f"{value.normalize():f}" for value in (rules.price_up, rules.price_down))
    made: list[Json] = [
        {"filterType": "PRICE_FILTER", "minPrice": text(rules.min_price), "maxPrice": text(rules.max_price),
         "tickSize": text(rules.tick)},
        {"filterType": "LOT_SIZE", "minQty": text(rules.lot), "maxQty": text(rules.max_amount),
         "stepSize": text(rules.lot)},
        {"filterType": "ICEBERG_PARTS", "limit": rules.max_parts},
        {"filterType": "MARKET_LOT_SIZE", "minQty": text(ZERO), "maxQty": text(rules.market_max_amount),
         "stepSize": text(ZERO)},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
         "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": up, "bidMultiplierDown": down,
         "askMultiplierUp": up, "askMultiplierDown": down, "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": text(rules.min_notional), "applyMinToMarket": True,
         "maxNotional": text(rules.max_notional), "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.max_algo_orders},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]  # fmt: skip
    if rules.max_position:
        made.append({"filterType": "MAX_POSITION", "maxPosition": text(rules.max_position)})
    return made


# --- market data -----------------------------------------------------------------------------------------------------


def levels_json(levels: Levels) -> list[list[str]]:
    """Prices and amounts of one side of a book."""
    return [[text(price), text(amount)] for price, amount in levels]


def trade_json(trade: TradeReport) -> Json:
    """A row of `trades`."""
    return {"id": trade.id, "price": text(trade.price), "qty": text(trade.amount),
            "quoteQty": text(trade.price * trade.amount), "time": trade.time_ms,
            "isBuyerMaker": trade.buyer_is_maker, "isBestMatch": True}  # fmt: skip


def aggregate_json(row: Aggregate) -> Json:
    """A row of `aggTrades`."""
    return {"a": row.id, "p": text(row.price), "q": text(row.amount), "f": row.first_id, "l": row.last_id,
            "T": row.time_ms, "m": row.buyer_is_maker, "M": True}  # fmt: skip


def bar_json(bar: Bar) -> list[Any]:
    """A row of `klines`."""
    prices = [text(value) for value in (bar.open, bar.high, bar.low, bar.close, bar.amount)]
    return [bar.open_ms, *prices, bar.close_ms, text(bar.quote), bar.count, text(bar.bought),
            text(bar.bought_quote), "0"]  # fmt: skip


def best_json(market: Market) -> Json:
    """A row of `ticker/bookTicker`."""
    bid, bid_amount, ask, ask_amount = best_of(market)
    return {"symbol": market.rules.name, "bidPrice": bid, "bidQty": bid_amount, "askPrice": ask, "askQty": ask_amount}


def best_of(market: Market) -> tuple[str, str, str, str]:
    """Best bid, its amount, best ask, its amount; zeros where there is none."""
    book, made = market.book, []
    for side, best in ((BUY, book.bid), (-BUY, book.ask)):
        made += [text(best or ZERO), text(ZERO if best is None else book.amount_at(side, best))]
    return made[0], made[1], made[2], made[3]


def window_json(market: Market, now_ms: int, length_ms: int, *, mini: bool = False) -> Json:
    """A rolling window as `ticker` shows it; `ticker/24hr` adds `day_extras`."""
    bar = market.day(now_ms, length_ms)
    last = market.last
    prices = [bar.open, bar.high, bar.low] if bar else [last] * 3
    change = last - prices[0]
    made: Json = {"symbol": market.rules.name}
    if not mini:
        percent = change / prices[0] * 100 if prices[0] else ZERO
        average = bar.quote / bar.amount if bar and bar.amount else ZERO
        made |= {"priceChange": text(change), "priceChangePercent": text(percent, 3),
                 "weightedAvgPrice": text(average)}  # fmt: skip
    return made | {
        "openPrice": text(prices[0]), "highPrice": text(prices[1]), "lowPrice": text(prices[2]),
        "lastPrice": text(last), "volume": text(bar.amount if bar else ZERO),
        "quoteVolume": text(bar.quote if bar else ZERO), "openTime": now_ms - length_ms, "closeTime": now_ms,
        "firstId": bar.first_id if bar else -1, "lastId": bar.last_id if bar else -1, "count": bar.count if bar else 0,
    }  # fmt: skip


def day_json(market: Market, now_ms: int) -> Json:
    """A row of `ticker/24hr`."""
    made = window_json(market, now_ms, 86_400_000)
    best = best_json(market)
    last = text(market.tape[-1].amount) if market.tape else text(ZERO)
    front = ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")
    extras = {"prevClosePrice": made["openPrice"], "lastPrice": made["lastPrice"], "lastQty": last}
    return {name: made[name] for name in front} | extras | {k: v for k, v in best.items() if k != "symbol"} | made


# --- orders ----------------------------------------------------------------------------------------------------------


def order_json(order: Order) -> Json:
    """An order as it is asked after."""
    return {
        "symbol": order.symbol, "orderId": order.id, "orderListId": order.list_id, "clientOrderId": order.client_id,
        "price": text(order.price), "origQty": text(order.amount), "executedQty": text(order.filled),
        "cummulativeQuoteQty": text(order.quote_filled), "status": order.status, "timeInForce": order.time_in_force,
        "type": order.kind, "side": SIDE_WORDS[order.side], "stopPrice": text(order.stop_price),
        "icebergQty": text(order.iceberg), "time": order.created_ms, "updateTime": order.updated_ms,
        "isWorking": order.is_working, "workingTime": order.working_ms,
        "origQuoteOrderQty": text(order.quote_amount), "selfTradePreventionMode": order.prevention,
    } | _conditional(order)  # fmt: skip


def placed_json(order: Order, fills: list[OrderReport], shape: str) -> Json:
    """The answer to a new order: `shape` is ACK, RESULT or FULL."""
    made = {"symbol": order.symbol, "orderId": order.id, "orderListId": order.list_id,
            "clientOrderId": order.client_id, "transactTime": order.updated_ms}  # fmt: skip
    if shape == "ACK":
        return made
    made |= _amounts(order) | {"workingTime": order.working_ms, "selfTradePreventionMode": order.prevention}
    made |= _conditional(order, asked=True)
    return made if shape == "RESULT" else made | {"fills": [fill_row(report) for report in fills]}


def fill_row(report: OrderReport) -> Json:
    """One fill in the answer to a new order."""
    return {"price": text(report.price), "qty": text(report.amount), "commission": text(report.fee),
            "commissionAsset": report.fee_asset, "tradeId": report.trade_id}  # fmt: skip


def canceled_json(report: OrderReport) -> Json:
    """The answer to a cancellation."""
    order = report.order
    return {"symbol": order.symbol, "origClientOrderId": order.client_id, "orderId": order.id,
            "orderListId": order.list_id, "clientOrderId": report.cancel_id, "transactTime": report.time_ms,
            **_amounts(order), "selfTradePreventionMode": order.prevention,
            **_conditional(order, asked=True)}  # fmt: skip


def list_json(made: OrderList, reports: list[Json] | None = None) -> Json:
    """An order list; with the reports of its orders when it is placed or cancelled."""
    answer: Json = {
        "orderListId": made.id, "contingencyType": made.contingency,
        "listStatusType": "ALL_DONE" if made.is_done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if made.is_done else "EXECUTING", "listClientOrderId": made.client_id,
        "transactionTime": made.time_ms, "symbol": made.symbol,
        "orders": [{"symbol": made.symbol, "orderId": order.id, "clientOrderId": order.client_id}
                   for order in made.orders],
    }  # fmt: skip
    return answer if reports is None else answer | {"orderReports": reports}


def fill_json(fill: Fill) -> Json:
    """A row of `myTrades`."""
    return {"symbol": fill.symbol, "id": fill.trade_id, "orderId": fill.order_id, "orderListId": fill.list_id,
            "price": text(fill.price), "qty": text(fill.amount), "quoteQty": text(fill.quote),
            "commission": text(fill.fee), "commissionAsset": fill.fee_asset, "time": fill.time_ms,
            "isBuyer": fill.side == BUY, "isMaker": fill.is_maker, "isBestMatch": True}  # fmt: skip


def prevented_json(row: Json) -> Json:
    """A row of `myPreventedMatches`."""
    made = {name: value for name, value in row.items() if name != "account"}
    return made | {"price": text(row["price"]), "makerPreventedQuantity": text(row["makerPreventedQuantity"])}


def account_json(account: Account, *, omit_zero: bool) -> Json:
    """The answer of `account`."""
    basis = account.maker / UNIT // 10_000, account.taker / UNIT // 10_000
    assets = [asset for asset in account.free if not omit_zero or account.free[asset] or account.locked[asset]]
    return {
        "makerCommission": int(basis[0]), "takerCommission": int(basis[1]), "buyerCommission": 0,
        "sellerCommission": 0, "commissionRates": {"maker": text(account.maker), "taker": text(account.taker),
                                                   "buyer": text(ZERO), "seller": text(ZERO)},
        "canTrade": account.can_trade, "canWithdraw": account.can_withdraw, "canDeposit": True, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "updateTime": account.updated_ms,
        "accountType": "SPOT", "permissions": ["SPOT"], "uid": account.uid,
        "balances": [{"asset": asset, "free": text(account.free[asset]), "locked": text(account.locked[asset])}
                     for asset in assets],
    }  # fmt: skip


def commission_json(account: Account, symbol: str) -> Json:
    """The answer of `account/commission`."""
    none = {"maker": text(ZERO), "taker": text(ZERO), "buyer": text(ZERO), "seller": text(ZERO)}
    rates = none | {"maker": text(account.maker), "taker": text(account.taker)}
    return {"symbol": symbol, "standardCommission": rates, "specialCommission": none, "taxCommission": none,
            "discount": {"enabledForAccount": account.burns_bnb, "enabledForSymbol": True, "discountAsset": "BNB",
                         "discount": "0.75000000"}}  # fmt: skip


def test_commission_json(account: Account) -> Json:
    """The answer of `order/test` that computes commissions."""
    rates = {"maker": text(account.maker), "taker": text(account.taker)}
    none = {"maker": text(ZERO), "taker": text(ZERO)}
    return {"standardCommissionForOrder": rates, "specialCommissionForOrder": none, "taxCommissionForOrder": none,
            "discount": commission_json(account, "")["discount"]}  # fmt: skip


# --- events of the user stream ---------------------------------------------------------------------------------------


def order_event(report: OrderReport, now_ms: int) -> Json:
    """`executionReport`."""
    order = report.order
    cancelled = report.execution in ("CANCELED", "REPLACED") and report.cancel_id
    made: Json = {
        "e": "executionReport", "E": now_ms, "s": order.symbol,
        "c": report.cancel_id if report.execution == "CANCELED" and cancelled else order.client_id,
        "S": SIDE_WORDS[order.side], "o": order.kind, "f": order.time_in_force, "q": text(order.amount),
        "p": text(order.price), "P": text(order.stop_price), "F": text(order.iceberg), "g": order.list_id,
        "C": _original(report), "x": report.execution, "X": order.status, "r": "NONE", "i": order.id,
        "l": text(report.amount), "z": text(order.filled), "L": text(report.price),
        "n": text(report.fee) if report.fee_asset else "0", "N": report.fee_asset, "T": report.time_ms,
        "t": report.trade_id, "I": report.number, "w": order.is_working and order.is_open and order.kind != "MARKET",
        "m": report.is_maker, "M": report.trade_id >= 0, "O": order.created_ms, "Z": text(order.quote_filled),
        "Y": text(report.price * report.amount), "Q": text(order.quote_amount), "V": order.prevention,
    }  # fmt: skip
    if order.is_working:
        made["W"] = order.working_ms
    return made | _conditional_event(order)


def balance_event(report: BalanceReport, now_ms: int) -> Json:
    """`outboundAccountPosition`."""
    rows = [{"a": asset, "f": text(free), "l": text(locked)} for asset, (free, locked) in report.balances.items()]
    return {"e": "outboundAccountPosition", "E": now_ms, "u": report.time_ms, "B": rows}


def deposit_event(report: DepositReport, now_ms: int) -> Json:
    """`balanceUpdate`."""
    return {"e": "balanceUpdate", "E": now_ms, "a": report.asset, "d": text(report.amount), "T": report.time_ms}


def list_event(made: OrderList, time_ms: int, now_ms: int) -> Json:
    """`listStatus`."""
    state = ("ALL_DONE", "ALL_DONE") if made.is_done else ("EXEC_STARTED", "EXECUTING")
    return {"e": "listStatus", "E": now_ms, "s": made.symbol, "g": made.id, "c": made.contingency, "l": state[0],
            "L": state[1], "r": "NONE", "C": made.client_id, "T": time_ms,
            "O": [{"s": made.symbol, "i": order.id, "c": order.client_id} for order in made.orders]}  # fmt: skip


def _amounts(order: Order) -> Json:
    return {"price": text(order.price), "origQty": text(order.amount), "executedQty": text(order.filled),
            "origQuoteOrderQty": text(order.quote_amount), "cummulativeQuoteQty": text(order.quote_filled),
            "status": order.status, "timeInForce": order.time_in_force, "type": order.kind,
            "side": SIDE_WORDS[order.side]}  # fmt: skip


def _conditional(order: Order, *, asked: bool = False) -> Json:
    """Fields that only some orders have; `asked`: those that answers to requests leave out otherwise."""
    made: Json = {}
    if asked and order.kind in TRIGGERED:
        made["stopPrice"] = text(order.stop_price)
    if asked and order.iceberg:
        made["icebergQty"] = text(order.iceberg)
    if order.trailing_delta:
        made |= {"trailingDelta": order.trailing_delta, "trailingTime": order.trailing_ms}
    if order.strategy_id is not None:
        made["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        made["strategyType"] = order.strategy_type
    if order.prevented_match >= 0:
        made |= {"preventedMatchId": order.prevented_match, "preventedQuantity": text(_prevented(order))}
    return made


def _prevented(order: Order) -> Any:
    return order.amount - order.filled if order.status == EXPIRED_IN_MATCH else order.prevented


def _original(report: OrderReport) -> str:
    if report.execution == "CANCELED":
        return report.order.client_id
    return report.cancel_id if report.execution == "REPLACED" else ""


def _conditional_event(order: Order) -> Json:
    made: Json = {}
    if order.trailing_delta:
        made |= {"d": order.trailing_delta, "D": order.trailing_ms}
    if order.strategy_id is not None:
        made["j"] = order.strategy_id
    if order.strategy_type is not None:
        made["J"] = order.strategy_type
    if order.prevented_match >= 0:
        made |= {"v": order.prevented_match, "A": text(_prevented(order))}
    return made | ({"eR": order.expiry_reason} if order.expiry_reason else {})
