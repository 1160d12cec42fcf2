"""The keywords of a backtest as its settings: what is left out chosen, numbers and models made of what was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.backtest.settings import Settings, is_number
from workbench.errors import ConfigError
from workbench.market import Instrument, timeframe_ms
from workbench.trading import Perpetual, as_fees, as_latency, as_slippage

MODELS = {"fees": as_fees, "slippage": as_slippage, "latency": as_latency}


def as_settings(
    instruments: Sequence[Instrument],
    *,
    cash: Any = 10_000.0,
    account: str | None = None,
    leverage: Any = 1.0,
    perpetual: Perpetual | None = None,
    path: Any = "worst",
    funding: Any = None,
    marks: Any = None,
    rates: Any = None,
    max_rate_age: Any = 0,
    seed: Any = 0,
    **rest: Any,
) -> Settings:
    """Settings of a run on some instruments, from what `backtest` was called with.

    Raises
    ------
    ConfigError
        Terms that cannot be.
    """
    is_bare = funding is None and marks is None
    account, leverage, perpetual = as_account(instruments, account, plain(leverage), perpetual, is_bare=is_bare)
    given = {name: MODELS.get(name, plain)(plain(value)) for name, value in rest.items()}
    return Settings(
        cash=total(cash),
        purses={name: plain(one) for name, one in cash.items()} if isinstance(cash, Mapping) else None,
        account=account,
        leverage=leverage,
        perpetual=perpetual,
        path=str(path) if isinstance(path, str) else "worst",
        max_rate_age_ms=timeframe_ms(max_rate_age) if isinstance(max_rate_age, str) else plain(max_rate_age),
        seed=check_seed(plain(seed)),
        **given,
    )


def as_account(
    instruments: Sequence[Instrument], account: str | None, leverage: Any, perpetual: Perpetual | None, *, is_bare: bool
) -> tuple[str, Any, Perpetual | None]:
    """The account of what is no perpetual, its leverage, and the terms of perpetuals; `is_bare`: no funding, no marks.

    Perpetuals can be shorted, spot cannot; a perpetual purse is beside the account of the rest.
    """
    swaps = [one.is_perpetual for one in instruments]
    if perpetual is None and (account == "perpetual" or (account is None and any(swaps) and not is_bare)):
        return "spot", 1.0, Perpetual(leverage=leverage)
    if account is None or (account == "perpetual" and perpetual is not None):
        account = "margin" if perpetual is None and swaps and all(swaps) else "spot"
    return account, leverage, perpetual


def total(cash: Any) -> Any:
    """Cash of all purses together; what is no number is left for `Settings` to refuse."""
    if not isinstance(cash, Mapping):
        return plain(cash)
    if not cash:
        raise ConfigError("`cash` is empty. Give an amount, or one for each purse.")
    numbers = [plain(one) for one in cash.values()]
    wrong = [one for one in numbers if not is_number(one)]
    return wrong[0] if wrong else float(sum(numbers))


def plain(value: Any) -> Any:
    """NumPy's numbers, as a sweep or an array gives them, as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def check_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"`seed` is {seed!r}. Give a whole number, 0 or more.")
    return seed
