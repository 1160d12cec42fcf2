"""Several controllers in one run: their wishes written down, their decisions by address, and what became of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.backtest import loop
from workbench.backtest.configs import give_configs
from workbench.backtest.deciding import check_decide, check_written
from workbench.backtest.engine import (
    Array,
    Tape,
    as_pointer,
    grown,
    journals_of,
    locked,
    step_rows,
    tape,
)
from workbench.backtest.loop import PART, Bars, Inputs, Plan
from workbench.backtest.market import Market, as_market
from workbench.backtest.memory import room
from workbench.backtest.wishes import SPARE, as_inputs, as_wishes, wanted_targets
from workbench.controllers import Together, Way
from workbench.errors import ConfigError
from workbench.market import TARGET, TARGET_COLUMNS, Action, Policy, Targets
from workbench.trading import MAX_LEVELS, TICK, Stop, World, equip_rare, new_targets


class Voice(NamedTuple):
    """One bot of several: the market it sees, its places in the whole, and what it says."""

    bot: Any
    market: Market
    places: list[int]  # of its instruments among those of the run
    rows: npt.NDArray[np.int64]  # of its grid in that of the run
    targets: list[Targets]
    plan: Plan | None
    inputs: Inputs | None
    policy: Policy
    levels: int


def as_voice(bot: Any, names: tuple[str, ...], market: Market) -> Voice:
    """What a bot says about its instruments.

    Raises
    ------
    ConfigError
        If it is written in plain Python, or for instruments that the run has not.
    """
    unknown = [name for name in names if name not in market.candles]
    if unknown:
        raise ConfigError(f"There is no instrument {unknown[0]!r} in this run. It has {', '.join(market.names)}.")
    own = as_market({name: market.candles[name] for name in names}) if names else market
    places = [market.names.index(name) for name in own.names]
    closes = own.time + own.timeframe_ms - market.timeframe_ms
    rows = np.searchsorted(market.time, closes).astype(np.int64)
    way = type(bot).authored()
    if way == Way.ON_TICK:
        raise ConfigError(
            f"{bot.name} is written as `on_tick`, and shares no account. Write it as `targets` or `decide`, or run it "
            f"alone."
        )
    if way == Way.TARGETS:
        targets = wanted_targets(bot, own)
        plan, policy, levels = as_plan(targets, own, places, rows)
        return Voice(bot, own, places, rows, targets, plan, None, policy, levels)
    check_decide(bot)
    policy = getattr(bot, "policy", None) or Policy()
    return Voice(bot, own, places, rows, [], None, as_inputs(bot, own), policy, bot.levels)


def as_plan(
    targets: list[Targets], market: Market, places: list[int], rows: npt.NDArray[np.int64]
) -> tuple[Plan, Policy, int]:
    """The rows of targets in which something is wanted, as records; what closes comes before what opens."""
    wishes, out, policy = as_wishes(targets, market)
    terms, shape = wishes.terms[0], (len(market.time), len(out))
    holds = terms["action"] == Action.HOLD
    side = np.broadcast_to(wishes.side, shape)
    wanted = ~np.isnan(np.broadcast_to(wishes.size, shape)) if holds else side != 0
    leaves = np.broadcast_to(wishes.exit, shape) != 0
    said = np.concatenate([np.argwhere(leaves), np.argwhere(wanted)])
    opens = np.arange(len(said)) >= int(leaves.sum())
    order = np.lexsort((opens, said[:, 1], said[:, 0]))
    (at, level), opens = said[order].T, opens[order]
    records = new_records(len(at), terms)
    records["market"] = np.array(places)[wishes.market[level]]
    records["action"] = np.where(opens, terms["action"], Action.CLOSE)
    records["side"] = np.where(opens, side[at, level], 0)
    for name in TARGET_COLUMNS:
        plane = np.broadcast_to(getattr(wishes, name), shape)
        records[name] = np.where(opens, plane[at, level], np.nan)
    return Plan(locked(rows[at]), locked(level.astype(np.int64)), locked(records)), policy, len(out)


def new_records(count: int, terms: Any) -> Array:
    records = np.zeros(count, TARGET)
    records[:] = terms
    return records


# The run ----------------------------------------------------------------------------------------------------------


def voices_of(bot: Together, market: Market) -> list[Voice]:
    """What each bot says, once all fit into one world."""
    names = bot.instruments or ((),) * len(bot.bots)
    voices = [as_voice(one, own, market) for one, own in zip(bot.bots, names, strict=True)]
    levels = sum(one.levels for one in voices)
    if levels > MAX_LEVELS:
        raise ConfigError(f"Together: {levels} levels of all bots. One account has at most {MAX_LEVELS}.")
    return voices


def run_voices(bot: Together, voices: list[Voice], world: World, bars: Bars, timeframe_ms: int, market: Market) -> Tape:
    """One pass of the engine, in which they decide in order."""
    if world["purses"]["hedge"].any():
        raise ConfigError("Several bots share a one-way account. Leave `hedge` out, or backtest them one by one.")
    parts = place_voices(world, bot, voices, market)
    inputs, asks = all_inputs(voices, parts, len(market.time))
    plan = all_plans(voices, parts)
    whole, n_rows = new_targets(MAX_LEVELS), len(bars.time)
    out = whole[: sum(one.levels for one in voices)]
    equity, tick, pnls = room(n_rows, np.float64), np.zeros(1, TICK), np.zeros((len(voices), n_rows))
    journals = journals_of(world, n_rows)
    equip_rare(world)
    row = 0
    while row < n_rows:
        row = step_rows(
            world, tick, journals, bars, timeframe_ms, plan, inputs, asks, parts, pnls, out, equity, row, n_rows,
            kernel=loop.run_together,
        )  # fmt: skip
        if row < n_rows:
            journals = grown(journals)
    for voice, part in zip(voices, parts, strict=True):
        if part["address"] and voice is voices[-1]:
            check_written(Written(voice.bot, len(out)), whole)
    return replace(tape(world, journals, equity, bars), pnls=pnls)


class Written:
    """The last bot, as one whose levels end where those of all end."""

    def __init__(self, bot: Any, levels: int) -> None:
        self.bot, self.levels = bot, levels


def place_voices(world: World, bot: Together, voices: list[Voice], market: Market) -> Array:
    """Give each its levels, policy, configs and stop; and the loop what it needs to call it."""
    parts, level = np.zeros(len(voices), PART), 0
    configs: list[Any] = []
    world["n_controllers"], world["max_drawdown"] = len(voices), bot.max_global_drawdown_quote or 0.0
    world["tells_levels"] = 1
    for place, voice in enumerate(voices):
        one, part = world["controllers"][0, place : place + 1], parts[place : place + 1]
        one["first_level"], one["n_levels"], one["max_drawdown"] = level, voice.levels, bot.drawdowns[place]
        for name in world["policy"].dtype.names or ():
            one["policy"][name] = getattr(voice.policy, name)
        world["owners"][0, level : level + voice.levels] = place
        part["first_level"], part["n_levels"], part["first_config"] = level, voice.levels, len(configs)
        part["n_markets"] = len(voice.places)
        part["markets"][0, : len(voice.places)] = voice.places
        if voice.plan is None:
            part["address"] = as_pointer(voice.bot.decide).address
            configs += list(voice.bot.executors())
        level += voice.levels
    give_configs(world, configs, market.names)
    return parts


def all_inputs(voices: list[Voice], parts: Array, n_rows: int) -> tuple[Inputs, Array]:
    """The columns of all that decide, on the rows of the run; and in which rows each is asked."""
    asks = np.zeros((len(voices), n_rows), np.int8)
    columns, places, numbers, first = [], [], [], 0
    for voice, part, asked in zip(voices, parts, asks, strict=True):
        if voice.inputs is None:
            continue
        asked[voice.rows] = 1
        given = voice.inputs
        plane = np.full((given.columns.shape[0], n_rows), np.nan)
        plane[:, voice.rows] = given.columns
        columns.append(plane)
        places.append(given.places + first)
        numbers.append(np.concatenate([given.row, np.full(SPARE, np.nan)]))
        part["first_number"], part["n_numbers"] = first, len(given.row)
        first += len(numbers[-1])
    whole = np.concatenate(columns) if columns else np.zeros((0, n_rows))
    at = np.concatenate(places) if places else np.zeros(0, np.int64)
    row = np.concatenate(numbers) if numbers else np.zeros(0)
    return Inputs(locked(np.ascontiguousarray(whole)), locked(at.astype(np.int64)), row), locked(asks)


def all_plans(voices: list[Voice], parts: Array) -> Plan:
    """What those that do not decide have written down, in order of row, then bot; levels are those of the run."""
    plans = [(voice.plan, part) for voice, part in zip(voices, parts, strict=True) if voice.plan is not None]
    if not plans:
        return Plan(locked(np.zeros(0, np.int64)), locked(np.zeros(0, np.int64)), locked(np.zeros(0, TARGET)))
    rows = np.concatenate([plan.rows for plan, _ in plans])
    levels = np.concatenate([plan.levels + part["first_level"] for plan, part in plans])
    targets = np.concatenate([plan.targets for plan, _ in plans])
    order = np.argsort(rows, kind="stable")
    return Plan(locked(rows[order]), locked(levels[order]), locked(targets[order]))


# What became of each ----------------------------------------------------------------------------------------------


def controllers_frame(tape: Tape, names: tuple[str, ...], time_ms: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Each bot as it ended: its PnL in the run's currency, its fills, and when and by which stop it was stopped."""
    count = int(tape.world["n_controllers"][0])
    found, owners = tape.world["controllers"][0][:count], tape.world["owners"][0]
    mine = owners[np.maximum(tape.fills["level"], 0)]
    mine = np.where(tape.fills["level"] >= 0, mine, -1)
    stopped = np.where(found["stopped_row"] >= 0, time_ms[np.maximum(found["stopped_row"], 0)], -1)
    words = {Stop.NONE: None, Stop.OWN: "its own drawdown", Stop.ALL: "the drawdown of all"}
    return pl.DataFrame(
        {
            "controller": list(names),
            "pnl": found["pnl"].copy(),
            "peak": found["peak"].copy(),
            "fills": [int((mine == place).sum()) for place in range(count)],
            "stopped": pl.Series([None if one < 0 else int(one) for one in stopped], dtype=pl.Int64).cast(
                pl.Datetime("ms", "UTC")
            ),
            "stopped_by": pl.Series([words[Stop(int(one))] for one in found["stopped"]], dtype=pl.String),
        }
    )


def accounts_frame(tape: Tape, names: tuple[str, ...], bars: Bars) -> pl.DataFrame:
    """The PnL of each bot at each close, a column for each; their sum is the change of equity."""
    times = pl.Series(np.ascontiguousarray(bars.time)).cast(pl.Datetime("ms", "UTC"))
    pnls = np.zeros((len(names), 0)) if tape.pnls is None else tape.pnls
    return pl.DataFrame({"time": times, **dict(zip(names, pnls, strict=True))})
