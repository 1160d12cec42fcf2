"""The plan of a run: everything that decides what it does, and nothing secret."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from workbench.controllers import Controller
from workbench.errors import ConfigError
from workbench.live.canary import Canary
from workbench.market import timeframe_ms

FILE = "run.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SECRET = re.compile(r"secret|password|passphrase|private|api_?key", re.IGNORECASE)


class Mode(StrEnum):
    """Whose money it is: nobody's on live prices, nobody's at a simulated venue, or one's own."""

    PAPER = "paper"
    SIMULATED = "simulated"
    LIVE = "live"


class BotSource(BaseModel):
    """Which controller trades: the class as `module:Class`, its parameters, and the file of one that is in no package.

    `source` is a path inside the run's folder; then `path` names the class alone. `fingerprint` is the controller's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    parameters: Mapping[str, Any] = {}
    source: str | None = None
    fingerprint: str = ""

    @classmethod
    def of(cls, bot: Controller, *, source: str | None = None) -> Self:
        """How a controller is written down."""
        kind = type(bot)
        path = kind.__qualname__ if source else f"{kind.__module__}:{kind.__qualname__}"
        parameters = json.loads(bot.model_dump_json())
        return cls(path=path, parameters=parameters, source=source, fingerprint=bot.fingerprint)

    def load(self, folder: Path) -> Controller:
        """The controller, from its package or from the file in a run's folder.

        Raises
        ------
        ConfigError
            If it cannot be found, or is another than when the plan was written.
        """
        module, _, name = self.path.rpartition(":")
        try:
            home = _from_file(folder / self.source) if self.source else importlib.import_module(module)
            found = home
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, OSError) as error:
            raise ConfigError(
                f"the bot {self.path} cannot be loaded: {error}. Export it to a file, as workbench does with a cell."
            ) from error
        if not (isinstance(found, type) and issubclass(found, Controller)):
            raise ConfigError(f"{self.path} is no controller. Name a class that builds on wb.Controller.")
        bot = found(**self.parameters)
        if self.fingerprint and bot.fingerprint != self.fingerprint:
            raise ConfigError(
                f"{self.path} is not what it was when the run was planned ({bot.fingerprint}, then "
                f"{self.fingerprint}). Start a new run for the changed strategy."
            )
        return bot


class Place(BaseModel):
    """One market of a run: where, what, and on whose account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    venue: str
    instrument: str
    account: str = "main"

    @property
    def is_perpetual(self) -> bool:
        """Is it a perpetual swap?"""
        return ":" in self.instrument

    @property
    def door(self) -> str:
        """Which connector serves it: venue, account, and spot or perpetual."""
        return f"{self.venue}:{self.account}:{'perpetual' if self.is_perpetual else 'spot'}"


