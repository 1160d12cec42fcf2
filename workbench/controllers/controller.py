"""A strategy is a value: a controller is its parameters, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar, NoReturn, Self

import numpy as np
from numba.core.dispatcher import Dispatcher
from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.controllers import fingerprint as prints
from workbench.controllers.executors import Executor
from workbench.controllers.refusal import refusal, unknown
from workbench.errors import ConfigError
from workbench.market import Targets


class Way(StrEnum):
    """How a strategy says what it wants: the name of the method that it defines."""

    TARGETS = "targets"
    DECIDE = "decide"
    ON_TICK = "on_tick"


class Controller(BaseModel):
    """Base of every strategy: parameters with defaults and bounds, and one method that says what it wants.

    A controller holds no state, no clock and no connection, so the same object can be backtested, swept, journalled and
    traded. Parameters are annotated class attributes; `Field`, `Fraction` and `Duration` say what they may be. Two
    controllers of one class with the same parameters are equal, hash alike and have the same `fingerprint`.

    **Way 1: `targets(self, candles) -> Targets`.** Columns in, columns out. Row *t* may use bars up to and including
    *t*, and is acted on once bar *t* has closed. The shortest to write and the fastest; `Directional` builds on it. ::

        class Dip(Controller):
            drop: Fraction = 0.02

            def targets(self, candles):
                change = np.diff(candles.close, prepend=np.nan) / candles.close
                return Targets.at_market(np.where(change < -self.drop, BUY, FLAT), stop_loss=0.02, take_profit=0.02)

    **Way 2: `columns` and a compiled `decide`.** For what depends on the path: inventory, what is open, equity.
    `columns(self, candles)` returns a tuple of arrays of shape (n_bars,) or plain numbers, causal like targets.
    `decide(row, world, out)` is a static compiled function, called once a bar has closed: `row` is a 1-D float64 array
    with this bar's value of each column, in order (a number stands for a column of itself); `world` a record with
    `time_ms`, `row`, `last`, `position`, `entry`, `quote`, `equity`, `open_long`, `open_short`; `out` an array of
    `levels` records `TARGET`, empty at each call, to fill in. ::

        class Quoter(Controller):
            spread: Fraction = 0.001
            levels: ClassVar[int] = 2

            def columns(self, candles):
                return candles.close, self.spread

            @staticmethod
            @compiled
            def decide(row, world, out):
                for level in range(2):
                    side = 1 - 2 * level
                    out[level].action = Action.QUOTE
                    out[level].side = side
                    out[level].price = row[0] * (1.0 - side * row[1])
                    out[level].size = 0.01

    With `executors(self)` a `decide` can create more than positions: `out[level].action = Action.CREATE`, `executor` an
    `ExecutorKind`, `config` its place in that list, `side`, and `price` and `size` that its prices and amounts are
    multiplied by (NaN: taken as they are). `Action.STOP` ends what works at a level; `keep = 1` leaves what it holds.
    `world.levels[level]` has the `phase`, `close_type`, `created_ms`, `closed_ms` and `pnl` of the last one made there.

    **Way 3: `on_tick(self, context)`.** Plain Python, for thinking and debugging: the same engine, a thousand times
    slower.

    Raises
    ------
    ConfigError
        If a parameter is unknown, missing or out of range; if a class defines two of the three ways.

    Examples
    --------
    >>> bot = SmaCross(fast=10, slow=30)
    >>> bot.vary(slow=50)
    SmaCross(fast=10, slow=50)
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        defer_build=True,
        ignored_types=(Dispatcher,),
    )

    levels: ClassVar[int] = 1
    """Way 2: how many records of `out` a decision may fill; a property, where parameters say how many."""

    def __init__(self, /, *unnamed: Any, **parameters: Any) -> None:
        cls = type(self)
        if unnamed:
            raise ConfigError(f"{cls.__name__} takes its parameters by name: {', '.join(cls.model_fields) or 'none'}.")
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in parameters.items()}
        try:
            super().__init__(**plain)
        except ValidationError as error:
            raise refusal(cls.__name__, cls.model_fields, error) from None
        self._check_choices()
        self.check()

    def check(self) -> None:
        """Raise `ConfigError` if the parameters do not fit together; override it, and call `super().check()`."""

    def vary(self, **changes: Any) -> Self:
        """The same strategy with other parameters, validated."""
        return type(self)(**self.parameters | changes)

    @property
    def name(self) -> str:
        """Name of the class."""
        return type(self).__name__

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits over the text of the class (and of the classes it builds on) and the parameters."""
        classes = [cls for cls in type(self).__mro__ if issubclass(cls, Controller) and cls is not Controller]
        return prints.fingerprint(classes, self.model_dump(mode="json"))

    def targets(self, candles: Any) -> Targets:
        """Way 1: what is wanted in each row, from candles (or from a dict of them, one per market)."""
        return self._not_authored()

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """Way 2: the columns that `decide` reads, as arrays of shape (n_bars,) or plain numbers."""
        return ()

    def executors(self) -> Sequence[Executor]:
        """Way 2: the executors that `decide` may create, which `out[level].config` counts from 0."""
        return ()

    @staticmethod
    def decide(row: Any, world: Any, out: Any) -> None:
        """Way 2: fill in `out` from one row and the state of the world; compiled, so it cannot see `self`."""

    def on_tick(self, context: Any) -> Any:
        """Way 3: what is wanted now, in plain Python."""
        return self._not_authored()

    @classmethod
    def authored(cls) -> Way:
        """Which of the three ways this class defines.

        Raises
        ------
        ConfigError
            If it defines none, more than one, or `columns` without `decide`.
        """
        ways = [way for way in Way if getattr(cls, way) is not getattr(Controller, way)]
        if len(ways) > 1:
            raise ConfigError(f"{cls.__name__} defines {' and '.join(f'`{way}`' for way in ways)}. Keep one of them.")
        if cls.columns is not Controller.columns and ways != [Way.DECIDE]:
            raise ConfigError(
                f"{cls.__name__} defines `columns`, which only a compiled `decide(row, world, out)` reads. "
                f"Add `decide`, or return `targets` instead."
            )
        if not ways:
            raise ConfigError(
                f"{cls.__name__} does not say what it wants. Define `targets(self, candles)`, or `columns` and a "
                f"compiled `decide(row, world, out)`, or `on_tick(self, context)`."
            )
        cls._check_decide()
        return ways[0]

    @classmethod
    def _check_decide(cls) -> None:
        function = getattr(cls.decide, "py_func", cls.decide)
        taken = function.__code__.co_varnames[: function.__code__.co_argcount]
        if len(taken) != 3:
            raise ConfigError(
                f"{cls.__name__}: `decide` takes ({', '.join(taken)}). It must take (row, world, out), under "
                f"`@staticmethod` and `@compiled`."
            )

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Refuse at once, in the cell that defines it, a class that cannot work."""
        taken = [name for name in cls.model_fields if hasattr(Controller, name)]
        if taken:
            raise ConfigError(
                f"{cls.__name__} has a parameter `{taken[0]}`, a name that every controller uses itself. Rename it."
            )
        if isinstance(cls.levels, int) and cls.levels < 1:
            raise ConfigError(f"{cls.__name__}: `levels` is {cls.levels}. It must be at least 1.")
        if any(getattr(cls, way) is not getattr(Controller, way) for way in Way):
            cls.authored()

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """A controller from a mapping of parameters, such as `model_dump` gives."""
        return obj if isinstance(obj, cls) else cls(**obj)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """A controller from the text that `model_dump_json` gives."""
        import json

        return cls(**json.loads(json_data))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields:
            raise ConfigError(f"{self.name} is frozen. Write `bot.vary({name}={value!r})` for another one.")
        if not name.startswith("_"):
            raise ConfigError(unknown(self.name, name, type(self).model_fields) + " A controller holds no state.")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> Any:
        """The parameters that its class adds, and of the others those that are not at their default."""
        fields = type(self).model_fields
        inherited = {name for base in type(self).__mro__[1:] for name in getattr(base, "__annotations__", {})}
        yield from ((name, getattr(self, name)) for name in fields if name not in inherited)
        for name in fields:
            # A default such as "5m" is compared as it prints: only the value has been through validation.
            if name in inherited and repr(getattr(self, name)) != repr(fields[name].get_default()):
                yield name, getattr(self, name)

    def _check_choices(self) -> None:
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            choices: Any = extra.get("choices") if isinstance(extra, dict) else None
            if choices and getattr(self, name) not in choices:
                shown = ", ".join(map(repr, choices))
                raise ConfigError(f"{self.name}: `{name}` is {getattr(self, name)!r}. Choose one of {shown}.")

    def _not_authored(self) -> NoReturn:
        way = type(self).authored()
        raise ConfigError(
            f"{self.name} is written as `{way}`. Give it to `workbench.backtest`, which knows how to run it."
        )
