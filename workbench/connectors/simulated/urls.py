"""Where the venue listens, in the words that its clients want: ccxt's table of URLs, with no other host left in it."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated.accounts import Account

SPOT_PATHS = {"public": "/api/v3", "private": "/api/v3", "v1": "/api/v1", "sapi": "/sapi/v1", "sapiV2": "/sapi/v2",
              "sapiV3": "/sapi/v3", "sapiV4": "/sapi/v4"}  # fmt: skip
FUTURES_PATHS = {
    "fapiPublic": "/fapi/v1", "fapiPublicV2": "/fapi/v2", "fapiPublicV3": "/fapi/v3", "fapiPrivate": "/fapi/v1",
    "fapiPrivateV2": "/fapi/v2", "fapiPrivateV3": "/fapi/v3", "fapiData": "/futures/data",
    "dapiPublic": "/dapi/v1", "dapiPrivate": "/dapi/v1", "dapiPrivateV2": "/dapi/v2", "dapiData": "/futures/data",
    "eapiPublic": "/eapi/v1", "eapiPrivate": "/eapi/v1", "papi": "/papi/v1", "papiV2": "/papi/v2",
}  # fmt: skip
ONE_SIDE = {False: "spot", True: "linear"}


def ccxt_urls(spot: str, futures: str) -> dict[str, Any]:
    """What goes into `urls["api"]` of ccxt's binance and binanceusdm.

    The spot socket's path holds "/stream", because ccxt tells spot from futures by that; the futures socket's ends in
    "/ws", which ccxt rewrites to "/public/ws", "/market/ws" and "/private/ws".
    """
    made: dict[str, Any] = {name: spot + path for name, path in SPOT_PATHS.items()}
    made |= {name: futures + path for name, path in FUTURES_PATHS.items()}
    spot_socket, futures_socket = (url.replace("http://", "ws://", 1) for url in (spot, futures))
    sockets: dict[str, Any] = dict.fromkeys(("spot", "margin", "stock"), f"{spot_socket}/stream/ws")
    sockets |= {"linear": f"{futures_socket}/ws", "inverse": f"{futures_socket}/dapi/ws"}
    sockets |= {"option": f"{futures_socket}/public/ws", "optionMarket": f"{futures_socket}/market/ws",
                "optionPrivate": f"{futures_socket}/private/ws", "papi": f"{futures_socket}/pm/ws"}  # fmt: skip
    doors = {"spot": f"{spot_socket}/ws-api/v3", "linear": f"{futures_socket}/ws-fapi/v1",
             "inverse": f"{futures_socket}/ws-dapi/v1"}  # fmt: skip
    return made | {"ws": sockets | {"ws-api": doors}}


def ccxt_config(spot: str, futures: str, account: Account, *, perpetual: bool) -> dict[str, Any]:
    """The argument that makes ccxt's binance (or, with `perpetual`, binanceusdm) trade here."""
    options = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": [ONE_SIDE[perpetual]]}}
    return {"apiKey": account.key, "secret": account.secret, "urls": {"api": ccxt_urls(spot, futures)},
            "options": options}  # fmt: skip
