"""`compare`: runs side by side, and how often their strategies were tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.backtest import Result
from workbench.errors import ConfigError
from workbench.journal import trials
from workbench.metrics import METRICS
from workbench.research.table import check_metric

if TYPE_CHECKING:
    import polars as pl

TRIALS = "trials"


def compare(*runs: Result, names: Sequence[str] | None = None, metrics: Sequence[str] | None = None) -> pl.DataFrame:
    """Metrics of several runs side by side: a row per metric, a column per run.

    The last row, `trials`, says how many backtests of that family of strategies the ledger knows: a number that was
    picked among many is worth less than one that was not.

    Parameters
    ----------
    *runs : Result
        What `backtest` and `sweep.backtest(number)` return.
    names : sequence of str, optional
        What to call them; left out: the bot, and its market, where these differ.
    metrics : sequence of str, optional
        Left out: all of them.

    Raises
    ------
    ConfigError
        If there is nothing to compare, a name is given twice, or a metric is none.
    """
    import polars as pl

    from workbench.journal import Ledger

    check(runs)
    wanted = [check_metric(name) for name in (METRICS if metrics is None else metrics)]
    columns = list(names_of(runs) if names is None else names)
    if len(columns) != len(runs) or len(set(columns)) < len(columns):
        raise ConfigError(f"The names are {columns}, for {len(runs)} runs. Give each a name of its own.")
    ledger = Ledger()
    table = {
        name: [*(run.metrics[metric] for metric in wanted), float(ledger.count(trials.lineage_of(run.bot)).trials)]
        for name, run in zip(columns, runs, strict=True)
    }
    return pl.DataFrame({"metric": [*wanted, TRIALS], **table})


def check(runs: Sequence[Result]) -> None:
    """Refuse what cannot be compared."""
    if not runs:
        raise ConfigError("There is nothing to compare. Give at least one run: wb.compare(first, second).")
    wrong = next((run for run in runs if not isinstance(run, Result)), None)
    if wrong is not None:
        raise ConfigError(
            f"A {type(wrong).__name__} is given where a run is compared. Give what `wb.backtest` returns."
        )


def names_of(runs: Sequence[Result]) -> list[str]:
    """What runs are called: by bot; by market too, where these differ; counted, where that is still the same."""
    plain, markets = [repr(run.bot) for run in runs], [", ".join(run.market.names) for run in runs]
    if len(set(markets)) > 1:
        plain = [f"{name} on {market}" for name, market in zip(plain, markets, strict=True)]
    return [name if plain.count(name) == 1 else f"{name} ({plain[:place].count(name) + 1})"
            for place, name in enumerate(plain)]  # fmt: skip
