"""The USD-M futures venue's answers and events, field by field as its documents list them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.connectors.simulated import margin
from workbench.connectors.simulated.accounts import Account, Position
from workbench.connectors.simulated.amounts import ZERO, plain, text
from workbench.connectors.simulated.bars import Bar
from workbench.connectors.simulated.events import ConfigReport, FuturesReport, MarginReport, OrderReport, TradeReport
from workbench.connectors.simulated.ledger import Fill, Income
from workbench.connectors.simulated.market import Aggregate, Market
from workbench.connectors.simulated.orders import SIDE_WORDS, Amendment, Order
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY

if TYPE_CHECKING:
    from workbench.connectors.simulated.algo import Algo
    from workbench.connectors.simulated.core import Core

Json = dict[str, Any]
KINDS = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
TIMES = ["GTC", "IOC", "FOK", "GTX", "GTD"]
PREVENTIONS = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
FOR_EVER = 4_133_404_800_000  # the delivery date of a perpetual


class Words:
    """Prices and amounts of one symbol as the futures side writes them."""

    def __init__(self, market: Market | None) -> None:
        self.market = market
        rules = market.rules if market else None
        self.price_places = rules.price_places if rules else 8
        self.amount_places = rules.amount_places if rules else 8

    def price(self, value: Decimal) -> str:
        """A price."""
        return text(value, self.price_places)

    def amount(self, value: Decimal) -> str:
        """An amount."""
        return text(value, self.amount_places)


# --- what there is ---------------------------------------------------------------------------------------------------


def symbol_json(rules: Symbol) -> Json:
    """One symbol of `exchangeInfo`."""
    return {
        "symbol": rules.name, "pair": rules.name, "contractType": "PERPETUAL", "deliveryDate": FOR_EVER,
        "onboardDate": rules.onboarded_ms, "status": rules.status, "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": rules.base, "quoteAsset": rules.quote,
        "marginAsset": rules.quote, "pricePrecision": rules.price_places, "quantityPrecision": rules.amount_places,
        "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500", "liquidationFee": text(rules.liquidation_fee, 6), "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000, "settlePlan": 0, "filters": filters_json(rules), "orderTypes": KINDS,
        "timeInForce": TIMES, "permissionSets": ["GRID", "COPY", "DCA"],
    }  # fmt: skip


def filters_json(rules: Symbol) -> list[Json]:
    """The rules of a symbol, as its filters."""
    return [
        {"filterType": "PRICE_FILTER", "minPrice": plain(rules.min_price), "maxPrice": plain(rules.max_price),
         "tickSize": text(rules.tick, rules.price_places)},
        {"filterType": "LOT_SIZE", "minQty": plain(rules.lot), "maxQty": plain(rules.max_amount),
         "stepSize": plain(rules.lot)},
        {"filterType": "MARKET_LOT_SIZE", "minQty": plain(rules.lot), "maxQty": plain(rules.market_max_amount),
         "stepSize": plain(rules.lot)},
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": plain(rules.min_notional)},
        {"filterType": "PERCENT_PRICE", "multiplierUp": text(rules.price_up, 4),
         "multiplierDown": text(rules.price_down, 4), "multiplierDecimal": "4"},
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE", "endTime": 0},
    ]  # fmt: skip


def bracket_json(rules: Symbol) -> Json:
    """A row of `leverageBracket`."""
    rows = [{"bracket": step.number, "initialLeverage": step.leverage, "notionalCap": int(step.cap),
             "notionalFloor": int(step.floor), "maintMarginRatio": float(step.rate), "cum": float(step.deduction)}
            for step in rules.brackets]  # fmt: skip
    return {"symbol": rules.name, "notionalCoef": 1.0, "brackets": rows}


# --- market data -----------------------------------------------------------------------------------------------------


def trade_json(trade: TradeReport, words: Words) -> Json:
    """A row of `trades`."""
    return {"id": trade.id, "price": words.price(trade.price), "qty": words.amount(trade.amount),
            "quoteQty": text(trade.price * trade.amount, 2), "time": trade.time_ms,
            "isBuyerMaker": trade.buyer_is_maker, "isRPITrade": False}  # fmt: skip


def aggregate_json(row: Aggregate, words: Words) -> Json:
    """A row of `aggTrades`."""
    return {"a": row.id, "p": words.price(row.price), "q": words.amount(row.amount), "nq": words.amount(row.amount),
            "f": row.first_id, "l": row.last_id, "T": row.time_ms, "m": row.buyer_is_maker}  # fmt: skip


def bar_json(bar: Bar, words: Words, *, traded: bool = True) -> list[Any]:
    """A row of `klines`; those of marks and indices have no volume."""
    prices = [words.price(value) for value in (bar.open, bar.high, bar.low, bar.close)]
    if not traded:
        return [bar.open_ms, *prices, "0", bar.close_ms, "0", bar.count, "0", "0", "0"]
    return [bar.open_ms, *prices, words.amount(bar.amount), bar.close_ms, text(bar.quote), bar.count,
            words.amount(bar.bought), text(bar.bought_quote), "0"]  # fmt: skip


def day_json(market: Market, now_ms: int) -> Json:
    """A row of `ticker/24hr`."""
    words, bar, last = Words(market), market.day(now_ms), market.last
    prices = [bar.open, bar.high, bar.low] if bar else [last] * 3
    change = last - prices[0]
    percent = change / prices[0] * 100 if prices[0] else ZERO
    return {
        "symbol": market.rules.name, "priceChange": words.price(change), "priceChangePercent": text(percent, 3),
        "weightedAvgPrice": words.price(bar.quote / bar.amount if bar and bar.amount else ZERO),
        "lastPrice": words.price(last), "lastQty": words.amount(market.tape[-1].amount if market.tape else ZERO),
        "openPrice": words.price(prices[0]), "highPrice": words.price(prices[1]), "lowPrice": words.price(prices[2]),
        "volume": words.amount(bar.amount if bar else ZERO), "quoteVolume": text(bar.quote if bar else ZERO, 2),
        "openTime": now_ms - 86_400_000, "closeTime": now_ms, "firstId": bar.first_id if bar else -1,
        "lastId": bar.last_id if bar else -1, "count": bar.count if bar else 0,
    }  # fmt: skip


def best_json(market: Market, now_ms: int) -> Json:
    """A row of `ticker/bookTicker`."""
    words, book = Words(market), market.book
    bid, ask = book.bid or ZERO, book.ask or ZERO
    return {"symbol": market.rules.name, "bidPrice": words.price(bid),
            "bidQty": words.amount(book.amount_at(BUY, bid)), "askPrice": words.price(ask),
            "askQty": words.amount(book.amount_at(-BUY, ask)), "time": now_ms,
            "lastUpdateId": book.update_id}  # fmt: skip


def premium_json(market: Market, now_ms: int) -> Json:
    """A row of `premiumIndex`."""
    mark = market.mark_price
    return {"symbol": market.rules.name, "markPrice": text(mark), "indexPrice": text(market.index or mark),
            "estimatedSettlePrice": text(mark), "lastFundingRate": text(market.funding_rate),
            "interestRate": "0.00010000", "nextFundingTime": market.next_funding_ms, "time": now_ms}  # fmt: skip


# --- orders ----------------------------------------------------------------------------------------------------------


def order_json(order: Order, market: Market | None, *, asked: bool = True) -> Json:
    """An order; `asked`: as it is asked after, otherwise as its placement is answered."""
    words = Words(market)
    made: Json = {
        "orderId": order.id, "symbol": order.symbol, "status": order.status, "clientOrderId": order.client_id,
        "price": words.price(order.price), "avgPrice": text(order.average, 5), "origQty": words.amount(order.amount),
        "executedQty": words.amount(order.filled), "cumQuote": text(order.quote_filled, 5),
        "timeInForce": order.time_in_force, "type": order.kind, "reduceOnly": order.reduce_only,
        "closePosition": order.close_position, "side": SIDE_WORDS[order.side], "positionSide": order.position_side,
        "stopPrice": words.price(order.stop_price), "workingType": order.working_type,
        "priceProtect": order.price_protect, "origType": order.original_kind or order.kind,
        "priceMatch": order.price_match, "selfTradePreventionMode": order.prevention,
        "goodTillDate": order.good_till_ms,
    }  # fmt: skip
    if asked:
        return made | {"time": order.created_ms, "updateTime": order.updated_ms}
    return made | {"cumQty": words.amount(order.filled), "updateTime": order.updated_ms}


def fill_json(fill: Fill, market: Market | None) -> Json:
    """A row of `userTrades`."""
    words = Words(market)
    return {"symbol": fill.symbol, "id": fill.trade_id, "orderId": fill.order_id, "side": SIDE_WORDS[fill.side],
            "price": words.price(fill.price), "qty": words.amount(fill.amount), "realizedPnl": text(fill.realized),
            "quoteQty": text(fill.quote, 5), "commission": text(fill.fee), "commissionAsset": fill.fee_asset,
            "time": fill.time_ms, "positionSide": fill.position_side, "buyer": fill.side == BUY,
            "maker": fill.is_maker, "marginAsset": fill.fee_asset}  # fmt: skip


def income_json(row: Income) -> Json:
    """A row of `income`."""
    return {"symbol": row.symbol, "incomeType": row.kind, "income": text(row.amount), "asset": row.asset,
            "info": row.trade_id or row.kind, "time": row.time_ms, "tranId": row.id,
            "tradeId": row.trade_id}  # fmt: skip


def algo_json(algo: Algo, market: Market | None) -> Json:
    """A conditional order as it is asked after."""
    words, draft = Words(market), algo.draft
    made: Json = {
        "algoId": algo.id, "clientAlgoId": algo.client_id, "algoType": "CONDITIONAL", "orderType": draft.kind,
        "symbol": draft.symbol, "side": SIDE_WORDS[draft.side], "positionSide": draft.position_side,
        "timeInForce": draft.time_in_force, "quantity": words.amount(draft.amount), "algoStatus": algo.status,
        "triggerPrice": words.price(draft.stop_price), "price": words.price(draft.price), "icebergQuantity": None,
        "selfTradePreventionMode": draft.prevention, "workingType": draft.working_type,
        "priceMatch": draft.price_match, "closePosition": draft.close_position, "priceProtect": draft.price_protect,
        "reduceOnly": draft.reduce_only, "createTime": algo.created_ms, "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms, "goodTillDate": draft.good_till_ms,
        "actualOrderId": str(algo.order_id) if algo.order_id else "", "actualPrice": words.price(algo.order_price),
        "actualQty": words.amount(algo.order_amount), "tpTriggerPrice": words.price(ZERO),
        "tpPrice": words.price(ZERO), "slTriggerPrice": words.price(ZERO), "slPrice": words.price(ZERO),
        "tpOrderType": "",
    }  # fmt: skip
    if draft.kind == "TRAILING_STOP_MARKET":
        made |= {"activatePrice": words.price(draft.activation_price), "callbackRate": plain(draft.callback_rate)}
    return made


# --- positions and the account ---------------------------------------------------------------------------------------


def risk_json(core: Core, account: Account, held: Position, *, version: int) -> Json:
    """A row of `positionRisk`; version 2 knows leverage and margin type, version 3 the margins."""
    market = core.perpetual.markets[held.symbol]
    words, mark, futures = Words(market), market.mark_price, account.futures
    isolated, need = futures.is_isolated(held.symbol), margin.needs(market, account, side=held.side)
    gain = held.gain(mark)
    made: Json = {
        "symbol": held.symbol, "positionSide": held.side, "positionAmt": words.amount(held.amount),
        "entryPrice": text(held.entry) if held.amount else "0.0",
        "breakEvenPrice": text(held.break_even) if held.amount else "0.0", "markPrice": text(mark),
        "unRealizedProfit": text(gain), "liquidationPrice": _liquidation(core, account, held),
        "isolatedMargin": text(held.isolated_wallet + gain) if isolated and held.amount else "0",
        "notional": text(held.amount * mark), "isolatedWallet": text(held.isolated_wallet) if isolated else "0",
        "updateTime": held.updated_ms,
    }  # fmt: skip
    if version == 2:
        leverage = futures.leverage_of(held.symbol)
        return made | {"leverage": str(leverage), "maxNotionalValue": plain(margin.cap(market.rules, leverage)),
                       "marginType": "isolated" if isolated else "cross", "isAutoAddMargin": "false"}  # fmt: skip
    return made | {
        "marginAsset": market.rules.quote, "initialMargin": text(need.position + need.orders),
        "maintMargin": text(margin.maintenance(market, held)) if held.amount else "0",
        "positionInitialMargin": text(need.position), "openOrderInitialMargin": text(need.orders), "adl": 1,
        "bidNotional": text(need.bids), "askNotional": text(need.asks),
    }  # fmt: skip


def account_position_json(core: Core, account: Account, held: Position, *, version: int) -> Json:
    """A position inside `account`."""
    row = risk_json(core, account, held, version=3)
    futures = account.futures
    made = {"symbol": held.symbol, "positionSide": held.side, "positionAmt": row["positionAmt"],
            "unrealizedProfit": row["unRealizedProfit"], "isolatedMargin": row["isolatedMargin"],
            "notional": row["notional"], "isolatedWallet": row["isolatedWallet"],
            "initialMargin": row["initialMargin"], "maintMargin": row["maintMargin"],
            "updateTime": held.updated_ms}  # fmt: skip
    if version == 3:
        return made
    leverage, rules = futures.leverage_of(held.symbol), core.perpetual.markets[held.symbol].rules
    return made | {"positionInitialMargin": row["positionInitialMargin"], "leverage": str(leverage),
                   "openOrderInitialMargin": row["openOrderInitialMargin"],
                   "isolated": futures.is_isolated(held.symbol), "entryPrice": row["entryPrice"],
                   "breakEvenPrice": row["breakEvenPrice"], "maxNotional": plain(margin.cap(rules, leverage)),
                   "bidNotional": row["bidNotional"], "askNotional": row["askNotional"]}  # fmt: skip


def asset_json(core: Core, account: Account, asset: str) -> Json:
    """An asset inside `account`."""
    sums = asset_sums(core, account, asset)
    made = {name: text(value) for name, value in sums.items()}
    return {"asset": asset, **made, "marginAvailable": True, "updateTime": account.futures.updated_ms}


def asset_sums(core: Core, account: Account, asset: str) -> dict[str, Decimal]:
    """What one asset of a futures wallet is made of."""
    markets, futures = core.perpetual.markets, account.futures
    wallet, free = futures.wallet.get(asset, ZERO), margin.available(markets, account, asset)
    gain = cross_gain = apart = maintenance = position = orders = ZERO
    for name, market in markets.items():
        if market.rules.quote != asset:
            continue
        need, isolated = margin.needs(market, account), futures.is_isolated(name)
        position, orders = position + need.position, orders + need.orders
        for held in margin.positions_in(account, name):
            gain += held.gain(market.mark_price)
            maintenance += margin.maintenance(market, held)
            apart += held.isolated_wallet if isolated else ZERO
            cross_gain += ZERO if isolated else held.gain(market.mark_price)
    return {"walletBalance": wallet, "unrealizedProfit": gain, "marginBalance": wallet + gain,
            "maintMargin": maintenance, "initialMargin": position + orders, "positionInitialMargin": position,
            "openOrderInitialMargin": orders, "crossWalletBalance": wallet - apart, "crossUnPnl": cross_gain,
            "availableBalance": max(free, ZERO), "maxWithdrawAmount": max(min(free, wallet - apart), ZERO)}  # fmt: skip


def account_json(core: Core, account: Account, *, version: int) -> Json:
    """The answer of `account`, version 2 or 3; version 3 lists what is held, version 2 every symbol."""
    futures = account.futures
    total = asset_sums(core, account, "USDT")
    names = {"totalInitialMargin": "initialMargin", "totalMaintMargin": "maintMargin",
             "totalWalletBalance": "walletBalance", "totalUnrealizedProfit": "unrealizedProfit",
             "totalMarginBalance": "marginBalance", "totalPositionInitialMargin": "positionInitialMargin",
             "totalOpenOrderInitialMargin": "openOrderInitialMargin",
             "totalCrossWalletBalance": "crossWalletBalance", "totalCrossUnPnl": "crossUnPnl",
             "availableBalance": "availableBalance", "maxWithdrawAmount": "maxWithdrawAmount"}  # fmt: skip
    assets = [asset_json(core, account, asset) for asset in (futures.wallet or {"USDT": ZERO})]
    rows = [account_position_json(core, account, held, version=version)
            for held in positions(core, account, everything=version == 2)]  # fmt: skip
    front: Json = {
        "feeTier": 0, "canTrade": account.can_trade, "canDeposit": True, "canWithdraw": False,
        "feeBurn": futures.burns_bnb, "tradeGroupId": -1, "updateTime": 0, "multiAssetsMargin": futures.multi_assets,
    }  # fmt: skip
    sums = {name: text(total[word]) for name, word in names.items()}
    return (front if version == 2 else {}) | sums | {"assets": assets, "positions": rows}


def positions(core: Core, account: Account, *, everything: bool, symbol: str | None = None) -> list[Position]:
    """The positions to show: those with an amount or orders, or one for every symbol and side."""
    found = []
    for name, market in core.perpetual.markets.items():
        if symbol not in (None, name):
            continue
        for side in margin.SIDES_OF[account.futures.dual]:
            held = account.futures.positions.get((name, side)) or Position(name, side)
            need = margin.needs(market, account, side=side)
            if everything or held.amount or need.bids or need.asks:
                found.append(held)
    return found


def balance_json(core: Core, account: Account) -> list[Json]:
    """The answer of `balance`."""
    rows = []
    for asset in account.futures.wallet:
        sums = asset_sums(core, account, asset)
        shown = ("crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount")
        rows.append({"accountAlias": f"S{account.uid}", "asset": asset, "balance": text(sums["walletBalance"]),
                     **{name: text(sums[name]) for name in shown}, "marginAvailable": True,
                     "updateTime": account.futures.updated_ms})  # fmt: skip
    return rows


def config_json(account: Account, rules: Symbol) -> Json:
    """A row of `symbolConfig`."""
    leverage = account.futures.leverage_of(rules.name)
    return {"symbol": rules.name, "marginType": account.futures.margin_type.get(rules.name, "CROSSED"),
            "isAutoAddMargin": False, "leverage": leverage,
            "maxNotionalValue": plain(margin.cap(rules, leverage))}  # fmt: skip


# --- events of the user stream ---------------------------------------------------------------------------------------


def order_event(report: OrderReport, market: Market | None, now_ms: int) -> Json:
    """`ORDER_TRADE_UPDATE`."""
    order, words = report.order, Words(market)
    kind = "LIQUIDATION" if order.client_id.startswith("autoclose-") else order.kind
    row: Json = {
        "s": order.symbol, "c": order.client_id, "S": SIDE_WORDS[order.side], "o": kind,
        "f": order.time_in_force, "q": words.amount(order.amount), "p": words.price(order.price),
        "ap": text(order.average, 5) if order.filled else "0", "sp": words.price(order.stop_price),
        "x": report.execution, "X": order.status, "i": order.id, "l": words.amount(report.amount),
        "z": words.amount(order.filled), "L": words.price(report.price), "n": text(report.fee) if report.fee else "0",
        "N": report.fee_asset or (market.rules.quote if market else None), "T": report.time_ms,
        "t": max(report.trade_id, 0), "b": text(report.bid_notional), "a": text(report.ask_notional),
        "m": report.is_maker, "R": order.reduce_only, "wt": order.working_type,
        "ot": order.original_kind or order.kind, "ps": order.position_side, "cp": order.close_position,
        "AP": "0", "cr": "0", "pP": order.price_protect, "si": 0, "ss": 0, "rp": text(report.realized),
        "V": order.prevention, "pm": order.price_match, "gtd": order.good_till_ms,
        "er": "0",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "T": report.time_ms, "E": now_ms, "o": row}


def lite_event(report: OrderReport, market: Market | None, now_ms: int) -> Json:
    """`TRADE_LITE`: a fill, with less in it."""
    order, words = report.order, Words(market)
    return {"e": "TRADE_LITE", "E": now_ms, "T": report.time_ms, "s": order.symbol, "q": words.amount(order.amount),
            "p": words.price(order.price), "m": report.is_maker, "c": order.client_id, "S": SIDE_WORDS[order.side],
            "L": words.price(report.price), "l": words.amount(report.amount), "t": report.trade_id,
            "i": order.id}  # fmt: skip


def account_event(report: FuturesReport, core: Core, now_ms: int) -> Json:
    """`ACCOUNT_UPDATE`: the balances and positions that changed."""
    account = core.accounts[report.account]
    balances = []
    for asset, change in report.changes.items():
        sums = asset_sums(core, account, asset)
        balances.append({"a": asset, "wb": text(sums["walletBalance"]), "cw": text(sums["crossWalletBalance"]),
                         "bc": text(change) if report.reason != "ORDER" else "0"})  # fmt: skip
    rows = [_position_event(core, account, *pair) for pair in report.positions if pair[0] in core.perpetual.markets]
    return {"e": "ACCOUNT_UPDATE", "T": report.time_ms, "E": now_ms,
            "a": {"m": report.reason, "B": balances, "P": rows}}  # fmt: skip


def config_event(report: ConfigReport, now_ms: int) -> Json:
    """`ACCOUNT_CONFIG_UPDATE`."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": report.time_ms,
            "ac": {"s": report.symbol, "l": report.leverage}}  # fmt: skip


