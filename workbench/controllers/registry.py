"""The shipped controllers by name, for those who type names: the command line and settings files."""

from __future__ import annotations

from difflib import get_close_matches

from workbench.controllers.arbitrage import Arbitrage
from workbench.controllers.avellaneda import AvellanedaMarketMaking
from workbench.controllers.bollinger import Bollinger
from workbench.controllers.controller import Controller
from workbench.controllers.dman import Dman
from workbench.controllers.dman_maker import DmanMaker
from workbench.controllers.grid_strike import GridStrike
from workbench.controllers.macd_bollinger import MacdBollinger
from workbench.controllers.pmm_dynamic import PmmDynamic
from workbench.controllers.pmm_simple import PmmSimple
from workbench.controllers.pure_market_making import PureMarketMaking
from workbench.controllers.sma_cross import SmaCross
from workbench.controllers.spot_perpetual import SpotPerpetualArbitrage
from workbench.controllers.stat_arb import StatArb
from workbench.controllers.supertrend import SuperTrend
from workbench.controllers.xemm import Xemm
from workbench.errors import ConfigError


def registry() -> dict[str, type[Controller]]:
    """Every shipped controller under the name that a terminal or a settings file uses."""
    return {
        "sma_cross": SmaCross,
        "bollinger": Bollinger,
        "macd_bollinger": MacdBollinger,
        "supertrend": SuperTrend,
        "pmm_simple": PmmSimple,
        "arbitrage": Arbitrage,
        "dman": Dman,
        "dman_maker": DmanMaker,
        "grid_strike": GridStrike,
        "pmm_dynamic": PmmDynamic,
        "pure_market_making": PureMarketMaking,
        "spot_perpetual_arbitrage": SpotPerpetualArbitrage,
        "stat_arb": StatArb,
        "xemm": Xemm,
        "avellaneda_market_making": AvellanedaMarketMaking,
    }


def by_name(name: str) -> type[Controller]:
    """The controller of that name; case, hyphens and underscores do not matter.

    Raises
    ------
    ConfigError
        If there is none; the message lists those that there are.
    """
    known = registry()
    plain = {_plain(key): cls for key, cls in known.items()}
    if _plain(name) in plain:
        return plain[_plain(name)]
    near = get_close_matches(_plain(name), plain, n=1)
    guess = f" Did you mean {next(key for key in known if _plain(key) == near[0])}?" if near else ""
    raise ConfigError(f"There is no controller {name!r}.{guess} There are {', '.join(known)}.")


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")
