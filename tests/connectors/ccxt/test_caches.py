"""What stays in memory of what was told: little, however long it goes on."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from ..bench import bench

D = Decimal


def test_fills_of_an_order_are_told_and_not_kept() -> None:
    async def run() -> None:
        async with bench() as b:
            await b.send("wb1", amount="1", price="50000")
            (number,) = b.venue.account().orders
            for _ in range(40):
                b.control.fill(b.name, number, "0.01")
            await b.until(lambda: len(b.booked("wb1")) == 40)
            assert b.order("wb1").filled == D("0.40")
            kept = b.connector.streams.lines[""].now.client.orders
            assert [order["filled"] for order in kept] == [0.4]
            assert not any(order.get("trades") for order in kept)

    asyncio.run(run())
