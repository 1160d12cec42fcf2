"""Which combinations a sweep runs: axes by name, all of them, a sample of them, or a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.market import Candles

Codes = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]
TERMS = (
    "cash", "account", "leverage", "fees", "slippage", "latency", "path", "fill", "participation", "perpetual",
    "funding", "marks", "funding_gaps", "rates", "max_rate_age",
)  # fmt: skip
DATA = ("candles", "period")
MOST = 100_000_000
SAMPLINGS = ("random", "latin")


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is varied: its name and the values that it takes, without repeats."""

    name: str
    values: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Grid:
    """Combinations of the values of some axes, numbered from 0.

    `codes` has shape (n_combinations, n_axes) and says which value of each axis a combination takes; None: every one
    with every other, the last axis running fastest.
    """

    axes: tuple[Axis, ...]
    codes: Codes | None = None

    def __len__(self) -> int:
        return int(np.prod([len(axis) for axis in self.axes])) if self.codes is None else len(self.codes)

    @property
    def names(self) -> list[str]:
        return [axis.name for axis in self.axes]

    def rows(self, numbers: Rows) -> Codes:
        """The codes of some combinations, of shape (len(numbers), n_axes)."""
        if self.codes is not None:
            return self.codes[numbers]
        shape = tuple(len(axis) for axis in self.axes)
        return np.stack(np.unravel_index(numbers, shape), axis=1).astype(np.int32)

    def row(self, number: int) -> Codes:
        """The codes of one combination, of shape (n_axes,)."""
        return self.rows(np.array([number]))[0]

    def values(self, number: int) -> dict[str, Any]:
        """What one combination sets."""
        return self.at(self.row(number))

    def at(self, codes: Sequence[int] | Codes) -> dict[str, Any]:
        """What a row of codes sets."""
        return {axis.name: axis.values[code] for axis, code in zip(self.axes, codes, strict=True)}


def as_grid(given: Any, parameters: Iterable[str], *, owner: str, sample: int | None, sampling: str, seed: int) -> Grid:
    """A grid from what a person writes: a mapping of names to values, or a list of mappings.

    Parameters
    ----------
    given
        `{"length": range(10, 200), "stop_loss": [0.01, 0.02]}`: every value with every other. A pair such as
        `(0.005, 0.05)` is an interval, and needs a `sample`. `[{"length": 10}, {"length": 50}]`: those alone.
    parameters : names that `owner`, the controller, has
    sample : int, optional
        Draw that many combinations instead of taking all.
    sampling : "random" or "latin"
        Independently and without repeats, or a Latin hypercube: each axis is cut into `sample` equal parts, and each
        part is hit once.
    seed : int
        Of the draw.

    Raises
    ------
    ConfigError
        An empty grid, a name that neither the controller nor the backtest knows, values that are none.
    """
    if sampling not in SAMPLINGS:
        raise ConfigError(f"`sampling` is {sampling!r}. Choose one of {', '.join(map(repr, SAMPLINGS))}.")
    known = [*parameters, *TERMS, *DATA]
    if isinstance(given, Mapping):
        check_names(given, known, owner)
        if sample is not None:
            return sampled(given, sample, sampling, seed)
        return product(tuple(Axis(name, listed(name, values)) for name, values in given.items()))
    if isinstance(given, Sequence) and not isinstance(given, str):
        return chosen(given, known, owner)
    raise ConfigError(
        f"The grid is a {type(given).__name__}. Give a mapping of names to values, such as "
        f'{{"length": range(10, 200)}}.'
    )


def check_names(given: Mapping[str, Any], known: Sequence[str], owner: str) -> None:
    """Refuse an empty grid and names that nobody knows."""
    if not given:
        raise ConfigError('The grid is empty. Name something to vary: {"length": range(10, 200)}.')
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            guess = f"did you mean `{near[0]}`?" if near else "check the spelling."
            raise ConfigError(
                f"{owner} has no parameter `{name}`: {guess} A grid varies parameters of the controller, the terms "
                f"{', '.join(TERMS)}, or {' and '.join(DATA)}. {owner} has {', '.join(known[: -len(TERMS + DATA)])}."
            )


def product(axes: tuple[Axis, ...]) -> Grid:
    """Every value with every other."""
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > MOST:
        raise ConfigError(f"The grid has {count:,} combinations, more than {MOST:,}. Take a `sample` of it.")
    return Grid(axes)


