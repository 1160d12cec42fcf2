"""The error table, over HTTP: what each answer of a venue means for an order, and for a question."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from workbench.connectors import AlreadyThere, CcxtConnector, ClockOff, KeyRefused, NoFunds, NotThere, Throttled
from workbench.errors import Busy, Rejected, Silent, VenueError
from workbench.market import BUY, OrderKind
from workbench.trading import Intent

from .parrot import asking, parrot

ORDER = Intent("wb1", "BTC/USDT", BUY, OrderKind.LIMIT, Decimal("0.01"), Decimal(50_000))


def said(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message}


TABLE = {
    "503 unknown": (503, said(-1000, "Unknown error, please check your request or try again later."), Silent, Busy),
    "503 unavailable": (503, said(-1000, "Service Unavailable."), Busy, Busy),
    "504 -1007": (504, said(-1007, "Timeout waiting for response from backend server."), Silent, Busy),
    "504 -1006": (504, said(-1006, "An unexpected response was received."), Silent, Busy),
    "500 page": (500, b"<html>oops</html>", Silent, Busy),
    "502 page": (502, b"<html>bad gateway</html>", Silent, Busy),
    "503 -1008": (503, said(-1008, "Server is currently overloaded."), Busy, Busy),
    "429": (429, said(-1003, "Too many requests."), Throttled, Throttled),
    "418": (418, said(-1003, "Way too many requests; IP banned."), Throttled, Throttled),
    "-1015": (400, said(-1015, "Too many new orders."), Throttled, Throttled),
    "-1021": (400, said(-1021, "Timestamp for this request is outside of the recvWindow."), ClockOff, ClockOff),
    "-2015": (401, said(-2015, "Invalid API-key, IP, or permissions for action."), KeyRefused, KeyRefused),
    "-1022": (400, said(-1022, "Signature for this request is not valid."), KeyRefused, KeyRefused),
    "-1013": (400, said(-1013, "Filter failure: LOT_SIZE"), Rejected, Rejected),
    "-2010 balance": (400, said(-2010, "Account has insufficient balance for requested action."), NoFunds, NoFunds),
    "-2010 duplicate": (400, said(-2010, "Duplicate order sent."), AlreadyThere, AlreadyThere),
    "-4116": (400, said(-4116, "ClientOrderId is duplicated."), AlreadyThere, AlreadyThere),
    "-2011": (400, said(-2011, "Unknown order sent."), NotThere, NotThere),
    "-2013": (400, said(-2013, "Order does not exist."), NotThere, NotThere),
    "html 200": (200, b"<html>please log in</html>", Silent, Busy),
    "cut 200": (200, b'{"symbol": "BTCUSDT", "orderId": 1, "clie', Silent, Busy),
    "list 200": (200, [1, 2, 3], Silent, Busy),
    "null 200": (200, b"null", Silent, Busy),
    "nan 200": (200, b'{"symbol":"BTCUSDT","orderId":1,"status":"NEW","executedQty":NaN}', Silent, Busy),
}  # fmt: skip


async def outcome(connector: CcxtConnector, ask: Any) -> VenueError | None:
    try:
        await ask
    except VenueError as error:
        return error
    return None


@pytest.mark.parametrize("row", TABLE)
def test_answer_means_what_the_table_says(row: str) -> None:
    status, body, for_order, for_question = TABLE[row]

    async def run() -> None:
        async with parrot() as bird:
            connector = asking(bird, "binance")
            bird.say(body, status)
            order = await outcome(connector, connector.create(ORDER))
            connector.fatal = None
            question = await outcome(connector, connector.order("BTC/USDT", "wb1"))
            await connector.close()
            assert type(order) is for_order, order
            assert type(question) is for_question, question
            for error in (order, question):
                assert (error.venue, error.instrument) == ("binance", "BTC/USDT")
            assert bird.asked == (2 if for_order is not ClockOff else 3)  # nothing is sent twice; a clock is measured

    asyncio.run(run())


def test_retry_after_is_read_from_its_header() -> None:
    async def run() -> Any:
        async with parrot() as bird:
            connector = asking(bird, "binance")
            bird.say(said(-1003, "Too many requests."), 429, {"Retry-After": "17"})
            error = await outcome(connector, connector.ticker("BTC/USDT"))
            await connector.close()
            return error

    error = asyncio.run(run())
    assert error.wait_s == 17.0
    assert "17 s" in str(error)


def test_answer_to_a_question_from_before_the_refusal_opens_nothing_again() -> None:
    """Balances asked while the key worked, and read after it was revoked."""

    async def run() -> None:
        async with parrot() as bird:
            connector = asking(bird, "binance")
            bird.say({"balances": []})
            bird.holds = let_go = asyncio.Event()
            early = asyncio.ensure_future(connector.balances())
            while not bird.heard:
                await asyncio.sleep(0)
            bird.say(*TABLE["-2015"][1::-1])
            refusal = await outcome(connector, connector.balances())
            assert type(refusal) is KeyRefused
            let_go.set()
            assert await early == {}
            assert connector.fatal is refusal
            assert await outcome(connector, connector.create(ORDER)) is refusal
            assert bird.asked == 2  # the order was not sent
            bird.say({"balances": []})
            assert await connector.balances() == {}
            assert connector.fatal is None
            await connector.close()

    asyncio.run(run())


def test_order_to_nobody_was_certainly_not_sent() -> None:
    async def run() -> VenueError | None:
        async with parrot() as bird:
            connector = asking(bird, "binance")
        error = await outcome(connector, connector.create(ORDER))
        await connector.close()
        return error

    assert type(asyncio.run(run())) is Busy


def test_order_that_cannot_be_made_was_not_sent() -> None:
    async def run() -> tuple[VenueError | None, int]:
        async with parrot() as bird:
            connector = asking(bird, "binance")
            del connector.client.markets["BTC/USDT"]
            error = await outcome(connector, connector.create(ORDER))
            await connector.close()
            return error, bird.asked

    error, asked = asyncio.run(run())
    assert isinstance(error, Rejected)
    assert asked == 0


def test_redirection_carries_no_order_elsewhere() -> None:
    async def run() -> tuple[VenueError | None, int]:
        async with parrot() as bird, parrot() as other:
            connector = asking(bird, "binance")
            bird.say({}, 307, {"Location": other.url + "/api/v3/order"})
            error = await outcome(connector, connector.create(ORDER))
            await connector.close()
            return error, other.asked

    error, asked = asyncio.run(run())
    assert isinstance(error, Silent)
    assert asked == 0


STOPS = {
    "spot stop": (False, OrderKind.STOP, "STOP_LOSS", None),
    "spot stop limit": (False, OrderKind.STOP_LIMIT, "STOP_LOSS_LIMIT", Decimal(49_000)),
    "perpetual stop": (True, OrderKind.STOP, "STOP_MARKET", None),
    "perpetual stop limit": (True, OrderKind.STOP_LIMIT, "STOP", Decimal(49_000)),
}


@pytest.mark.parametrize("case", STOPS)
def test_stop_is_sent_as_a_stop_with_its_trigger(case: str) -> None:
    """ccxt leaves out what it cannot read, a Decimal among it: a stop would go out as a plain market order."""
    perpetual, kind, word, price = STOPS[case]

    async def run() -> str:
        async with parrot() as bird:
            connector = asking(bird, "binance", perpetual=perpetual)
            symbol = "BTC/USDT:USDT" if perpetual else "BTC/USDT"
            kinds = ["LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "STOP", "STOP_MARKET"]
            connector.client.markets[symbol]["info"]["orderTypes"] = kinds
            stop = Intent("wb1", symbol, -1, kind, Decimal("0.01"), price, Decimal("49500.5"))
            sent: list[str] = []
            send = connector.client.fetch

            async def heard(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
                sent.append(f"{url} {body}")
                return await send(url, method, headers, body)

            connector.client.fetch = heard
            await outcome(connector, connector.create(stop))
            await connector.close()
            return sent[0]

    request = asyncio.run(run())
    assert f"type={word}&" in request + "&"
    assert "49500.5" in request
