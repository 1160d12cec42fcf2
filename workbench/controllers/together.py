"""Several strategies in one account, as a value."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import field_serializer, field_validator

from workbench.controllers.controller import Controller
from workbench.controllers.fields import Field
from workbench.errors import ConfigError

MOST = 16


class Together(Controller):
    """Several strategies that trade from one account: one set of balances and margins, and books of their own.

    In each row they decide in the order given. Each has its own levels, policy, executors, positions and PnL, and sees
    its own in `world` or not at all; funds, margin and the venue's net position are the account's. A strategy, or the
    whole account, that has lost too much is stopped for good: its orders are cancelled, its executors stopped, and what
    it holds is sold. `wb.backtest([a, b], candles)` is short for `wb.backtest(Together(bots=(a, b)), candles)`.

    Parameters
    ----------
    bots : tuple of Controller
        Written as `targets` or as `decide`, 16 at most.
    instruments : tuple of tuples of str
        What each trades, as the run names it; left out, or empty for one: all of the run's.
    max_controller_drawdown_quote : float or tuple of float
        How far the PnL of one may fall below its peak (0 at first); one number for all, or one for each.
    max_global_drawdown_quote : float
        How far equity may fall below its peak.

    References
    ----------
    Hummingbot's V2 loader script, docs/executors.md part 15.
    """

    bots: tuple[Any, ...]
    instruments: tuple[tuple[str, ...], ...] = ()
    max_controller_drawdown_quote: float | tuple[float, ...] | None = None
    max_global_drawdown_quote: float | None = Field(None, gt=0)

    @field_validator("bots", mode="before")
    @classmethod
    def _as_bots(cls, given: Any) -> tuple[Any, ...]:
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise ValueError("give a tuple of controllers")
        return tuple(restored(one) if isinstance(one, Mapping) else one for one in given)

    @field_serializer("bots")
    def _as_facts(self, bots: tuple[Any, ...]) -> list[dict[str, Any]]:
        return [
            {"class": f"{type(one).__module__}:{type(one).__qualname__}", "parameters": one.model_dump(mode="json")}
            for one in bots
        ]

    def check(self) -> None:
        """Refuse what is no strategy, or one that cannot share."""
        super().check()
        if not 1 <= len(self.bots) <= MOST:
            raise ConfigError(f"Together: {len(self.bots)} bots. An account is shared by 1 to {MOST}.")
        for one in self.bots:
            if not isinstance(one, Controller) or isinstance(one, Together):
                raise ConfigError(f"Together: {one!r} is no strategy. Give controllers, as in bots=(Bollinger(), …).")
        if self.instruments and len(self.instruments) != len(self.bots):
            raise ConfigError(
                f"Together: `instruments` has {len(self.instruments)} entries for {len(self.bots)} bots. Give one for "
                f"each, () for all instruments."
            )
        if len(self.drawdowns) != len(self.bots) or min(self.drawdowns) < 0.0:
            raise ConfigError(
                f"Together: `max_controller_drawdown_quote` is {self.max_controller_drawdown_quote}. Give an amount "
                f"above 0, or one for each of the {len(self.bots)} bots (0: none)."
            )

    @property
    def drawdowns(self) -> tuple[float, ...]:
        """The stop of each; 0 is none."""
        given = self.max_controller_drawdown_quote
        return given if isinstance(given, tuple) else (given or 0.0,) * len(self.bots)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each: that of its class, with its place where there are several of one."""
        plain = [one.name for one in self.bots]
        return tuple(name if plain.count(name) == 1 else f"{name} {place + 1}" for place, name in enumerate(plain))

    @property
    def fingerprint(self) -> str:
        """Over those of its bots, and its own parameters."""
        return "-".join([super().fingerprint, *(one.fingerprint for one in self.bots)])

    @classmethod
    def authored(cls) -> NoReturn:
        """It is backtested as a whole, and says nothing itself."""
        raise ConfigError(
            "Together is several strategies in one account, which `wb.backtest` takes. Sweep, or run, one of them."
        )


def restored(facts: Mapping[str, Any]) -> Controller:
    """A strategy from its class and parameters, as a card has them."""
    module, _, name = str(facts["class"]).partition(":")
    found: Any = sys.modules[module] if module in sys.modules else importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    bot: Controller = found(**facts["parameters"])
    return bot
