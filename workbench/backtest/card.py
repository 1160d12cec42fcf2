"""The card of a run: what it was made of, so that anyone can make it again and get the same bits."""

from __future__ import annotations

import hashlib
import importlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

import numba
import numpy as np
import polars as pl

from workbench.backtest.book import Feeds, restored_feeds
from workbench.backtest.engine import Tape
from workbench.backtest.extras import Given
from workbench.backtest.settings import Settings
from workbench.compiled import kernel_hash
from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.market import Candles, show_time
from workbench.trading import Fees, Intensity, Latency, Perpetual, Queue, QueuePosition, Slippage

SHORT = 12
COLUMNS = (("time", "time_ms"), ("rate", "rate"), ("mark", "mark"))
STEPS = ("tick", "lot", "min_amount", "min_notional")


class Card(dict[str, Any]):
    """Fingerprints of a run, as plain values: `json.dumps(card)` works, and `wb.rerun(card)` makes the run again.

    It remembers the candles and the bot of this session, which are not part of its JSON.
    """

    candles: dict[str, Candles]
    finer: dict[str, Candles] | None
    bot: Any
    given: Given | None
    feeds: Feeds | None

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left; white-space:nowrap'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in in_brief(self).items()
        )
        return f"<table>{cells}</table>"


def make_card(
    bot: Any,
    candles: dict[str, Candles],
    finer: dict[str, Candles] | None,
    settings: Settings,
    seed: int,
    tape: Tape,
    given: Given | None = None,
    feeds: Feeds | None = None,
) -> Card:
    """Write down all that decided a result, and a digest of the result itself."""
    facts: dict[str, Any] = {
        "bot": {"class": f"{type(bot).__module__}:{type(bot).__qualname__}", "fingerprint": bot.fingerprint,
                "parameters": bot.model_dump(mode="json")},
        "data": {name: described(one) for name, one in candles.items()},
        "path": None if finer is None else {name: described(one) for name, one in finer.items()},
        "settings": settings.facts(),
        "seed": seed,
        "code": kernel_hash(),
        "environment": environment(),
        "result": digest(tape),
    }  # fmt: skip
    if given is not None:
        facts["funding"] = funding_facts(given)
    if feeds is not None:
        facts["recordings"] = feeds.facts()
    card = Card(facts)
    card.candles, card.finer, card.bot, card.given, card.feeds = candles, finer, bot, given, feeds
    return card


def in_brief(card: Mapping[str, Any]) -> dict[str, str]:
    """A card in a few lines, with the beginnings of its fingerprints."""
    bot, settings, environment = card["bot"], card["settings"], card["environment"]
    lines = {
        "strategy": f"{bot['class'].rpartition(':')[2]}: {listed(bot['parameters'])} · {bot['fingerprint'][:SHORT]}",
        "candles": in_words(card["data"]),
        "walked on": in_words(card["path"]) if card["path"] else "",
        "terms": listed(settings if not card["path"] else {k: v for k, v in settings.items() if k != "path"}),
        "seed": str(card["seed"]),
        "code": f"{card['code'][:SHORT]}, on {listed(environment)}",
        "result": card["result"][:SHORT],
    }
    return {name: text for name, text in lines.items() if text}


def in_words(data: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{one['venue']} {one['instrument']} {one['timeframe']}, {one['bars']:,} bars, {show_time(one['first_ms'])} … "
        f"{show_time(one['last_ms'])} UTC · {one['fingerprint'][:SHORT]}"
        for one in data.values()
    )


def listed(facts: Mapping[str, Any]) -> str:
    """Facts in a row: `cash 10000, fees (maker 0.001, taker 0.001)`."""
    return ", ".join(
        f"{name} ({listed(fact)})" if isinstance(fact, Mapping) else f"{name} {fact}" for name, fact in facts.items()
    )


def described(candles: Candles) -> dict[str, Any]:
    """Where candles came from, the steps that orders are rounded to, and the fingerprint of what they hold."""
    return {
        "venue": candles.venue,
        "instrument": str(candles.instrument),
        "steps": {name: getattr(candles.instrument, name) for name in STEPS},
        "timeframe": candles.timeframe,
        "first_ms": int(candles.time[0]),
        "last_ms": int(candles.time[-1]),
        "bars": len(candles),
        "fingerprint": candles.fingerprint,
    }


def environment() -> dict[str, str]:
    """What the numbers may depend on beside the code: interpreter, libraries, processor."""
    from workbench import __version__

    return {
        "workbench": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "polars": pl.__version__,
        "machine": platform.machine(),
    }


def funding_facts(given: Given) -> dict[str, Any]:
    """What was given of funding, marks and rates: how much, its fingerprint, and where it is missing."""
    stamps = hashlib.sha256(np.ascontiguousarray(given.stamps).tobytes()).hexdigest()
    marks = {name: one.fingerprint for name, one in given.marks.candles.items()} if given.marks else {}
    return {
        "stamps": len(given.stamps),
        "fingerprint": stamps,
        "gaps": [str(gap) for gap in given.gaps],
        "marks": marks,
        "rates": {name: one.fingerprint for name, one in given.rates.candles.items()},
    }


