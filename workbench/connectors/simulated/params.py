"""Parameters of a request: read by name and kind, with the venue's own words for what is missing or malformed."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from workbench.connectors.simulated.amounts import places
from workbench.connectors.simulated.refusals import (
    BAD_INTERVAL,
    BAD_SIDE,
    Refusal,
    illegal,
    missing,
    refuse,
    unread,
)

NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
WHOLE = re.compile(r"[0-9]{1,20}")
SYMBOL = re.compile(r"[A-Z0-9-_.]{1,20}")
CLIENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}")
FUTURES_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
TRUE = {"true": True, "TRUE": True, "True": True, "false": False, "FALSE": False, "False": False}
SIGNING = frozenset({"signature", "timestamp", "recvWindow", "apiKey", "returnRateLimits"})


class Params:
    """Parameters of one request, each a text until it is read."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self._read: set[str] = set(SIGNING)

    def __contains__(self, name: str) -> bool:
        return bool(self.values.get(name))

    def given(self, name: str) -> str | None:
        """A text as it came; None if it did not."""
        self._read.add(name)
        return self.values.get(name) or None

    def text(self, name: str, default: str | None = None) -> str:
        """A text; refused if it is missing and has no default."""
        found = self.given(name)
        if found is not None:
            return found
        if default is None:
            raise missing(name)
        return default

    def choice(
        self, name: str, choices: Any, refusal: tuple[int, str] | None = None, default: str | None = None
    ) -> str:
        """One of a few words."""
        found = self.text(name, default)
        if found not in choices and found != default:
            raise refuse(refusal) if refusal else Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
        return found

    def symbol(self, name: str = "symbol") -> str:
        """A symbol, which has to be there."""
        found = self.text(name)
        if not SYMBOL.fullmatch(found):
            raise illegal(name, "^[A-Z0-9-_.]{1,20}$")
        return found

    def symbols(self) -> list[str] | None:
        """`symbol` or the JSON list `symbols`; None if neither was sent."""
        if "symbol" in self:
            return [self.symbol()]
        found = self.given("symbols")
        if found is None:
            return None
        try:
            names = json.loads(found)
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise illegal("symbols", '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$')
        return names

    def side(self, name: str = "side") -> str:
        """BUY or SELL."""
        return self.choice(name, ("BUY", "SELL"), BAD_SIDE)

    def interval(self, intervals: Any) -> str:
        """The length of a kline."""
        return self.choice("interval", intervals, BAD_INTERVAL)

    def decimal(self, name: str, default: Decimal | None = None, *, decimals: int = 20) -> Decimal:
        """An amount or a price, above 0."""
        found = self.given(name)
        if found is None:
            if default is None:
                raise missing(name)
            return default
        if not NUMBER.fullmatch(found):
            raise illegal(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
        value = Decimal(found)
        if places(value) > decimals:
            raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
        return value

    def signed(self, name: str) -> Decimal:
        """An amount that may be below 0."""
        text = self.text(name)
        if not NUMBER.fullmatch(text.removeprefix("-")):
            raise illegal(name, "^-?([0-9]{1,20})(\\.[0-9]{1,20})?$")
        return Decimal(text)

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number; refused if it is missing and has no default."""
        found = self.given(name)
        if found is None:
            if default is None:
                raise missing(name)
            return default
        if not WHOLE.fullmatch(found):
            raise illegal(name, "^[0-9]{1,20}$")
        return int(found)

    def maybe(self, name: str) -> int | None:
        """A whole number, or None."""
        self._read.add(name)
        return self.whole(name) if name in self else None

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no."""
        found = self.given(name)
        if found is None:
            return default
        if found not in TRUE:
            raise illegal(name, "^(true|false)$")
        return TRUE[found]

    def client_id(self, name: str, *, futures: bool = False) -> str:
        """A client's id, or an empty text."""
        found = self.given(name)
        if found is None:
            return ""
        pattern = FUTURES_CLIENT_ID if futures else CLIENT_ID
        if not pattern.fullmatch(found):
            raise illegal(name, f"^{pattern.pattern}$")
        return found

    def limit(self, default: int = 500, most: int = 1_000) -> int:
        """How many rows are wanted."""
        return min(max(self.whole("limit", default), 1), most)

    def finish(self) -> None:
        """Refuse a request of which something was not read."""
        left = set(self.values) - self._read
        if left:
            raise unread(len(self.values) - len(left), len(self.values))
