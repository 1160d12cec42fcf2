"""What goes wrong on purpose, from a seed or as told: in answers, in messages of streams, in what queries see.

A fault is chosen by chance, with shares that `Faults` is made with, or by a rule from the control door, which counts
how often it is used. The same seed and the same requests give the same faults.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from workbench.errors import ConfigError

KINDS = ("accept_then_silence", "lose_request", "reply", "delay", "html", "truncate", "reset", "cut")
STREAM_KINDS = ("drop", "dup", "reorder", "stall", "delay", "corrupt", "hold")


@dataclass(slots=True)
class Rule:
    """What happens to the next requests, or stream messages, that fit.

    Attributes
    ----------
    target : str
        Method and path with wildcards, as in "POST /api/v3/order" or "* /api/*"; of streams the name of the stream or
        the event, as in "btcusdt@depth*" or "executionReport".
    kind : str
        Of a request: accept_then_silence (it is done, and never answered), lose_request (neither), reply (this
        `status`, `code`, `message` and `headers` instead of doing it), delay (`milliseconds`, and `jitter` on top),
        html (a page instead of JSON), truncate (half of the answer), reset (done, then the connection is reset),
        cut (not done, and the connection is reset). Of a message: drop, dup, reorder (with the next one), stall
        (nothing more on that connection), delay, corrupt (half of the text), hold (until `release`).
    times : int
        How often; below 0: always.
    after : int
        So many that fit are let pass first.
    """

    target: str
    kind: str
    times: int = 1
    after: int = 0
    status: int = 400
    code: int = -1000
    message: str = "An unknown error occurred while processing the request."
    headers: dict[str, str] = field(default_factory=dict)
    milliseconds: float = 0.0
    jitter: float = 0.0
    done: bool = False  # `reply` only: do it, and lie about it
    used: int = 0

    def fits(self, target: str) -> bool:
        """Is this one meant? Counts it if so."""
        if not fnmatchcase(target, self.target) or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= self.times > 0
        self.used += 1
        return True


class Faults:
    """What goes wrong.

    Parameters
    ----------
    seed : int
        Of the chances, and of the delays.
    lose_request, lose_reply, reset, error, delay : float
        Shares of signed requests that are lost, done but never answered, done but cut off, answered with 503 and an
        unknown outcome, or delayed by up to `delay_ms`.
    drop, repeat, reorder : float
        Shares of user-stream messages that are lost, sent twice, or sent after the next one.
    """

    def __init__(self, seed: int = 0, *, lose_request: float = 0.0, lose_reply: float = 0.0, reset: float = 0.0,
                 error: float = 0.0, delay: float = 0.0, delay_ms: float = 200.0, drop: float = 0.0,
                 repeat: float = 0.0, reorder: float = 0.0) -> None:  # fmt: skip
        self.seed, self.delay_ms = seed, delay_ms
        self.random = random.Random(seed)
        self._requests = {"lose_request": lose_request, "accept_then_silence": lose_reply, "reset": reset,
                          "unknown": error, "delay": delay}  # fmt: skip
        self._messages = {"drop": drop, "dup": repeat, "reorder": reorder}
        for shares in (self._requests, self._messages):
            _check(shares)
        self.forget()

    def forget(self) -> None:
        """Let nothing go wrong but what chance brings."""
        self.rules: list[Rule] = []
        self.stream_rules: list[Rule] = []
        # what queries see
        self.read_lag_ms = 0
        self.hides_trades = False
        self.blackouts: dict[str, int] = {}  # client id → until when
        # what the venue says of itself
        self.maintenance = False
        self.freeze_klines_ms = 0
        self.stale_depth: dict[str, Any] = {}  # symbol → a snapshot of long ago
        self.distorted: dict[str, str] = {}  # symbol → crossed or empty
        self.ignored: set[str] = set()  # settings that are answered and not done: leverage, marginType
        self.kept_on_cancel = 0  # so many cancellations are answered and not done
        self.filled_on_cancel = 0  # so many orders are filled just before they are cancelled
        self.refuses_sockets = False
        self.ack_only = False  # subscriptions are answered, and nothing comes

    def calm(self) -> None:
        """Let nothing go wrong by chance either, from now on."""
        self.forget()
        for shares in (self._requests, self._messages):
            shares.update(dict.fromkeys(shares, 0.0))

    def for_request(self, target: str, *, signed: bool) -> Rule | None:
        """What happens to a request: the first rule that fits, else what chance says."""
        for rule in self.rules:
            if rule.fits(target):
                return rule
        kind = self._draw(self._requests) if signed else None
        if kind is None:
            return None
        if kind == "unknown":
            return Rule(target, "reply", status=503, code=-1000, done=self.random.random() < 0.5)
        return Rule(target, kind, milliseconds=self.delay_ms)

    def for_message(self, name: str, *, user: bool) -> Rule | None:
        """What happens to a message of a stream."""
        for rule in self.stream_rules:
            if rule.fits(name):
                return rule
        kind = self._draw(self._messages) if user else None
        return None if kind is None else Rule(name, kind)

    def wait(self, rule: Rule) -> float:
        """Seconds that a delay lasts."""
        return (rule.milliseconds + rule.jitter * self.random.random()) / 1000

    def is_hidden(self, client_id: str, created_ms: int, now_ms: int, pace_ms: int) -> bool:
        """Is an order kept from queries, because they lag or because it is blacked out?"""
        return created_ms + self.read_lag_ms > now_ms or self.blackouts.get(client_id, 0) > pace_ms

    def _draw(self, shares: dict[str, float]) -> str | None:
        if not any(shares.values()):
            return None
        point = self.random.random()
        for kind, share in shares.items():
            if point < share:
                return kind
            point -= share
        return None


def _check(shares: dict[str, float]) -> None:
    if any(not 0 <= share <= 1 for share in shares.values()) or sum(shares.values()) > 1:
        raise ConfigError(f"The shares {shares} are no chances: each lies between 0 and 1, and so does their sum.")
