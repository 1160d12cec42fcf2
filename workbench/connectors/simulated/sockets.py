"""One WebSocket as the venue sees it: an outgoing queue with a limit, pings, limits on what comes in, and faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.rest import encode
from workbench.connectors.simulated.wires import reset

MOST_WAITING = 50_000  # messages for a client that does not read; past that it is cut off
DAY = 86_400_000
PING = {False: (20_000, 60_000), True: (180_000, 600_000)}  # how often, and how long an answer may take
MOST_PER_SECOND = {False: 5, True: 10}  # client messages


class Connection:
    """One WebSocket of a client."""

    def __init__(self, desk: Desk, *, combined: bool = False) -> None:
        self.desk, self.combined = desk, combined
        self.ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        self.streams: dict[str, None] = {}
        self.address = ""
        self.opened_ms = self.pinged_ms = self.heard_ms = desk.clock.pace_ms()
        self.is_unlimited = False  # the WebSocket API counts weights instead
        self.is_stalled = False  # a fault: it stays open, and says nothing
        self.is_deaf = False  # a fault: nor does it answer
        self._waiting: deque[str] = deque()
        self._held: str | None = None
        self._kept: list[str] = []  # until `release`
        self._transport: asyncio.BaseTransport | None = None
        self._wake = asyncio.Event()
        self._came: deque[int] = deque(maxlen=MOST_PER_SECOND[desk.perpetual] + 1)

    async def serve(self, request: web.Request, receive: Callable[[str], Awaitable[None] | None]) -> web.StreamResponse:
        """Open the socket, and hand on what the client says until it goes."""
        try:
            await self.ws.prepare(request)
        except ConnectionResetError:  # it went before it was let in
            return web.Response()
        self._transport = request.transport
        self.address = request.remote or ""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self.ws:
                if not await self._take(message.type, message.data, receive):
                    break
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return self.ws

    def say(self, value: object) -> None:
        """Send an answer."""
        self._queue(encode(value))

    def tell(self, stream: str, text: str, *, user: bool = False) -> None:
        """Send a stream's message, if no fault keeps it."""
        if self.combined:
            text = f'{{"stream":"{stream}","data":{text}}}'
        self.pass_on(stream, text, user=user)

    def pass_on(self, name: str, text: str, *, user: bool) -> None:
        """Send a message as it is, if no fault keeps it."""
        rule = self.desk.faults.for_message(name, user=user)
        kind = None if rule is None else rule.kind
        if kind == "stall":
            self.is_stalled = True
        if kind == "drop" or self.desk.faults.ack_only:
            return
        if kind == "hold":
            self._kept.append(text)
            return
        if kind == "reorder" and self._held is None:
            self._held = text
            return
        if rule is not None and kind == "delay":
            asyncio.get_running_loop().call_later(self.desk.faults.wait(rule), self._queue, text)
            return
        self._queue(text[: len(text) // 2] if kind == "corrupt" else text)
        if kind == "dup":
            self._queue(text)
        if self._held is not None:
            held, self._held = self._held, None
            self._queue(held)

    def release(self) -> None:
        """Send what a fault of kind `hold` keeps."""
        kept, self._kept = self._kept, []
        for text in kept:
            self._queue(text)

    def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Say good-bye, in the background."""
        self._closing = asyncio.ensure_future(self.ws.close(code=code, message=reason.encode(), drain=False))

    def cut(self) -> None:
        """End the connection without a word."""
        reset(self._transport)

    async def pulse(self, now_ms: int) -> None:
        """Ping when it is time; close what has not answered, or is a day old."""
        every, patience = PING[self.desk.perpetual]
        if self.ws.closed or self.is_deaf:
            return
        if now_ms - self.opened_ms >= DAY or now_ms - self.heard_ms > patience + every:
            self.close()
        elif now_ms - self.pinged_ms >= every:
            self.pinged_ms = now_ms
            with contextlib.suppress(ConnectionError):
                await self.ws.ping(str(now_ms).encode())

    async def _take(self, kind: WSMsgType, data: object, receive: Callable[[str], Awaitable[None] | None]) -> bool:
        now = self.desk.clock.pace_ms()
        self.heard_ms = now
        if kind is WSMsgType.PING:
            if not self.is_deaf:
                await self.ws.pong(bytes(data) if isinstance(data, bytes | bytearray | memoryview) else b"")
        elif kind is WSMsgType.TEXT and isinstance(data, str):
            if self._is_too_fast(now):
                await self.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                return False
            if self.is_deaf:
                return True
            answered = receive(data)
            if answered is not None:
                await answered
        return True

    def _is_too_fast(self, now_ms: int) -> bool:
        self._came.append(now_ms)
        return len(self._came) == self._came.maxlen and now_ms - self._came[0] < 1_000 and not self.is_unlimited

    def _queue(self, text: str) -> None:
        if self.is_stalled or self.ws.closed:
            return
        self._waiting.append(text)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self.cut()
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self.ws.send_str(self._waiting.popleft())
                except (ConnectionError, RuntimeError):
                    return
