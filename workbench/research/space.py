"""What a combination of a grid means: a bot, terms and candles that can be run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from workbench.backtest import Settings, as_settings
from workbench.compiled import kernel_hash
from workbench.controllers import Controller
from workbench.errors import ConfigError, DataError, WorkbenchError
from workbench.market import Candles
from workbench.research.grid import DATA, TERMS, Axis, Grid, as_grid

Case = dict[str, Candles]


@dataclass(frozen=True, slots=True)
class Combination:
    """One thing to run: a bot, the terms of its backtest, and the candles by name."""

    bot: Controller
    terms: dict[str, Any]
    candles: Case
    settings: Settings

    @property
    def only(self) -> Candles:
        """The candles of the only instrument."""
        return next(iter(self.candles.values()))


@dataclass(frozen=True)
class Space:
    """A bot, a grid over it, the candles and the terms that all combinations share.

    Attributes
    ----------
    candles : Candles, or a dict or list of them, as `backtest` takes them; None where an axis `candles` gives them
    terms : dict
        Terms of `backtest` that are not varied.
    """

    bot: Controller
    grid: Grid
    candles: Any
    terms: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.grid)

    @cached_property
    def parameter_axes(self) -> list[str]:
        own = type(self.bot).model_fields
        return [name for name in self.grid.names if name in own]

    @cached_property
    def cases(self) -> dict[tuple[int, int], Case | DataError]:
        """The candles of each value of `candles` and `period`; what cannot be had is the error that says so."""
        wide, periods = self.axis("candles"), self.axis("period")
        return {
            (c, p): as_case(self.candles if wide is None else wide.values[c][1], periods.values[p] if periods else None)
            for c in range(len(wide) if wide else 1)
            for p in range(len(periods) if periods else 1)
        }

    def axis(self, name: str) -> Axis | None:
        """The axis of that name, where it is one of the data and not a parameter of the bot."""
        own = name in self.parameter_axes
        return None if own else next((axis for axis in self.grid.axes if axis.name == name), None)

    def case(self, codes: Any) -> tuple[int, int]:
        """Which candles a row of codes runs on."""
        first, second = self._data_places
        return 0 if first is None else int(codes[first]), 0 if second is None else int(codes[second])

    @cached_property
    def _data_places(self) -> tuple[int | None, int | None]:
        first, second = (None if self.axis(name) is None else self.grid.names.index(name) for name in DATA)
        return first, second

    @cached_property
    def _own_places(self) -> list[tuple[int, str]]:
        return [(place, name) for place, name in enumerate(self.grid.names) if name in self.parameter_axes]

    @cached_property
    def _term_places(self) -> list[tuple[int, Axis]]:
        own = set(self.parameter_axes)
        return [
            (place, axis) for place, axis in enumerate(self.grid.axes) if axis.name in TERMS and axis.name not in own
        ]

    def at(self, number: int) -> Combination:
        """The combination of a number; raises as `combination` does."""
        return self.combination(self.grid.row(number))

    def combination(self, codes: Any) -> Combination:
        """The combination of a row of codes, validated.

        Raises
        ------
        ConfigError, DataError
            If there cannot be such a one; nothing has been run.
        """
        candles = self.cases[self.case(codes)]
        if isinstance(candles, DataError):
            raise candles
        return Combination(self.bot_of(codes), self.terms_of(codes), candles, self._settings_of(codes, candles))

    def bot_of(self, codes: Any) -> Controller:
        """The bot of a row of codes."""
        changes = {name: self.values[name][codes[place]] for place, name in self._own_places}
        for value in changes.values():
            if isinstance(value, ConfigError):
                raise value
        return self.bot.vary(**changes) if self.is_guarded else self._made(changes)

    def _made(self, changes: dict[str, Any]) -> Controller:
        # Each value has been through its field's own validation; only how they fit together is left to check.
        bot = type(self.bot).model_construct(**{**self._parameters, **changes})
        bot.check()
        return bot

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        return self.bot.parameters

    @cached_property
    def is_guarded(self) -> bool:
        """Does the class have validators of its own, which only `vary` asks?"""
        guards = type(self.bot).__pydantic_decorators__
        return bool(guards.model_validators or guards.field_validators or guards.validators or guards.root_validators)

    @cached_property
    def values(self) -> dict[str, list[Any]]:
        """Values of the axes as the controller takes them; one that it refuses is the error that says so."""
        return {axis.name: [self._taken(axis.name, value) for value in axis.values]
                for axis in self.grid.axes if axis.name in self.parameter_axes}  # fmt: skip

    def _taken(self, name: str, value: Any) -> Any:
        info = type(self.bot).model_fields[name]
        try:
            taken = adapter(type(self.bot), name).validate_python(value)
            extra = info.json_schema_extra
            allowed = extra.get("choices") if isinstance(extra, dict) else None
            refused = bool(allowed) and taken not in allowed  # type: ignore[operator]
        except ValidationError:
            refused = True
        if not refused:
            return taken
        try:
            self.bot.vary(**{name: value})  # says it in words
        except ConfigError as error:
            return error
        return taken

    def terms_of(self, codes: Any) -> dict[str, Any]:
        """The terms of a row of codes, as keywords of `backtest`."""
        return {**self.terms, **{axis.name: axis.values[codes[place]] for place, axis in self._term_places}}

    def _settings_of(self, codes: Any, candles: Case) -> Settings:
        key = (*self.case(codes), *(int(codes[place]) for place, _ in self._term_places))
        if key not in self._settings:
            instruments = [one.instrument for one in candles.values()]
            self._settings[key] = settings_of(self.terms_of(codes), instruments)
        return self._settings[key]

    @cached_property
    def _settings(self) -> dict[tuple[int, ...], Settings]:
        return {}

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits over all that decides the table: strategy, grid, candles, terms, code."""
        facts = {
            "search": self.search,
            "candles": [
                str(case) if isinstance(case, DataError) else {name: one.fingerprint for name, one in case.items()}
                for case in self.cases.values()
            ],
            "steps": [
                "" if isinstance(case, DataError) else [repr(one.instrument) for one in case.values()]
                for case in self.cases.values()
            ],
            "terms": {name: worded(value) for name, value in self.terms.items()},
            "code": kernel_hash(),
        }
        return digest(facts)

    @cached_property
    def search(self) -> str:
        """Sixteen hex digits over what was tried: strategy and grid, whatever the candles and the code."""
        codes = self.grid.codes
        return digest({
            "bot": self.bot.fingerprint,
            "class": type(self.bot).__qualname__,
            "axes": [[axis.name, [worded(value) for value in axis.values]] for axis in self.grid.axes],
            "codes": None if codes is None else hashlib.sha256(codes.tobytes()).hexdigest(),
        })  # fmt: skip


