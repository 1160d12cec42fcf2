"""Client order ids: a pure function of run, executor and count, inside each venue's alphabet and length.

The same three always give the same id, so a restart finds its orders again; other three never give it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from workbench.errors import ConfigError

Alphabet = Literal["lower", "hex"]
LOWER = "0123456789abcdefghijklmnopqrstuvwxyz"
HEX = LOWER[:16]
MARK = "wb"
MAX_EXECUTOR, MAX_COUNT = 36**5 - 2, 36**6 - 1


@dataclass(frozen=True, slots=True)
class IdRule:
    """What a venue takes as a client order id.

    Attributes
    ----------
    alphabet : "lower" or "hex"
        Small letters and digits, or 32 hexadecimal digits where the venue wants a 128-bit number.
    prefix : str
        What every id must begin with.
    length : int
        Most characters, prefix included.
    """

    alphabet: Alphabet = "lower"
    prefix: str = ""
    length: int = 32


def client_order_id(rule: IdRule, run: str, executor: int, count: int) -> str:
    """The id of the `count`-th order of an executor of a run.

    Parameters
    ----------
    run : str
        The run's own id, unique for ever.
    executor, count : int
        From 0 up; executor −1 for an order that belongs to none.

    Raises
    ------
    ConfigError
        If a number does not fit: an id that was cut could meet another.
    """
    if not run or not -1 <= executor <= MAX_EXECUTOR or not 0 <= count <= MAX_COUNT:
        raise ConfigError(
            f"no client order id for run {run!r}, executor {executor}, count {count}: executors go from -1 to "
            f"{MAX_EXECUTOR}, counts from 0 to {MAX_COUNT}. Start a new run."
        )
    if rule.alphabet == "hex":
        body = run_mark(rule, run) + _digits(executor + 1, HEX, 8) + _digits(count, HEX, 8)
    else:
        body = run_mark(rule, run) + _digits(executor + 1, LOWER, 5) + _digits(count, LOWER, 6)
    if len(rule.prefix + body) > rule.length:
        raise ConfigError(f"an id of {len(rule.prefix + body)} characters, but the venue takes {rule.length}.")
    return rule.prefix + body


@lru_cache(maxsize=64)
def run_mark(rule: IdRule, run: str) -> str:
    """What the ids of a run begin with, after the venue's prefix; by it a run knows its orders among others."""
    digest = int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big")
    return _digits(digest, HEX, 16) if rule.alphabet == "hex" else MARK + _digits(digest % 36**11, LOWER, 11)


def is_of_run(rule: IdRule, run: str, client_id: str) -> bool:
    """Did this run make that id?"""
    return client_id.startswith(rule.prefix + run_mark(rule, run))


def _digits(number: int, alphabet: str, width: int) -> str:
    base, written = len(alphabet), ""
    while number:
        number, digit = divmod(number, base)
        written = alphabet[digit] + written
    return written.rjust(width, alphabet[0])
