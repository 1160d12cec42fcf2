"""The terms of a combination as the record that the kernels read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Settings
from workbench.market import Action, Candles, OrderKind, Targets
from workbench.research.fast.trades import TERMS
from workbench.research.shared import sharing
from workbench.research.space import Combination
from workbench.trading import Path

BARRIERS = ("stop_loss", "take_profit", "trailing_activation", "trailing_delta")
PLAIN = (*BARRIERS, "size")
SIDES = {"short": -1, "both": 0, "long": 1}
KEPT = 4096  # shapes that are remembered
Record = npt.NDArray[np.void]


class Blank:
    """Stands for a memory, and knows a signal that says nothing: for the terms that come with any signal."""

    def get(self, candles: Any, values: Any) -> Any:
        """Nothing, for each bar."""
        return np.zeros(len(candles), np.int8)


BLANK: Any = Blank()


class Shapes:
    """Terms of strategies that say a signal, as a single bar shows them; threads may share one.

    The barriers of such a strategy are its fields of the same name, so one that differs in nothing else is not asked
    again.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Any, tuple[Record | None, Settings]] = OrderedDict()
        self._lock = threading.Lock()

    def record(self, one: Combination, first: Candles, free: tuple[str, ...] = ()) -> Record | None:
        """The terms of a combination, of shape (1,); None for what no kernel knows.

        Parameters
        ----------
        first : Candles
            Its first bar.
        free : names
            Parameters that change nothing but the signal.
        """
        values = one.bot.__dict__
        rest = (value for name, value in values.items() if name not in BARRIERS and name not in free)
        found = self._shape((type(one.bot), id(one.settings), *rest), one, first)
        if found is None:
            return None
        record = found.copy()
        for name in BARRIERS:
            record[name] = np.nan if values[name] is None else values[name]
        return record

    def _shape(self, key: Any, one: Combination, first: Candles) -> Record | None:
        try:
            hash(key)
        except TypeError:  # a parameter that is a list, or the like
            return asked(one, first)
        with self._lock:
            if key in self._known:
                return self._known[key][0]
        found = asked(one, first)
        with self._lock:
            self._known[key] = (found, one.settings)  # kept alive, so that no others have their address
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found


def asked(one: Combination, first: Candles) -> Record | None:
    """The terms that the strategy itself gives for a bar without a signal."""
    shape = sharing(one.bot, BLANK).targets(first)
    if not is_plain(shape, len(first)):
        return None
    record = terms_record(shape, one)
    record["allowed"] = SIDES[one.bot.__dict__["side"]]
    return record


def stacked(records: list[Record]) -> Record:
    """The records of many combinations, of shape (n,)."""
    terms = np.empty(len(records), TERMS)
    for place, record in enumerate(records):
        terms[place : place + 1] = record
    return terms


def is_plain(targets: Any, n_bars: int) -> bool:
    """Entries at market, one at once, under barriers that are the same in all rows?"""
    if not isinstance(targets, Targets) or targets.n_bars != n_bars or targets.n_levels != 1:
        return False
    policy, columns = targets.policy, targets.columns
    return (
        targets.action == Action.ENTER
        and targets.kind == OrderKind.MARKET
        and policy.max_per_side == 1
        and policy.take_profit_kind == OrderKind.MARKET
        and all(columns[name].ndim == 0 for name in PLAIN)
    )


def terms_record(targets: Targets, one: Combination) -> Record:
    """Targets, account and models as the record that the kernel reads, in an array of shape (1,)."""
    settings, instrument, policy = one.settings, one.only.instrument, targets.policy
    record = np.zeros(1, TERMS)
    values = {
        **account_terms(settings),
        **{name: getattr(instrument, name) for name in ("lot", "min_amount", "min_notional")},
        **{name: float(targets.columns[name]) for name in PLAIN},
        "sizing": int(targets.sizing), "time_limit_ms": targets.time_limit_ms, "cooldown_ms": policy.cooldown_ms,
        "close_on_opposite": policy.close_on_opposite, "net_of_fees": policy.net_of_fees,
    }  # fmt: skip
    for name, value in values.items():
        record[name] = value
    return record


def account_terms(settings: Settings) -> dict[str, Any]:
    """What the account and its models are."""
    return {
        "cash": settings.cash, "leverage": settings.leverage, "margin": settings.account == "margin",
        "taker": settings.fees.taker, "slippage": settings.slippage.fraction, "path": Path[settings.path.upper()],
    }  # fmt: skip
