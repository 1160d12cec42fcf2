"""`wb.paper` and `wb.live`: from a strategy and a market to a plan, a screen that says what it means, and a run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.controllers import Controller
from workbench.errors import ConfigError
from workbench.live.keys import DOOR, keys_of, simulated_keys, simulated_urls
from workbench.live.plan import NAME, Mode, Place, Plan
from workbench.live.run import Run
from workbench.live.starting import SCRIPT, start
from workbench.market import Instrument
from workbench.trading import Limits

if TYPE_CHECKING:
    from workbench.backtest import Result


def paper(
    bot: Controller, venue: str = "binance", instrument: str | Sequence[str] = "BTC/USDT", *, name: str | None = None,
    timeframe: str = "1m", cash: float = 10_000.0, limits: Limits | None = None, simulated: str | None = None,
    account: str | None = None, fresh: bool = False, share: bool = False, who: str = "notebook", **more: Any,
) -> Run:  # fmt: skip
    """Run a strategy on live prices with imagined fills, in a supervised process of its own. It returns at once.

    Parameters
    ----------
    instrument : str or list of str
        What it trades; several for a strategy of several markets.
    name : str, optional
        What you call it; left out: made of strategy and instrument. A run of this name that ended goes on, with its
        journal, if it is the same.
    cash : float
        Quote currency that it begins with.
    limits : Limits, optional
        What it may do at most; left out: the defaults of `wb.Limits`.
    simulated : str, optional
        The control address of a simulated venue (`workbench venue` prints it): its prices, and real orders there.
    fresh : bool
        Put an ended run of this name aside and begin anew.
    **more
        Of the plan: `terms`, `urls`, `options`, `warm_bars`, `seed`, `journal`, `money`.

    Returns
    -------
    Run
        Its `status()` fills in as it starts.

    Raises
    ------
    ConfigError
        If it cannot be started. Nothing has been done then.
    """
    account = account or ("trader" if simulated else "main")
    mode = Mode.SIMULATED if simulated else Mode.PAPER
    plan, script = plan_of(bot, venue, instrument, name=name, mode=mode, timeframe=timeframe, cash=cash,
                           limits=limits, account=account, simulated=simulated, **more)  # fmt: skip
    keys = simulated_keys(plan, simulated) if simulated else {}
    return _started(plan, keys, script, simulated, fresh=fresh, share=share, who=who)


def live(
    bot: Controller, venue: str = "binance", instrument: str | Sequence[str] = "BTC/USDT", *, account: str = "main",
    limits: Limits | None = None, name: str | None = None, timeframe: str = "1m", cash: float = 10_000.0,
    confirm: str | Callable[[str], str] | None = None, passphrase: Any = None, fresh: bool = False, share: bool = False,
    backtest: Result | None = None, who: str = "notebook", say: Callable[[str], None] | None = None, **more: Any,
) -> Run:  # fmt: skip
    """Run a strategy with money. It shows on one screen what that means, and wants the run's name typed.

    A strategy that was written in a cell must have been promoted as it stands (`wb.promote`); shipped ones, and those
    of a file, need not.

    Parameters
    ----------
    account : str
        Whose keys lie in the vault, under `venue:account`.
    limits : Limits
        What it may do at most. It must be said, if only as `wb.Limits()`.
    confirm : str or callable, optional
        The run's name, typed beforehand, or what asks for it; left out: it is asked for here.
    passphrase : str, optional
        Of the vault; left out: it is asked for, and shown nowhere.
    backtest : Result, optional
        A backtest of it: a strategy of a cell that is in no file yet is promoted with that, before the screen.

    Raises
    ------
    ConfigError
        If it is of a cell and not proved, is not confirmed, or cannot be started. Nothing has been done then.
    """
    if limits is None:
        raise ConfigError("money needs limits: give `limits=wb.Limits(max_order_notional=…, max_daily_loss=…)`, or "
                          "`wb.Limits()` if the defaults will do.")  # fmt: skip
    plan, script = plan_of(bot, venue, instrument, name=name, mode=Mode.LIVE, timeframe=timeframe, cash=cash,
                           limits=limits, account=account, **more)  # fmt: skip
    if script is not None and is_of_a_cell(bot):
        from workbench.live.promotion import proof_of

        plan = plan.model_copy(update={"proof": proof_of(script, result=backtest)})
    (say or _print)(screen(plan))
    confirm = confirm if confirm is not None else input(f"Type {plan.name} to trade with money: ")
    typed = confirm(plan.name) if callable(confirm) else confirm
    if typed.strip() != plan.name:
        raise ConfigError(f"{typed.strip()!r} is not {plan.name!r}, so nothing was started.")
    return _started(plan, keys_of(plan, None, passphrase), script, None, fresh=fresh, share=share, who=who)


def plan_of(
    bot: Controller, venue: str, instrument: str | Sequence[str], *, name: str | None, mode: Mode,
    limits: Limits | None = None, account: str = "main", simulated: str | None = None, **more: Any,
) -> tuple[Plan, str | None]:  # fmt: skip
    """The plan of a run, with what the settings say of its venue; and the text of a strategy in no package."""
    if not isinstance(bot, Controller):
        raise ConfigError(f"{bot!r} is no strategy. Give a controller, such as wb.controllers.Bollinger(length=50).")
    given_ = [instrument] if isinstance(instrument, str) else list(instrument)
    instruments = [Instrument.parse(one).symbol for one in given_]
    script = script_of(bot)
    limits = limits or Limits()
    given = {**_of_settings(venue, simulated, account, perpetual=":" in instruments[0]), **more}
    plan = Plan.make(
        bot, venue, instruments, name=name or default_name(bot, instruments[0]), mode=mode, account=account,
        limits=limits.model_dump(mode="json"), source=SCRIPT if script else None, **given,
    )  # fmt: skip
    return plan, script


def _of_settings(venue: str, simulated: str | None, account: str, *, perpetual: bool) -> dict[str, Any]:
    """Hosts and options: of a simulated venue its own, else what `config.yaml` says."""
    if simulated:
        urls = simulated_urls(simulated, account)
        usual = urls["perpetual" if perpetual else "spot"]
        return {"urls": {venue: usual, **{f"{venue}:{kind}": one for kind, one in urls.items()}}}
    from workbench.settings import load_config

    found = load_config().venue(venue)
    hosts = {venue: found.urls, f"{venue}:perpetual": found.perpetual_urls}
    moved = {key: {name: url for name, url in one.model_dump().items() if url} for key, one in hosts.items()}
    urls = {key: given for key, given in moved.items() if given}
    return {"urls": urls, "options": {venue: dict(found.options)} if found.options else {}}


def _started(
    plan: Plan, keys: Mapping[str, Any], script: str | None, door: str | None, *, fresh: bool, share: bool, who: str
) -> Run:  # fmt: skip
    notes = {DOOR: {"door": door}} if door else {}
    return Run(start(plan, keys, script=script, share=share, fresh=fresh, notes=notes), who=who)


def default_name(bot: Controller, instrument: str) -> str:
    """A name made of strategy and instrument: "bollinger-btc-usdt"."""
    plain = re.sub(r"[^a-z0-9]+", "-", f"{type(bot).__name__}-{instrument}".lower()).strip("-")
    return plain[:60] if NAME.fullmatch(plain[:60]) else "run"


def script_of(bot: Controller) -> str | None:
    """The text of a strategy that another process cannot import; None for one that it can."""
    module = inspect.getmodule(type(bot))
    if module is not None and module.__name__ not in ("__main__", "builtins") and _is_importable(module):
        return None
    if module is not None and module.__name__ != "__main__" and getattr(module, "__file__", None):
        return Path(str(module.__file__)).read_text()
    from workbench.live.export import as_script

    return as_script(type(bot))


def is_of_a_cell(bot: Controller) -> bool:
    """Was it written in a notebook, and is in no file of its own?"""
    module = inspect.getmodule(type(bot))
    return module is None or module.__name__ == "__main__" or not getattr(module, "__file__", None)


def _is_importable(module: Any) -> bool:
    import importlib.util

    try:
        found = importlib.util.find_spec(module.__name__)
    except (ImportError, ValueError):
        return False
    return found is not None and found.origin == getattr(module, "__file__", None)


# --- the screen ------------------------------------------------------------------------------------------------------


def screen(plan: Plan) -> str:
    """What a live run is about to do, on one screen."""
    limits = Limits(**plan.limits)
    parts = {
        "strategy": [f"{plan.bot.path}  {_pairs(plan.bot.parameters)}", *_proof(plan)],
        "markets": [f"{place.instrument} on {place.venue}, account {place.account!r}" for place in plan.markets],
        "venue host": sorted({f"{place.venue}: {host_of(plan, place)}" for place in plan.markets}),
        "cash": [f"counts {plan.cash:,.2f} of the quote currency as its own, bars of {plan.timeframe}"],
        "staged": [
            plan.canary.in_words(plan.cash) if plan.canary is not None else "no: all of it from the first order"
        ],
        "fees": [_pairs(fees) if (fees := _fees(plan)) else "as the venue charges this account"],
        "limits": limits.in_words(),
        "next": list(next_steps(plan)),
        "not protected": list(unprotected(plan, limits)),
    }
    lines = [f"  {name:<14}{line}" if not i else f"{'':16}{line}" for name, said in parts.items()
             for i, line in enumerate(said or ["none"])]  # fmt: skip
    return "\n".join([f"{plan.name} is about to trade with MONEY.", *lines])


def host_of(plan: Plan, place: Place) -> str:
    """Where orders of this market go."""
    from urllib.parse import urlsplit

    from workbench.live.killing import urls_of

    urls = urls_of(plan, place)
    if urls:
        return f"{urlsplit(urls['http']).netloc} (not the venue's own: from the settings)"
    import ccxt

    from workbench.connectors import facts

    client = getattr(ccxt, facts(place.venue).class_of(perpetual=place.is_perpetual))()
    hosts = sorted({urlsplit(url).netloc for url in _urls(client.urls["api"])})
    signed = [host for host in hosts if host.startswith("fapi" if place.is_perpetual else "api")]
    return ", ".join((signed or hosts)[:3])


def next_steps(plan: Plan) -> Any:
    """What will happen once it is confirmed, in order."""
    yield "a supervisor and a runner start, detached from this notebook; keys go to them and nowhere else"
    yield "rules, rights, position mode and leverage are checked; what is not as planned refuses the start"
    yield f"{plan.warm_bars} bars of history are read; the first decision is at the close of the next bar"
    if plan.canary is not None or plan.shadow:
        yield "a shadow twin follows each decision by the backtester, and raises an alarm when the two part"


def unprotected(plan: Plan, limits: Limits) -> Any:
    """What nothing watches over, in sentences."""
    from workbench.connectors import facts

    yield "while this machine is off: stop losses are watched here, not by the venue"
    for place in {place.door: place for place in plan.markets}.values():
        kind = "perpetuals" if place.is_perpetual else "spot"
        if facts(place.venue).dead_man(perpetual=place.is_perpetual) is None:
            yield f"open orders if this machine dies: {place.venue} has no dead-man's switch for {kind}"
    missing = {"max_order_notional": "the worth of an order", "max_position": "the position",
               "max_exposure": "the sum of all positions", "max_daily_loss": "the loss of a day",
               "max_drawdown": "the fall from the peak", "kill_loss": "the loss at which all is cancelled"}  # fmt: skip
    open_ = [what for name, what in missing.items() if getattr(limits, name) is None]
    if open_:
        yield f"no limit on {', '.join(open_)}"


def _proof(plan: Plan) -> Iterator[str]:
    """Which file a strategy of a cell is, and what was proved of it."""
    if plan.proof:
        file, script, result = plan.proof["file"], plan.proof["script"][:16], plan.proof["result"][:16]
        yield f"{file}, sha256 {script}…: a fresh process repeated its backtest to the bit ({result}…)"


def _fees(plan: Plan) -> dict[str, Any]:
    return {name: plan.terms[name] for name in ("maker", "taker", "fees") if name in plan.terms}


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)


def _urls(found: Any) -> Any:
    if isinstance(found, dict):
        for one in found.values():
            yield from _urls(one)
    elif isinstance(found, str) and found.startswith("http"):
        yield found


def _print(text: str) -> None:
    import sys

    sys.stdout.write(text + "\n")