def algo_event(report: Any, market: Market | None, now_ms: int) -> Json:
    """`ALGO_UPDATE`."""
    algo: Algo = report.algo
    draft, words = algo.draft, Words(market)
    row = {
        "caid": algo.client_id, "aid": algo.id, "at": "CONDITIONAL", "o": draft.kind, "s": draft.symbol,
        "S": SIDE_WORDS[draft.side], "ps": draft.position_side, "f": draft.time_in_force,
        "q": words.amount(draft.amount), "X": algo.status, "ai": str(algo.order_id) if algo.order_id else "",
        "ap": text(algo.order_price, 5), "aq": text(algo.order_amount, 5),
        "act": draft.kind if algo.order_id else "0",
        "tp": words.price(draft.stop_price), "p": words.price(draft.price), "V": draft.prevention,
        "wt": draft.working_type, "pm": draft.price_match, "cp": draft.close_position, "pP": draft.price_protect,
        "R": draft.reduce_only, "tt": algo.triggered_ms, "gtd": draft.good_till_ms, "rm": algo.failure,
    }  # fmt: skip
    return {"e": "ALGO_UPDATE", "T": report.time_ms, "E": now_ms, "o": row}


def margin_event(report: MarginReport, core: Core, now_ms: int) -> Json:
    """`MARGIN_CALL`."""
    account = core.accounts[report.account]
    rows = []
    for symbol, side in report.positions:
        market, held = core.perpetual.markets[symbol], account.futures.positions[symbol, side]
        isolated = account.futures.is_isolated(symbol)
        rows.append({"s": symbol, "ps": side, "pa": plain(held.amount), "mt": "ISOLATED" if isolated else "CROSSED",
                     "iw": text(held.isolated_wallet) if isolated else "0", "mp": text(market.mark_price),
                     "up": text(held.gain(market.mark_price)),
                     "mm": text(margin.maintenance(market, held))})  # fmt: skip
    return {"e": "MARGIN_CALL", "E": now_ms, "cw": text(asset_sums(core, account, "USDT")["crossWalletBalance"]),
            "p": rows}  # fmt: skip


