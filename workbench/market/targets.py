"""Targets: what a controller wants, a row per bar and a column per level."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.market.codes import Action, OrderKind, Sizing
from workbench.market.timeframe import as_milliseconds

Column = npt.ArrayLike
TARGET_COLUMNS = ("price", "trigger", "size", "stop_loss", "take_profit", "trailing_activation", "trailing_delta")


@dataclass(frozen=True, slots=True)
class Policy:
    """How targets become executors.

    `max_per_side` executors may be open on one side of a market at once; a new one waits `cooldown_ms` after the last
    one of its side was created; `close_on_opposite` stops the other side's executors first. Barriers count
    `net_of_fees` or by price alone, and the take profit is a resting limit order or a market order.
    """

    max_per_side: int = 1
    cooldown_ms: int = 0
    close_on_opposite: bool = False
    net_of_fees: bool = False
    take_profit_kind: OrderKind = OrderKind.MARKET


@dataclass(frozen=True, slots=True)
class Targets:
    """What a controller wants, one row per bar and one column per level.

    Row *t* may use bars up to and including *t*, and is acted on once bar *t* has closed. Make one with `at_market`,
    `at_limit`, `at_stop`, `quotes` or `hold`; every column is a number, an array of shape (n_bars,), or one of shape
    (n_bars, n_levels), and all are broadcast against each other.

    Attributes
    ----------
    side : int8 array of shape (n_bars, n_levels)
        +1 buy, −1 sell, 0 nothing.
    exit : bool array of shape (n_bars, n_levels)
        True closes what is open in that row, before anything is opened.
    """

    action: Action
    side: npt.NDArray[np.int8]
    kind: OrderKind
    sizing: Sizing
    columns: dict[str, npt.NDArray[np.float64]]
    exit: npt.NDArray[np.bool_]
    time_limit_ms: int = 0
    policy: Policy = field(default_factory=Policy)

    @property
    def n_bars(self) -> int:
        return self.side.shape[0]

    @property
    def n_levels(self) -> int:
        return self.side.shape[1]

    @classmethod
    def at_market(cls, side: Column, **terms: Any) -> Targets:
        """Open a position at market wherever `side` is not 0.

        Parameters
        ----------
        side : array of shape (n_bars,) or (n_bars, n_levels)
            +1 buy, −1 sell, 0 nothing.
        amount, notional, fraction : float or array, one of the three
            Size in base units, in quote currency, or as a fraction of equity (default: fraction 1).
        stop_loss, take_profit : float or array, fractions of the entry price; None: no such barrier
        time_limit : str or int
            A duration such as "45m", or milliseconds.
        trailing : (activation, delta), fractions of the entry price
        exit : bool array; True closes what is open in that row
        max_per_side, cooldown, on_opposite, net_of_fees, take_profit_at
            How targets become executors: executors open at once per side; the wait after one was opened, as a duration;
            "ignore" or "close"; barriers after fees or by price; "market" or "limit".
        """
        return _enter(side, OrderKind.MARKET, np.nan, np.nan, terms)

    @classmethod
    def at_limit(cls, side: Column, price: Column, *, post_only: bool = False, **terms: Any) -> Targets:
        """Open a position with a limit order at `price`; the other terms are those of `at_market`."""
        return _enter(side, OrderKind.POST_ONLY if post_only else OrderKind.LIMIT, price, np.nan, terms)

    @classmethod
    def at_stop(cls, side: Column, trigger: Column, *, limit: Column | None = None, **terms: Any) -> Targets:
        """Open a position once the price reaches `trigger`, at market or at `limit`; other terms as `at_market`."""
        kind = OrderKind.STOP if limit is None else OrderKind.STOP_LIMIT
        return _enter(side, kind, np.nan if limit is None else limit, trigger, terms)

    @classmethod
    def quotes(cls, bid: Column, ask: Column, *, post_only: bool = False, **size: Any) -> Targets:
        """Quote both sides: each row replaces the resting orders of the row before.

        `bid` and `ask` have shape (n_bars,) or (n_bars, n_levels); NaN withdraws that quote. The size is `amount`,
        `notional` or `fraction`, as in `at_market`; there is no default.
        """
        bids, asks = _plane(bid, "bid"), _plane(ask, "ask")
        if bids.shape[0] != asks.shape[0]:
            raise DataError(f"`bid` has {bids.shape[0]} rows and `ask` {asks.shape[0]}. Give both one row per bar.")
        price = np.concatenate([bids, asks], axis=1)
        side = np.concatenate([np.full(bids.shape[1], 1, np.int8), np.full(asks.shape[1], -1, np.int8)])
        sizing, amount = _size(size, default=None)
        _refuse_unknown(size, "quotes")
        kind = OrderKind.POST_ONLY if post_only else OrderKind.LIMIT
        return _build(Action.QUOTE, np.broadcast_to(side, price.shape), kind, sizing, {"price": price, "size": amount})

    @classmethod
    def hold(cls, exposure: Column) -> Targets:
        """Hold `exposure` of equity: 1 is all in, −1 all short, 0 flat, NaN leaves things as they are.

        A market order moves the position when the wish *changes*; it is not topped up as prices drift.
        """
        wish = _plane(exposure, "exposure")
        if np.isinf(wish).any():
            raise DataError(
                f"`exposure` is infinite in row {_first(np.isinf(wish))}. Use NaN to leave a position alone."
            )
        side = np.zeros(wish.shape, np.int8)
        return _build(Action.HOLD, side, OrderKind.MARKET, Sizing.FRACTION, {"size": wish})

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """One of price, trigger, size, stop_loss, … as a (n_bars, n_levels) array, broadcast without a copy."""
        return np.broadcast_to(self.columns[name], self.side.shape)

    def with_policy(self, **changes: Any) -> Targets:
        """The same wishes under another policy."""
        return replace(self, policy=replace(self.policy, **changes))

    def __getitem__(self, rows: slice) -> Targets:
        cut = {name: _rows(values, rows) for name, values in self.columns.items()}
        return replace(self, side=self.side[rows], exit=_rows(self.exit, rows), columns=cut)


def _enter(side: Column, kind: OrderKind, price: Column, trigger: Column, terms: dict[str, Any]) -> Targets:
    sizing, size = _size(terms, default=1.0)
    activation, delta = _trailing(terms.pop("trailing", None))
    columns = {
        "price": price,
        "trigger": trigger,
        "size": size,
        "stop_loss": _barrier(terms, "stop_loss"),
        "take_profit": _barrier(terms, "take_profit"),
        "trailing_activation": activation,
        "trailing_delta": delta,
    }
    time_limit = as_milliseconds(terms.pop("time_limit", None) or 0)
    exits = terms.pop("exit", False)
    policy = _policy(terms)
    _refuse_unknown(terms, "targets")
    if policy.take_profit_kind == OrderKind.LIMIT and np.isnan(columns["take_profit"]).all():
        raise ConfigError('`take_profit_at="limit"` needs a `take_profit`. Give one, or leave it at "market".')
    return _build(Action.ENTER, side, kind, sizing, columns, exits=exits, time_limit_ms=time_limit, policy=policy)


def _policy(terms: dict[str, Any]) -> Policy:
    on_opposite = terms.pop("on_opposite", "ignore")
    take_profit_at = terms.pop("take_profit_at", "market")
    if on_opposite not in ("ignore", "close"):
        raise ConfigError(f'`on_opposite` is {on_opposite!r}. Choose "ignore" or "close".')
    if take_profit_at not in ("market", "limit"):
        raise ConfigError(f'`take_profit_at` is {take_profit_at!r}. Choose "market" or "limit".')
    most = terms.pop("max_per_side", 1)
    if most < 1:
        raise ConfigError(f"`max_per_side` is {most}. It must be at least 1.")
    return Policy(
        max_per_side=int(most),
        cooldown_ms=as_milliseconds(terms.pop("cooldown", 0)),
        close_on_opposite=on_opposite == "close",
        net_of_fees=bool(terms.pop("net_of_fees", False)),
        take_profit_kind=OrderKind.LIMIT if take_profit_at == "limit" else OrderKind.MARKET,
    )


def _size(terms: dict[str, Any], default: float | None) -> tuple[Sizing, Column]:
    given = [name for name in ("amount", "notional", "fraction") if terms.get(name) is not None]
    if len(given) > 1:
        raise ConfigError(f"Both `{given[0]}` and `{given[1]}` are given. Say the size in one way.")
    if not given and default is None:
        raise ConfigError("No size is given. Pass `amount` (base units), `notional` (quote currency) or `fraction`.")
    name = given[0] if given else "fraction"
    size = terms.get(name) if given else default
    for spent in ("amount", "notional", "fraction"):
        terms.pop(spent, None)
    values = np.asarray(size, np.float64)
    if not (values[~np.isnan(values)] >= 0).all() or np.isinf(values).any():
        raise ConfigError(f"`{name}` has a negative or infinite value. A size is positive; the side says buy or sell.")
    return {"amount": Sizing.BASE, "notional": Sizing.QUOTE, "fraction": Sizing.FRACTION}[name], values


def _barrier(terms: dict[str, Any], name: str) -> Column:
    value = terms.pop(name, None)
    if value is None:
        return np.nan
    values = np.asarray(value, np.float64)
    if (values <= 0).any():
        raise ConfigError(
            f"`{name}` must be above 0: a fraction of the entry price (0.02 is 2 %). Leave it out for none."
        )
    if name == "stop_loss" and (values >= 1).any():
        raise ConfigError("`stop_loss` is 1 or more, the whole price. It is a fraction: write 0.02 for 2 %.")
    return values


def _trailing(pair: Any) -> tuple[Column, Column]:
    if pair is None:
        return np.nan, np.nan
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ConfigError(
            f"`trailing` is {pair!r}. Give a pair: at which gain it starts, and how far behind it follows."
        )
    both = dict(zip(("trailing activation", "trailing delta"), pair, strict=True))
    activation, delta = (_barrier(both, name) for name in ("trailing activation", "trailing delta"))
    return activation, delta


def _refuse_unknown(terms: dict[str, Any], where: str) -> None:
    if terms:
        raise ConfigError(f"{where} do not know `{next(iter(terms))}`. See the docstring of Targets.at_market.")


def _plane(values: Column, name: str) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise DataError(f"`{name}` has dtype {array.dtype}. Give numbers.")
    if array.ndim not in (1, 2):
        raise DataError(f"`{name}` has shape {array.shape}. Give one row per bar: (n_bars,) or (n_bars, n_levels).")
    return _two_axes(array).astype(np.float64, copy=False)


def _build(
    action: Action, side: Column, kind: OrderKind, sizing: Sizing, columns: dict[str, Column], *,
    exits: Column = False, time_limit_ms: int = 0, policy: Policy | None = None,
) -> Targets:  # fmt: skip
    sides = np.asarray(side)
    if sides.ndim not in (1, 2) or sides.dtype.kind not in "fiub":
        raise DataError(
            f"`side` has shape {sides.shape} and dtype {sides.dtype}. Give one number per bar: +1, −1 or 0."
        )
    sides = _two_axes(sides.view(np.int8) if sides.dtype == np.bool_ else sides)
    if sides.dtype != np.int8:
        odd = ~np.isin(sides, (-1, 0, 1))
        if odd.any():
            raise DataError(f"`side` is {sides[odd][0]} in row {_first(odd)}. A side is +1 (buy), −1 (sell) or 0.")
        sides = sides.astype(np.int8)
    if np.asarray(exits).dtype.kind not in "biu":
        raise DataError(f"`exit` has dtype {np.asarray(exits).dtype}. Give True or False for each bar.")
    planes = {name: _fit(columns.get(name, np.nan), name, sides.shape[0]) for name in TARGET_COLUMNS}
    closing = _fit(np.asarray(exits, np.bool_), "exit", sides.shape[0])
    shape = (sides.shape[0], _width({"side": sides, "exit": closing} | planes))
    sides, closing = np.broadcast_to(sides, shape), np.broadcast_to(closing, shape)
    return Targets(action, sides, kind, sizing, planes, closing, time_limit_ms, policy or Policy())


def _two_axes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _width(planes: dict[str, npt.NDArray[Any]]) -> int:
    """Levels that all columns agree on; a single one stands for all."""
    widths = {name: plane.shape[1] for name, plane in planes.items() if plane.ndim == 2}
    widest = max(widths, key=lambda name: widths[name])
    for name, width in widths.items():
        if width not in (1, widths[widest]):
            raise DataError(
                f"`{name}` has {width} levels and `{widest}` {widths[widest]}. Give one column per level, or a single "
                f"one for all."
            )
    return widths[widest]


def _fit(values: Any, name: str, n_bars: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim > 2:
        raise DataError(f"`{name}` has dtype {array.dtype} and shape {array.shape}. Give one number per bar.")
    array = array if array.dtype == np.bool_ else array.astype(np.float64, copy=False)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim == 2 and array.shape[0] != n_bars:
        raise DataError(f"`{name}` has {array.shape[0]} rows and `side` {n_bars}. Give every column one row per bar.")
    return array


def _rows(values: npt.NDArray[Any], rows: slice) -> npt.NDArray[Any]:
    return values[rows] if values.ndim == 2 else values


def _first(where: npt.NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(where.any(axis=1))[0])
