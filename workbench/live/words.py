"""What a session asks its runner to do, and the words between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from decimal import Decimal
from typing import Any

from workbench.trading import Intent


@dataclass(frozen=True, slots=True)
class Happened:
    """An entry of a journal, as far as a session looks at it."""

    number: int
    time_ms: int
    kind: str
    body: Any


@dataclass(frozen=True, slots=True)
class Send:
    """Write an intent down, then send it."""

    door: str
    intent: Intent
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Write down that an order is to be cancelled, then ask for it."""

    door: str
    instrument: str
    client_id: str
    venue_id: str
    conditional: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Write this down; it changes nothing in the session."""

    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fall:
    """The kill switch is to fall, for this reason."""

    reason: str


Command = Send | Withdraw | Note | Fall


def plain(body: Any) -> Any:
    """JSON values of a body with messages in it."""
    if is_dataclass(body) and not isinstance(body, type):
        return plain(asdict(body))
    if isinstance(body, Mapping):
        return {str(name): plain(value) for name, value in body.items()}
    if isinstance(body, list | tuple):
        return [plain(value) for value in body]
    return str(body) if isinstance(body, Decimal) else body
