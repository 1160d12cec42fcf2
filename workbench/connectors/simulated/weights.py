"""Limits: request weight by address, orders by account, and the ban of those who do not listen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from workbench.connectors.simulated.refusals import Refusal

MINUTE, SECONDS_10, DAY = 60_000, 10_000, 86_400_000
LETTERS = {"SECOND": "S", "MINUTE": "M", "HOUR": "H", "DAY": "D"}
PATIENCE = 10  # requests that may come after a 429 before the address is banned
FIRST_BAN, LONGEST_BAN = 120_000, 259_200_000


@dataclass(frozen=True, slots=True)
class Limit:
    """So many of a kind in an interval."""

    kind: str  # REQUEST_WEIGHT, ORDERS, RAW_REQUESTS
    interval: str
    number: int
    most: int

    @property
    def length_ms(self) -> int:
        """Length of the interval."""
        return {"SECOND": 1_000, "MINUTE": MINUTE, "HOUR": 3_600_000, "DAY": DAY}[self.interval] * self.number

    @property
    def letters(self) -> str:
        """What headers call the interval: 1M, 10S."""
        return f"{self.number}{LETTERS[self.interval]}"

    def row(self, count: int | None = None) -> dict[str, object]:
        """The limit as answers show it."""
        made: dict[str, object] = {"rateLimitType": self.kind, "interval": self.interval, "intervalNum": self.number,
                                   "limit": self.most}  # fmt: skip
        return made if count is None else made | {"count": count}


SPOT_LIMITS = (
    Limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000),
    Limit("ORDERS", "SECOND", 10, 100),
    Limit("ORDERS", "DAY", 1, 200_000),
    Limit("RAW_REQUESTS", "MINUTE", 5, 61_000),
)
FUTURES_LIMITS = (
    Limit("REQUEST_WEIGHT", "MINUTE", 1, 2_400),
    Limit("ORDERS", "MINUTE", 1, 1_200),
    Limit("ORDERS", "SECOND", 10, 300),
)


@dataclass(slots=True)
class Ban:
    """What is known of an address that was told to wait."""

    warned: int = 0  # requests since the 429
    until_ms: int = 0
    next_ms: int = FIRST_BAN


@dataclass
class Weights:
    """The counters of one side of the venue. A count starts anew when its interval does, as the venue's do."""

    limits: tuple[Limit, ...]
    _counts: dict[tuple[str, Limit], tuple[int, int]] = field(default_factory=dict)  # → interval, count
    _bans: dict[str, Ban] = field(default_factory=dict)

    def of(self, kind: str) -> list[Limit]:
        """The limits of a kind."""
        return [limit for limit in self.limits if limit.kind == kind]

    def spend(self, address: str, weight: int, now_ms: int) -> None:
        """Count a request; 429 beyond the limit, and 418 for going on after that."""
        ban = self._bans.setdefault(address, Ban())
        if ban.until_ms > now_ms:
            raise self._banned(ban, now_ms)
        for limit, cost in [(limit, weight) for limit in self.of("REQUEST_WEIGHT")] + [
            (limit, 1) for limit in self.of("RAW_REQUESTS")
        ]:
            if self.add(address, limit, cost, now_ms) > limit.most:
                raise self._too_much(ban, limit, now_ms)
        ban.warned = 0

    def spend_orders(self, account: str, orders: int, now_ms: int) -> None:
        """Count orders; -1015 beyond a limit."""
        for limit in self.of("ORDERS"):
            if self.count(account, limit, now_ms) + orders > limit.most:
                words = f"{limit.most} orders per {limit.number} {limit.interval}"
                raise Refusal(-1015, f"Too many new orders; current limit is {words}.", 429)
        for limit in self.of("ORDERS"):
            self.add(account, limit, orders, now_ms)

    def ban(self, address: str, seconds: float, now_ms: int) -> None:
        """Ban an address, because somebody at the control door wants it."""
        self._bans.setdefault(address, Ban()).until_ms = now_ms + int(seconds * 1000)

    def change(self, kind: str, most: int) -> None:
        """Let all limits of a kind be so much."""
        self.limits = tuple(replace(limit, most=most) if limit.kind == kind else limit for limit in self.limits)

    def lift(self) -> None:
        """Forget all bans and counts."""
        self._bans.clear()
        self._counts.clear()

    def add(self, who: str, limit: Limit, number: int, now_ms: int) -> int:
        """Count, and the count."""
        interval = now_ms // limit.length_ms
        before = self._counts.get((who, limit), (interval, 0))
        count = (before[1] if before[0] == interval else 0) + number
        self._counts[who, limit] = interval, count
        return count

    def count(self, who: str, limit: Limit, now_ms: int) -> int:
        """The count of the interval under way."""
        return self.add(who, limit, 0, now_ms)

    def headers(self, address: str, account: str | None, now_ms: int) -> dict[str, str]:
        """What every answer says about its limits."""
        made = {f"X-MBX-USED-WEIGHT-{limit.letters}": str(self.count(address, limit, now_ms))
                for limit in self.of("REQUEST_WEIGHT")}  # fmt: skip
        made["X-MBX-USED-WEIGHT"] = next(iter(made.values()))
        if account is not None:
            made |= {f"X-MBX-ORDER-COUNT-{limit.letters}": str(self.count(account, limit, now_ms))
                     for limit in self.of("ORDERS")}  # fmt: skip
        return made

    def rows(self, address: str, account: str | None, now_ms: int) -> list[dict[str, object]]:
        """What every answer over the WebSocket API says about its limits."""
        made = [limit.row(self.count(account, limit, now_ms)) for limit in self.of("ORDERS")] if account else []
        return made + [limit.row(self.count(address, limit, now_ms)) for limit in self.of("REQUEST_WEIGHT")]

    def _too_much(self, ban: Ban, limit: Limit, now_ms: int) -> Refusal:
        ban.warned += 1
        if ban.warned > PATIENCE:
            ban.until_ms, ban.next_ms = now_ms + ban.next_ms, min(ban.next_ms * 4, LONGEST_BAN)
            return self._banned(ban, now_ms)
        wait = (limit.length_ms - now_ms % limit.length_ms + 999) // 1000
        words = (f"Too much request weight used; current limit is {limit.most} request weight per {limit.number} "
                 f"{limit.interval}. Please use WebSocket Streams for live updates to avoid polling the "
                 "API.")  # fmt: skip
        return Refusal(-1003, words, 429, {"Retry-After": str(wait)}, _retry(now_ms + wait * 1000, now_ms))

    def _banned(self, ban: Ban, now_ms: int) -> Refusal:
        wait = (ban.until_ms - now_ms + 999) // 1000
        words = (f"Way too much request weight used; IP banned until {ban.until_ms}. "
                 "Please use WebSocket Streams for live updates to avoid bans.")  # fmt: skip
        return Refusal(-1003, words, 418, {"Retry-After": str(wait)}, _retry(ban.until_ms, now_ms))


def _retry(until_ms: int, now_ms: int) -> dict[str, int]:
    return {"serverTime": now_ms, "retryAfter": until_ms}