class Plan(BaseModel):
    """What a run is, as it lies in `run.json`.

    Attributes
    ----------
    run : str
        Unique for ever: client order ids come from it. `name` is what a person calls it, and may come again.
    cash : float
        Quote currency that the run may count as its own.
    money : mapping
        What a paper account begins with, by asset; empty: `cash` of the quote currency.
    terms : mapping
        Of the account, as `wb.backtest` takes them: `leverage`, `maker` and `taker` fees, …
    limits : mapping
        Of risk, as `wb.Limits` takes them.
    urls : mapping of venue to {"http": …, "ws": …}
        Other hosts than the venue's own; "binance:perpetual" where they differ. A simulated venue needs them.
    options : mapping of venue to mapping
        Given to the venue's client as they are; under the same names.
    warm_bars : int
        Bars before the start that the strategy may look at.
    journal : str, optional
        Address of a database; left out: a file in the run's folder.
    canary : Canary, optional
        How its money is staged: a share of `cash` first, the rest if it does as its backtest.
    shadow : bool
        Whether a twin follows it and raises an alarm when the two part; a canary always has one.
    proof : mapping
        Of a strategy that was written in a cell and trades money: the `file` that it is, the hash of that `script`, and
        of the `result` that a fresh process came to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    run: str
    mode: Mode
    bot: BotSource
    markets: Annotated[tuple[Place, ...], Field(min_length=1, max_length=64)]
    timeframe: str
    cash: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10_000.0
    money: Mapping[str, str] = {}
    terms: Mapping[str, Any] = {}
    limits: Mapping[str, Any] = {}
    urls: Mapping[str, Mapping[str, str]] = {}
    options: Mapping[str, Mapping[str, Any]] = {}
    warm_bars: Annotated[int, Field(ge=0, le=100_000)] = 500
    seed: Annotated[int, Field(ge=0)] = 0
    journal: str | None = None
    canary: Canary | None = None
    shadow: bool = False
    proof: Mapping[str, str] = {}

    @property
    def first_cash(self) -> float:
        """What it begins with: a canary's share, or all."""
        return self.cash * (self.canary.share if self.canary is not None else 1.0)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a run: use small letters, digits, '-', '_' and '.'")
        return name

    @field_validator("options", "terms", "limits", "urls")
    @classmethod
    def _nothing_secret(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for key in _keys(given):
            if SECRET.search(key):
                raise ValueError(f"`{key}` looks like a secret, and a plan lies open: keys belong in the vault")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        timeframe_ms(self.timeframe)
        venues = {place.venue for place in self.markets}
        if len({(p.venue, p.account, p.instrument) for p in self.markets}) < len(self.markets):
            raise ValueError("a market is named twice")
        quotes = sorted({place.instrument.partition(":")[0].partition("/")[2] for place in self.markets})
        if len(quotes) > 1:
            raise ValueError(
                f"its instruments are quoted in {' and '.join(quotes)}, and a live run counts its money in one "
                f"currency; make a run for each"
            )
        moved = {key.split(":")[0] for key in (*self.urls, *self.options)}
        missing = sorted(venues - moved) if self.mode == Mode.SIMULATED else []
        if missing:
            raise ValueError(f"a simulated run needs `urls` for {', '.join(missing)}: no order may go elsewhere")
        return self

    @classmethod
    def make(
        cls, bot: Controller, venue: str, instrument: str | list[str], *, name: str, mode: Mode | str,
        timeframe: str = "1m", account: str = "main", source: str | None = None, **more: Any,
    ) -> Self:  # fmt: skip
        """A plan for a bot on one venue, under a new run id.

        Raises
        ------
        ConfigError
            If something in it cannot be.
        """
        instruments = [instrument] if isinstance(instrument, str) else instrument
        markets = more.pop("markets", None) or [
            {"venue": venue, "instrument": one, "account": account} for one in instruments
        ]
        return cls.checked({
            "name": name, "run": more.pop("run", None) or f"{name}-{secrets.token_hex(6)}", "mode": mode,
            "bot": BotSource.of(bot, source=source), "markets": markets, "timeframe": timeframe, **more,
        })  # fmt: skip

    @classmethod
    def checked(cls, values: Any) -> Self:
        """A plan of plain values, or a `ConfigError` that says which of them is wrong."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "plan"
            raise ConfigError(f"the plan of a run: {where}: {first['msg']}. Set that right.") from error

    @property
    def needs_keys(self) -> tuple[str, ...]:
        """Accounts, as "venue:account", whose keys the runner reads from its standard input."""
        if self.mode == Mode.PAPER:
            return ()
        return tuple(dict.fromkeys(f"{place.venue}:{place.account}" for place in self.markets))

    def write(self, folder: Path) -> Path:
        """Write it whole into a run's folder (0700); a file that is there is replaced at once."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target, draft = folder / FILE, folder / f"{FILE}.new"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
        return target

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The plan in a run's folder.

        Raises
        ------
        ConfigError
            If there is none, or it cannot be read.
        """
        try:
            return cls.checked(json.loads((folder / FILE).read_text()))
        except FileNotFoundError:
            raise ConfigError(f"{folder} holds no run: there is no {FILE}. `workbench runs` lists them.") from None
        except ValueError as error:
            raise ConfigError(f"{folder / FILE} is not a plan: {error}. Start the run anew.") from error


def _from_file(path: Path) -> Any:
    """A module from a file of its own, under a name that hides no other."""
    name = f"workbench_bot_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def _keys(given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return []
    return [key for name, value in given.items() for key in (str(name), *_keys(value))]