def digest(facts: dict[str, Any]) -> str:
    """Sixteen hex digits over facts that are JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


ADAPTERS: dict[tuple[type, str], TypeAdapter[Any]] = {}


def adapter(cls: type[Controller], name: str) -> TypeAdapter[Any]:
    """What validates one field of a controller alone."""
    if (cls, name) not in ADAPTERS:
        from typing import Annotated

        info = cls.model_fields[name]
        kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        ADAPTERS[cls, name] = TypeAdapter(kind, config={"allow_inf_nan": False})
    return ADAPTERS[cls, name]


def as_space(
    bot: Any, grid: Any, candles: Any, *, sample: int | None, sampling: str, seed: int, terms: Mapping[str, Any]
) -> Space:
    """A space from what a person writes.

    Raises
    ------
    ConfigError
        A bot that is none, an empty grid, names that nobody knows, terms that cannot be.
    """
    check_bot(bot)
    unknown = next((name for name in terms if name not in TERMS), None)
    if unknown is not None:
        raise ConfigError(f"A sweep knows no term `{unknown}`. It has {', '.join(TERMS)}.")
    known = as_grid(grid, type(bot).model_fields, owner=bot.name, sample=sample, sampling=sampling, seed=seed)
    own = set(type(bot).model_fields)
    space = Space(bot, replace(known, axes=tuple(labelled(axis, own) for axis in known.axes)), candles, dict(terms))
    if candles is None and space.axis("candles") is None:
        raise ConfigError("No candles are given. Pass them as the third argument, or as an axis `candles`.")
    both = next((name for name in terms if name in known.names), None)
    if both is not None:
        raise ConfigError(f"`{both}` is varied by the grid and given as a term too. Keep one of them.")
    settings_of(space.terms, [])
    errors = [case for case in space.cases.values() if isinstance(case, DataError)]
    if len(errors) == len(space.cases):
        raise errors[0]
    return space


def check_bot(bot: Any) -> None:
    """Say what is wrong with what was given as a bot, if it is none."""
    if isinstance(bot, Controller):
        type(bot).authored()
        return
    if isinstance(bot, type) and issubclass(bot, Controller):
        raise ConfigError(f"`bot` is the class {bot.__name__}. Make one of it: {bot.__name__}().")
    raise ConfigError(f"`bot` is a {type(bot).__name__}. Give a controller, as in wb.controllers.Bollinger(length=50).")


def labelled(axis: Axis, own: set[str]) -> Axis:
    """The axis `candles` with a name for each of its values."""
    if axis.name != "candles" or axis.name in own:
        return axis
    pairs = [value if isinstance(value, tuple) else (label(value), value) for value in axis.values]
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f'Two values of `candles` are called {twice!r}. Name them: {{"early": candles[:1000], …}}.')
    return Axis(axis.name, tuple(pairs))


def label(candles: Any) -> str:
    """What candles are called in a table."""
    if isinstance(candles, Candles):
        return str(candles.instrument)
    try:
        return ", ".join(str(one.instrument) for one in members(candles).values())
    except WorkbenchError:
        return repr(candles)


def members(candles: Any) -> Case:
    """Candles by name, of what `backtest` takes: one table, a list or a mapping of them."""
    if isinstance(candles, Candles):
        return {str(candles.instrument): candles}
    if isinstance(candles, Mapping):
        return {str(name): one for name, one in candles.items()}
    if isinstance(candles, list | tuple):
        return {f"{place} {getattr(one, 'instrument', '')}": one for place, one in enumerate(candles)}
    raise ConfigError(
        f"`candles` is a {type(candles).__name__}, and no table of candles. Read them first: "
        f'wb.candles("binance", "BTC/USDT", "1h").'
    )


def as_case(candles: Any, period: Any) -> Case | DataError:
    """Candles by name, cut to a period; where nothing is left, the error that says so."""
    case = members(candles)
    for name, one in case.items():
        if not isinstance(one, Candles):
            raise ConfigError(f"`candles` holds a {type(one).__name__} under {name!r}, and no table of candles.")
    if period is None:
        cut = case
    else:
        edges = period if isinstance(period, tuple) else (period, following(period))
        cut = {name: one[slice(*edges)] for name, one in case.items()}
    empty = next((one for one in cut.values() if not len(one)), None)
    if empty is None:
        return cut
    wanted = "" if period is None else f" in the period {worded(period)}"
    return DataError(f"{empty.instrument} has no bars{wanted}. Choose a range with data; candles are {case}.")


def following(period: Any) -> str | None:
    """The end of a period that is written as a year, a month or a day: "2023" ends where 2024 begins."""
    import datetime

    parts = [int(part) for part in str(period).split("-")] if str(period).replace("-", "").isdigit() else []
    if len(parts) == 1:
        return str(parts[0] + 1)
    if len(parts) == 2:
        return f"{parts[0] + parts[1] // 12}-{parts[1] % 12 + 1:02d}"
    if len(parts) == 3:
        return str(datetime.date(*parts) + datetime.timedelta(days=1))
    raise ConfigError(f'The period {period!r} is none. Write "2023", "2023-04", or a pair ("2023-01", "2023-07").')


def settings_of(terms: Mapping[str, Any], instruments: list[Any]) -> Settings:
    """The terms as `backtest` understands them, with what is left out as it would choose it.

    Raises
    ------
    ConfigError
        Terms that cannot be.
    """
    given = dict(terms)
    if not instruments and given.get("leverage", 1.0) != 1.0:
        given["account"] = "margin"  # what the account is shows with the candles
    return as_settings(instruments, **given)


def worded(value: Any) -> str:
    """A value as text: the same for the same value in every process."""
    if isinstance(value, Candles):
        return f"{label(value)} {value.timeframe} {value.fingerprint[:12]}"
    if isinstance(value, pl.DataFrame):
        return hashlib.sha256(value.write_csv().encode()).hexdigest()[:12]
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {worded(one)}" for name, one in value.items())
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[1], str | int | float | type(None)):
        return str(value[0])
    if isinstance(value, tuple):
        return " … ".join("" if one is None else str(one) for one in value)
    return str(value)
