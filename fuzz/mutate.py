"""Changes to a JSON text that venues and broken lines make: a key gone, a wrong type, NaN, 1e400, half of it."""

from __future__ import annotations

import json
import random
from typing import Any

NASTY: tuple[Any, ...] = (
    None, "", "NaN", "1e400", "-1", "0", "abc", -1, 0, 1e308, -1e308, float("nan"), float("inf"), True, False, [], {},
    [[]], [None], {"a": None}, "é世界/USDT", "\u0000", "9" * 400, 10**40, "0x10", " 1 ", "1_000", "-0", "+1", "1e-400",
    "２", "BTCUSDT", "open", "closed",
)  # fmt: skip
MOST_CHANGES = 4


OPENERS = b'{["0123456789-tfn'


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """The text with a few such changes, at most so many bytes long; a byte before it that is no JSON is kept apart."""
    draw = random.Random(seed)
    lead = data[:1] if data[:1] and data[:1] not in OPENERS else b""
    if lead and draw.random() < 0.1:
        lead = bytes([draw.choice([*range(32), 0xE0 + draw.randrange(32)])])
    return (lead + _mutated(data[len(lead) :], draw))[:most]


def _mutated(data: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.1:
        return _torn(data, draw)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _torn(data, draw)
    for _ in range(draw.randint(1, MOST_CHANGES)):
        value = _changed(value, draw)
    try:
        return json.dumps(value, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return data


def _changed(value: Any, draw: random.Random) -> Any:
    """One change somewhere inside."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        made = dict(value)
        chance = draw.random()
        if chance < 0.15:
            del made[key]
        elif chance < 0.2:
            made[draw.choice(list(value))] = value[key]
        else:
            made[key] = _changed(value[key], draw)
        return made
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        chance = draw.random()
        if chance < 0.1:
            return value[:place] + value[place + 1 :]
        if chance < 0.2:
            return [*value, value[place]]
        return [*value[:place], _changed(value[place], draw), *value[place + 1 :]]
    return draw.choice(NASTY)


def _torn(data: bytes, draw: random.Random) -> bytes:
    """Half of it, a page instead of it, or a byte that is wrong."""
    chance = draw.random()
    if chance < 0.5 or not data:
        return data[: draw.randrange(len(data) + 1)]
    if chance < 0.7:
        return b"<html><body>" + data
    place = draw.randrange(len(data))
    return data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]