def given_again(card: Mapping[str, Any]) -> dict[str, Any]:
    """Funding and marks of a card, to be given to the same run again.

    Raises
    ------
    ConfigError
        If the run had funding or marks, and this card was made from JSON, which holds their fingerprints alone.
    """
    if "funding" not in card:
        return {}
    given = getattr(card, "given", None)
    facts = card["funding"]
    if given is None:
        if not (facts["stamps"] or facts["marks"] or facts["rates"]):
            return {}
        raise ConfigError(
            "That run had funding, marks or rates, of which a card from JSON keeps the fingerprints alone. Call "
            "wb.backtest with what it was given, or rerun the card in the session that made it."
        )
    names = list(card["data"])
    tables = {
        names[m]: pl.DataFrame(
            {part: given.stamps[given.stamps["market"] == m][field].copy() for part, field in COLUMNS}
        )
        for m in np.unique(given.stamps["market"]).tolist()
    }
    marks = None if given.marks is None else given.marks.candles
    return {"funding": tables or None, "marks": marks, "rates": given.rates.candles or None}


def digest(tape: Tape) -> str:
    """SHA-256 over every bit of equity, fills and executors."""
    parts = hashlib.sha256(np.ascontiguousarray(tape.equity).data)
    for name in ("row", "market", "side", "price", "amount", "fee"):
        parts.update(np.ascontiguousarray(tape.fills[name]).data)
    for name in ("id", "close_type", "entry_value", "exit_value", "closed_row"):
        parts.update(np.ascontiguousarray(tape.executors[name]).data)
    return parts.hexdigest()


def restored(card: Mapping[str, Any]) -> tuple[Any, dict[str, Candles], dict[str, Candles] | None, dict[str, Any]]:
    """The bot, candles, finer candles and settings of a card.

    Raises
    ------
    ConfigError
        If the card is not one, or the strategy cannot be found or has changed.
    DataError
        If the candles are not in the store, or have changed.
    """
    missing = [name for name in ("bot", "data", "settings", "result") if name not in card]
    if missing:
        raise ConfigError(
            f"That is no card: it has no `{missing[0]}`. Pass `result.card`, or the dict made of its JSON."
        )
    bot = getattr(card, "bot", None) or restored_bot(card["bot"])
    candles: Any
    if "recordings" in card:
        candles = list((getattr(card, "feeds", None) or restored_feeds(card["recordings"])).recordings)
    else:
        candles = getattr(card, "candles", None) or restored_candles(card["data"])
    finer = getattr(card, "finer", None) or (restored_candles(card["path"]) if card.get("path") else None)
    terms = dict(card["settings"])
    terms["fees"], terms["slippage"] = Fees(**terms["fees"]), Slippage(**terms["slippage"])
    terms["latency"] = Latency(**terms["latency"])
    terms["cash"] = terms.pop("purses", None) or terms["cash"]
    if "max_rate_age_ms" in terms:
        terms["max_rate_age"] = terms.pop("max_rate_age_ms")
    if isinstance(terms["fill"], Mapping):
        model = dict(terms["fill"])
        terms["fill"] = {one.__name__: one for one in (Queue, Intensity, QueuePosition)}[model.pop("model")](**model)
    if "recordings" in card:
        terms["step"] = next(iter(card["data"].values()))["timeframe"]
    if terms.get("perpetual") is not None:
        terms["perpetual"] = Perpetual(**terms["perpetual"])
    return bot, candles, finer, terms


def restored_bot(facts: Mapping[str, Any]) -> Any:
    module, _, name = facts["class"].partition(":")
    try:
        found: Any = sys.modules[module] if module in sys.modules else importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        raise ConfigError(
            f"The strategy {facts['class']} is not defined here. Run the cell, or import the file, that defines "
            f"it; then call wb.rerun again."
        ) from None
    bot = found(**facts["parameters"])
    if bot.fingerprint != facts["fingerprint"]:
        raise ConfigError(
            f"{name} has changed since that run (fingerprint {bot.fingerprint}, then {facts['fingerprint']}). Bring "
            f"its old source back, or backtest it anew."
        )
    return bot


def restored_candles(data: Mapping[str, Any]) -> dict[str, Candles]:
    from workbench.data import candles as load

    found = {}
    for name, facts in data.items():
        one = load(
            facts["venue"], facts["instrument"], facts["timeframe"], start=facts["first_ms"], end=facts["last_ms"] + 1
        )  # fmt: skip
        if one.fingerprint != facts["fingerprint"]:
            raise DataError(
                f"{name}: the stored candles are not those of that run (fingerprint {one.fingerprint[:12]}…, then "
                f"{facts['fingerprint'][:12]}…). They were ingested anew or repaired since."
            )
        found[name] = replace(one, instrument=replace(one.instrument, **facts.get("steps", {})))
    return found


def compare(card: Mapping[str, Any], again: Mapping[str, Any]) -> None:
    """Raise `BrokenInvariant` if a repeated run is not the same to the bit, with what else differs."""
    if card["result"] == again["result"]:
        return
    other = [name for name in ("code", "environment", "settings", "seed") if card.get(name) != again.get(name)]
    cause = f"What differs beside: {', '.join(other)}." if other else "Nothing else differs: please report it."
    raise BrokenInvariant(
        f"The run came out differently (result {again['result'][:12]}…, then {card['result'][:12]}…). {cause}"
    )
