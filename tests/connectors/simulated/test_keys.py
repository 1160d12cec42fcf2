"""API keys: a shared secret, or a public key whose private half only the client has."""

from __future__ import annotations

import asyncio
import base64
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.connectors import Freshness, Stream
from workbench.connectors.simulated import SimulatedVenue
from workbench.errors import ConfigError
from workbench.market import OrderKind
from workbench.trading import Fill, Intent

from ..bench import connect
from .wire import Client, wired

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": 1, "price": 98, "timeInForce": "GTC"}


def pem(private: Any) -> str:
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return str(public.decode())


def with_rsa(venue: SimulatedVenue, client: Client) -> Client:
    private = rsa.generate_private_key(65_537, 2_048)
    sign = lambda text: base64.b64encode(private.sign(text.encode(), padding.PKCS1v15(), SHA256())).decode()  # noqa: E731
    return client.with_key(venue.control.add_key(pem(private)), sign)


@wired
async def test_requests_may_be_signed_with_ed25519_or_rsa(venue, client):
    for customer in (client.with_ed25519(), with_rsa(venue, client)):
        assert customer.key != client.account.key
        placed = await customer.signed("POST", "/api/v3/order", **ORDER)
        assert placed.body["status"] == "NEW"
        seen = await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed.body["orderId"])
        assert seen.body["price"] == "98.00000000"
        async with customer.socket("/ws-api/v3") as socket:
            assert (await socket.call("order.status", sign=True, **_one(placed)))["result"]["status"] == "NEW"


def _one(placed: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "orderId": placed.body["orderId"]}


@wired
async def test_signature_of_another_key_or_of_other_bytes_is_refused(venue, client):
    mine, other = client.with_ed25519(), with_rsa(venue, client)
    for signature in (
        other.signature,
        lambda text: mine.signature(text + " "),
        lambda text: "no base64!",
        lambda _: "",
    ):
        answer = await client.with_key(mine.key, signature).signed("GET", "/api/v3/account")
        assert (answer.status, answer.code) in ((400, -1022), (400, -1102))
    forged = client.with_key(mine.key, client.signature)  # the secret of the account does not open its other keys
    assert (await forged.signed("GET", "/api/v3/account")).code == -1022


@pytest.mark.parametrize("path", ["/ws-api/v3", "/ws-fapi/v1"])
def test_only_ed25519_keys_log_on_to_a_session(path):
    @wired
    async def check(venue, client):
        async with client.socket(path, futures="fapi" in path) as socket:
            refused = (await socket.call("session.logon", sign=True))["error"]
            assert refused == {"code": -4056, "msg": "HMAC_SHA256 API key is not supported."}
        async with client.with_ed25519().socket(path, futures="fapi" in path) as socket:
            assert (await socket.call("session.logon", sign=True))["status"] == 200
            assert (await socket.call("account.status", timestamp=venue.clock.server_ms()))["status"] == 200

    check()


@wired
async def test_futures_tell_of_an_account_to_a_listen_key_only(venue, client):
    async with client.with_ed25519().socket("/ws-fapi/v1", futures=True) as socket:
        refused = (await socket.call("userDataStream.subscribe.signature", sign=True))["error"]
        assert refused == {"code": -5000, "msg": "Method userDataStream.subscribe.signature is invalid"}
        assert (await socket.call("userDataStream.start", apiKey=client.key))["result"]["listenKey"]


@wired
async def test_what_is_no_key_is_refused_by_the_control_door(venue, client):
    with pytest.raises(ConfigError, match="no public key"):
        venue.control.add_key("-----BEGIN PUBLIC KEY-----\nnot one\n-----END PUBLIC KEY-----")
    with pytest.raises(ConfigError, match="Ed25519 and RSA"):
        venue.control.add_key(pem(ec.generate_private_key(ec.SECP256R1())))


def test_keys_of_a_seed_and_an_account_are_the_same_every_time():
    pairs = []
    for _ in range(2):
        with SimulatedVenue(seed=4, accounts={"a": {}, "b": {}}) as venue:
            pairs.append([venue.ed25519("a"), venue.ed25519("b")])
    assert pairs[0] == pairs[1]
    assert pairs[0][0] != pairs[0][1]


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "usdm"])
def test_unmodified_ccxt_trades_with_an_ed25519_key(perpetual):
    with SimulatedVenue(accounts={"trader": {"USDT": 100_000}}) as venue:
        venue.control.book("BTCUSDT", [(59_990, 5)], [(60_010, 5)], perpetual=perpetual)
        key, private = venue.ed25519()
        config = {**venue.ccxt(perpetual=perpetual), "apiKey": key, "secret": private}
        name, symbol = ("binanceusdm", "BTC/USDT:USDT") if perpetual else ("binance", "BTC/USDT")
        bought = getattr(ccxt, name)(config).create_order(symbol, "market", "buy", 0.01)
        assert bought["filled"] == 0.01 or bought["status"] == "closed"
        asyncio.run(asyncio.wait_for(watch(getattr(ccxt.pro, name)(config), symbol), 20))


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "usdm"])
def test_our_connector_trades_with_an_ed25519_key(perpetual):
    async def run() -> None:
        async with SimulatedVenue(accounts={"trader": {"USDT": 100_000}}) as venue:
            venue.control.book("BTCUSDT", [(59_990, 5)], [(60_010, 5)], perpetual=perpetual)
            key, private = venue.ed25519()
            connector = connect(venue, perpetual=perpetual, config={"apiKey": key, "secret": private})
            try:
                await connector.start()
                await connector.follow(Stream.USER, symbol := "BTC/USDT:USDT" if perpetual else "BTC/USDT")
                while not isinstance(await connector.next_event(), Freshness):
                    pass
                await connector.create(Intent("wb1", symbol, 1, OrderKind.MARKET, Decimal("0.01")))
                while not isinstance(event := await connector.next_event(), Fill):
                    pass
                assert event.amount == Decimal("0.01")
            finally:
                await connector.close()

    asyncio.run(asyncio.wait_for(run(), 30))


async def watch(client: Any, symbol: str) -> None:
    try:
        await client.load_markets()
        watching = asyncio.ensure_future(client.watch_orders(symbol))
        while not watching.done():
            placed = await client.create_order(symbol, "limit", "buy", 0.01, 50_000)
            await asyncio.wait([watching], timeout=0.2)
            await client.cancel_order(placed["id"], symbol)
        assert (await watching)[0]["price"] == 50_000
    finally:
        await client.close()
