"""How a connection is broken so that the other side sees a reset, not an orderly end."""

from __future__ import annotations

import asyncio
import socket
import struct

NO_LINGER = struct.pack("ii", 1, 0)  # on, zero seconds: closing throws away what waits, and sends RST


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Break a connection off; what still waits to be sent is lost."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