def listed(name: str, values: Any) -> tuple[Any, ...]:
    """The values of an axis, as Python's own numbers, each once."""
    if is_interval(values):
        raise ConfigError(
            f"`{name}` is {values!r}, an interval without steps. Draw from it with `sample=500`, or list its values "
            f"in brackets: [{values[0]!r}, {values[1]!r}]."
        )
    return choices(name, values)


def choices(name: str, values: Any) -> tuple[Any, ...]:
    if name == "candles" and isinstance(values, Mapping):
        values = list(values.items())
    elif isinstance(values, str | bytes | Mapping | Candles) or not isinstance(values, Iterable):
        raise ConfigError(f"`{name}` is {values!r}, one value. Give several, in brackets: [{values!r}].")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    kept: list[Any] = []
    seen: set[str] = set()
    for value in plain:
        key = f"{type(value).__name__} {value!r}" if not isinstance(value, tuple) else str(value)
        if key not in seen:
            seen.add(key)
            kept.append(value)
    if not kept:
        raise ConfigError(f"`{name}` has no values, so there is nothing to run. Give at least one.")
    return tuple(kept)


def is_interval(values: Any) -> bool:
    """Is this a pair of numbers, the lower one first: all between them?"""
    numeric = isinstance(values, tuple) and len(values) == 2 and all(is_number(value) for value in values)
    return numeric and values[0] < values[1]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def chosen(given: Sequence[Any], known: Sequence[str], owner: str) -> Grid:
    """The combinations of a list, in its order; what one leaves out, it leaves as the controller has it."""
    if not given:
        raise ConfigError('The list of combinations is empty. Give at least one: [{"length": 50}].')
    names: list[str] = []
    for one in given:
        if not isinstance(one, Mapping):
            raise ConfigError(f"The list of combinations holds {one!r}. Give mappings: [{{'length': 50}}].")
        check_names(one, known, owner)
        names += [name for name in one if name not in names]
    short = next((one for one in given if len(one) < len(names)), None)
    if short is not None:
        missing = next(name for name in names if name not in short)
        raise ConfigError(f"The combination {dict(short)!r} does not say `{missing}`, which others do. Say it in each.")
    axes = tuple(Axis(name, choices(name, [one[name] for one in given])) for name in names)
    places = [{_key(value): code for code, value in enumerate(axis.values)} for axis in axes]
    codes = [[place[_key(one[name])] for name, place in zip(names, places, strict=True)] for one in given]
    return Grid(axes, np.array(codes, np.int32))


def _key(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    return f"{type(plain).__name__} {plain!r}"


def sampled(given: Mapping[str, Any], sample: int, sampling: str, seed: int) -> Grid:
    """A number of combinations drawn from a grid, intervals and all."""
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise ConfigError(f"`sample` is {sample!r}. Give the number of combinations to draw, 1 or more.")
    rng = np.random.default_rng(seed)
    discrete = not any(is_interval(values) for values in given.values())
    if sampling == "random" and discrete:
        whole = product(tuple(Axis(name, listed(name, values)) for name, values in given.items()))
        if sample >= len(whole):
            return whole
        numbers = np.sort(rng.choice(len(whole), sample, replace=False))
        return Grid(whole.axes, whole.rows(numbers))
    columns = [spread(rng, sample) if sampling == "latin" else rng.random(sample) for _ in given]
    axes, codes = zip(*(drawn(name, values, u) for (name, values), u in zip(given.items(), columns, strict=True)),
                      strict=True)  # fmt: skip
    return Grid(tuple(axes), np.unique(np.stack(codes, axis=1), axis=0).astype(np.int32))


def spread(rng: np.random.Generator, sample: int) -> npt.NDArray[np.float64]:
    """One number in each of `sample` equal parts of [0, 1), shuffled."""
    return (rng.permutation(sample) + rng.random(sample)) / sample


def drawn(name: str, values: Any, u: npt.NDArray[np.float64]) -> tuple[Axis, Codes]:
    """Values of an axis for numbers in [0, 1), and which one each gets."""
    if is_interval(values):
        low, high = values
        if isinstance(low, int) and isinstance(high, int):
            points: npt.NDArray[Any] = low + np.floor(u * (high - low + 1)).astype(np.int64)
        else:
            points = low + u * (high - low)
        distinct, codes = np.unique(points, return_inverse=True)
        return Axis(name, tuple(distinct.tolist())), codes.astype(np.int32)
    axis = Axis(name, choices(name, values))
    return axis, np.floor(u * len(axis)).astype(np.int32)
