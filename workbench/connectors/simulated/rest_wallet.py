"""The wallet's endpoints (`/sapi`) that clients ask before they trade: assets, fees, rights of the key, transfers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workbench.connectors.simulated.amounts import ZERO, text
from workbench.connectors.simulated.endpoints import SIGNED, Call, Endpoint
from workbench.connectors.simulated.events import Transfer
from workbench.connectors.simulated.ledger import FUTURES
from workbench.connectors.simulated.refusals import BAD_SYMBOL, refuse

WAYS = {"MAIN_UMFUTURE": 1, "UMFUTURE_MAIN": -1}
NETWORK = "SIM"


def system_status(call: Call) -> Any:
    """Is the venue open?"""
    return (
        {"status": 1, "msg": "system maintenance"} if call.desk.faults.maintenance else {"status": 0, "msg": "normal"}
    )


def coins(call: Call) -> Any:
    """Every asset, what the account has of it, and the one network, over which nothing comes or goes."""
    return [_coin(call, asset) for asset in _assets(call)]


def _coin(call: Call, asset: str) -> dict[str, Any]:
    owner = call.owner
    network = {
        "network": NETWORK, "coin": asset, "name": "Simulated", "isDefault": True, "depositEnable": False,
        "withdrawEnable": False, "depositDesc": "", "withdrawDesc": "", "specialTips": "", "specialWithdrawTips": "",
        "resetAddressStatus": False, "addressRegex": "", "memoRegex": "", "withdrawFee": "0",
        "withdrawIntegerMultiple": "0.00000001", "withdrawMin": "0", "withdrawMax": "0", "withdrawInternalMin": "0",
        "depositDust": "0", "minConfirm": 1, "unLockConfirm": 0, "sameAddress": False, "withdrawTag": False,
        "estimatedArrivalTime": 0, "busy": False, "contractAddressUrl": "", "contractAddress": "", "denomination": 1,
    }  # fmt: skip
    return {
        "coin": asset, "depositAllEnable": False, "withdrawAllEnable": False, "name": asset,
        "free": text(owner.free.get(asset, ZERO)), "locked": text(owner.locked.get(asset, ZERO)), "freeze": "0",
        "withdrawing": "0", "ipoing": "0", "ipoable": "0", "storage": "0", "isLegalMoney": False, "trading": True,
        "networkList": [network],
    }  # fmt: skip


def no_margin(call: Call) -> Any:
    """Pairs of margin trading, which this venue does not have."""
    return []


def nothing_moved(call: Call) -> Any:
    """Deposits and withdrawals, of which there are none that a client could make."""
    return []


def trade_fee(call: Call) -> Any:
    """Fee rates, of one symbol or of all."""
    symbol = call.params.symbol() if "symbol" in call.params else None
    names = list(call.desk.floor.markets) if symbol is None else [call.desk.market(symbol).rules.name]
    owner = call.owner
    return [{"symbol": name, "makerCommission": text(owner.maker), "takerCommission": text(owner.taker)}
            for name in names]  # fmt: skip


def rights(call: Call) -> Any:
    """What the key may do."""
    owner = call.owner
    return {
        "ipRestrict": False, "createTime": call.desk.clock.server_ms(), "enableReading": owner.can_read,
        "enableWithdrawals": owner.can_withdraw, "enableInternalTransfer": False, "enableMargin": False,
        "enableFutures": owner.can_trade, "permitsUniversalTransfer": True, "enableVanillaOptions": False,
        "enableFixApiTrade": False, "enableFixReadOnly": False, "enableSpotAndMarginTrading": owner.can_trade,
        "enablePortfolioMarginTrading": False,
    }  # fmt: skip


def account_status(call: Call) -> Any:
    """Nothing is wrong with any account."""
    return {"data": "Normal"}


def trading_status(call: Call) -> Any:
    """Nobody is locked for bad behaviour."""
    return {"data": {"isLocked": False, "plannedRecoverTime": 0,
                     "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300}, "updateTime": 0}}  # fmt: skip


def user_asset(call: Call) -> Any:
    """What the spot wallet holds."""
    wanted = call.params.given("asset")
    call.params.given("needBtcValuation")
    owner = call.owner
    held = [name for name in owner.free if owner.free[name] or owner.locked.get(name)]
    return [{"asset": name, "free": text(owner.free[name]), "locked": text(owner.locked.get(name, ZERO)),
             "freeze": "0", "withdrawing": "0", "ipoable": "0", "btcValuation": "0"}
            for name in held if wanted in (None, name)]  # fmt: skip


def get_bnb_burn(call: Call) -> Any:
    """Are fees paid in BNB?"""
    return {"spotBNBBurn": call.owner.burns_bnb, "interestBNBBurn": False}


def set_bnb_burn(call: Call) -> Any:
    """Pay spot fees in BNB, a quarter less of them, or do not."""
    call.owner.burns_bnb = call.params.flag("spotBNBBurn", call.owner.burns_bnb)
    call.params.given("interestBNBBurn")
    return get_bnb_burn(call)


# --- transfers -------------------------------------------------------------------------------------------------------


def transfer(call: Call) -> Any:
    """Move money between the spot and the futures wallet."""
    params = call.params
    way, asset, amount = params.choice("type", WAYS), params.text("asset"), params.decimal("amount")
    call.desk.step(Transfer(call.owner.name, asset, WAYS[way] * amount))
    return {"tranId": _moves(call)[-1]["tranId"]}


def transfers(call: Call) -> Any:
    """Transfers of one kind, newest first."""
    params = call.params
    way = params.choice("type", WAYS)
    start, end = params.maybe("startTime"), params.maybe("endTime")
    page, size = params.whole("current", 1), params.whole("size", 10)
    rows = [row for row in reversed(_moves(call)) if row["type"] == way]
    rows = [row for row in rows if (start or 0) <= row["timestamp"] <= (end or row["timestamp"])]
    return {"total": len(rows), "rows": rows[(page - 1) * size : page * size]}


def _moves(call: Call) -> list[dict[str, Any]]:
    rows = []
    for entry in call.desk.core.ledger.entries:
        into = [posting for posting in entry.postings if (posting.owner, posting.wallet) == (call.owner.name, FUTURES)]
        if entry.reason == "transfer" and into:
            rows.append(_move(entry.number, entry.time_ms, into[0].asset, into[0].amount))
    return rows


def _move(number: int, time_ms: int, asset: str, amount: Decimal) -> dict[str, Any]:
    way = "MAIN_UMFUTURE" if amount > 0 else "UMFUTURE_MAIN"
    return {"asset": asset, "amount": text(abs(amount)), "type": way, "status": "CONFIRMED",
            "tranId": 1_000_000 + number, "timestamp": time_ms}  # fmt: skip


def _assets(call: Call) -> list[str]:
    listed = [asset for market in call.desk.floor.markets.values() for asset in (market.rules.base, market.rules.quote)]
    return list(dict.fromkeys([*listed, *call.owner.free]))


def asset_detail(call: Call) -> Any:
    """Withdrawal terms of each asset: none can be withdrawn."""
    wanted = call.params.given("asset")
    if wanted is not None and wanted not in _assets(call):
        raise refuse(BAD_SYMBOL)
    return {asset: {"minWithdrawAmount": "0", "depositStatus": False, "withdrawFee": "0", "withdrawStatus": False}
            for asset in _assets(call) if wanted in (None, asset)}  # fmt: skip


WALLET = [
    Endpoint("GET", "/sapi/v1/system/status", system_status),
    Endpoint("GET", "/sapi/v1/capital/config/getall", coins, 10, SIGNED),
    Endpoint("GET", "/sapi/v1/capital/deposit/hisrec", nothing_moved, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/capital/withdraw/history", nothing_moved, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/margin/allPairs", no_margin, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/margin/isolated/allPairs", no_margin, 10, SIGNED),
    Endpoint("GET", "/sapi/v1/asset/tradeFee", trade_fee, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/asset/assetDetail", asset_detail, 1, SIGNED),
    Endpoint("POST", "/sapi/v3/asset/getUserAsset", user_asset, 5, SIGNED),
    Endpoint("GET", "/sapi/v1/account/apiRestrictions", rights, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/account/status", account_status, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/account/apiTradingStatus", trading_status, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/bnbBurn", get_bnb_burn, 1, SIGNED),
    Endpoint("POST", "/sapi/v1/bnbBurn", set_bnb_burn, 1, SIGNED),
    Endpoint("POST", "/sapi/v1/asset/transfer", transfer, 1, SIGNED),
    Endpoint("GET", "/sapi/v1/asset/transfer", transfers, 1, SIGNED),
]