def _position_event(core: Core, account: Account, symbol: str, side: str) -> Json:
    market, held = core.perpetual.markets[symbol], account.futures.position(symbol, side)
    isolated = account.futures.is_isolated(symbol)
    return {"s": symbol, "pa": Words(market).amount(held.amount), "ep": text(held.entry, 5),
            "bep": text(held.break_even, 5), "cr": text(held.realized), "up": text(held.gain(market.mark_price)),
            "mt": "isolated" if isolated else "cross", "iw": text(held.isolated_wallet) if isolated else "0",
            "ps": side, "ma": market.rules.quote}  # fmt: skip


def _liquidation(core: Core, account: Account, held: Position) -> str:
    price = margin.liquidation_price(core.perpetual.markets, account, held)
    return text(price) if price else "0"


def amendment_json(row: Amendment, history: list[Amendment]) -> Json:
    """A row of `orderAmendment`; `count` is the how-manieth change of its order it was."""
    price, amount = ({"before": text(was), "after": text(now)} for was, now in (row.price, row.amount))
    count = sum(1 for one in history if one.order_id == row.order_id and one.number <= row.number)
    return {"amendmentId": row.number, "symbol": row.symbol, "pair": row.symbol, "orderId": row.order_id,
            "clientOrderId": row.client_id[0], "time": row.time_ms,
            "amendment": {"price": price, "origQty": amount, "count": count}, "priceMatch": "NONE"}  # fmt: skip
