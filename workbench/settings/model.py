"""What `config.yaml` may say: frozen models, in which an unknown key is an error. Nothing secret belongs here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from workbench.errors import ConfigError
from workbench.settings.vault import record_name
from workbench.trading import Limits

VERSION: Literal[1] = 1
SECRET = re.compile(r"secret|password|passphrase|private|mnemonic|api_?key|token", re.IGNORECASE)
WITH_PASSWORD = re.compile(r"://[^/@:]*:[^@/]+@")

Rate = Annotated[Decimal, Field(ge=Decimal("-0.1"), le=Decimal("0.1"))]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Frozen = AfterValidator(lambda given: MappingProxyType(dict(given)))


def _nothing_secret(given: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in _keys(given):
        if SECRET.search(key):
            raise ValueError(f"`{key}` looks like a secret, and this file lies open: `workbench secrets add` keeps it")
    return given


def _keys(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield str(name)
            yield from _keys(value)


Open = AfterValidator(_nothing_secret)


class Part(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Defaults(Part):
    """What is meant when nothing is said."""

    venue: Text = Field(default="binance", description="Where to trade.")
    account: Text = Field(default="main", description="Which account there.")
    timeframe: Text = Field(default="1m", description="Of the bars that a run decides on.")
    quote: Text = Field(default="USDT", description="The currency that values are shown in.")
    cash: Annotated[Decimal, Field(gt=0)] = Field(default=Decimal(10_000), description="Quote currency of a paper run.")
    journal: Text | None = Field(
        default=None,
        description="Address of a PostgreSQL database for all runs; left out: a file in each run's folder.",
    )

    @field_validator("journal")
    @classmethod
    def _no_password(cls, url: str | None) -> str | None:
        if url and WITH_PASSWORD.search(url):
            raise ValueError("an address with a password in it lies open: leave it out and use ~/.pgpass")
        return url


class Hosts(Part):
    """Where a venue is reached, if not at its own hosts; paths stay the venue's."""

    http: Text | None = Field(default=None, description="http://127.0.0.1:8090")
    ws: Text | None = Field(default=None, description="ws://127.0.0.1:8090")

    @model_validator(mode="after")
    def _are_addresses(self) -> Hosts:
        for given, schemes in ((self.http, ("http://", "https://")), (self.ws, ("ws://", "wss://"))):
            if given is not None and not given.startswith(schemes):
                raise ValueError(f"{given!r} is no address: it begins with {' or '.join(schemes)}")
        return self


class Venue(Part):
    """One venue, as far as it differs from what workbench knows of it."""

    kind: Text | None = Field(default=None, description="Whose dialect it speaks, if not its own: binance, …")
    urls: Hosts = Field(default=Hosts(), description="Other hosts than its own.")
    perpetual_urls: Hosts = Field(default=Hosts(), description="Of its perpetuals, where those are others again.")
    sandbox: bool = Field(default=False, description="Its test environment.")
    options: Annotated[Mapping[str, Any], Open, Frozen] = Field(default={}, description="Given to its client.")


class Account(Part):
    """One account at a venue; its keys lie in the vault, under venue:account."""

    note: str = Field(default="", max_length=200, description="For you.")
    instruments: tuple[Text, ...] = Field(default=(), description="What may be traded with it; empty: all.")
    max_leverage: Annotated[int, Field(ge=1, le=200)] | None = Field(default=None, description="More is refused.")


class Fee(Part):
    """What trading costs, as fractions: 0.001 is 0.1 %."""

    maker: Rate | None = Field(default=None, description="Of the value, for an order that rested.")
    taker: Rate | None = Field(default=None, description="Of the value, for one that did not.")
    paid_in: Text | None = Field(default=None, description="quote, received, or an asset such as BNB.")
    discount: Annotated[Decimal, Field(ge=0, lt=1)] | None = Field(
        default=None, description="Off, if paid in an asset."
    )
    fixed: Annotated[Mapping[str, Decimal], Frozen] = Field(default={}, description="On top of each fill, by asset.")


class Logs(Part):
    """What is written to a run's log."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="The least to be written.")
    max_mb: Annotated[int, Field(ge=1, le=1_000)] = Field(default=10, description="Of one file.")
    keep: Annotated[int, Field(ge=1, le=100)] = Field(default=7, description="Files, the oldest goes first.")


class Config(Part):
    """All settings. `load_config` reads them."""

    version: Literal[1] = Field(default=VERSION, description="Of this file; `workbench config migrate` raises it.")
    defaults: Defaults = Field(default=Defaults(), description="What is meant when nothing is said.")
    venues: Annotated[Mapping[str, Venue], Frozen] = Field(
        default={}, description="Venues that are not as they are known."
    )
    accounts: Annotated[Mapping[str, Account], Frozen] = Field(default={}, description="Accounts, as venue:account.")
    fees: Annotated[Mapping[str, Fee], Frozen] = Field(
        default={}, description="Fees that differ: by venue, venue:account, or either with an instrument after a space."
    )
    limits: Limits = Field(default=Limits(), description="What no run may exceed, unless it is told otherwise.")
    logs: Logs = Field(default=Logs(), description="What is written to a run's log.")

    @field_validator("limits", mode="before")
    @classmethod
    def _known(cls, limits: Any) -> Any:
        for name in limits if isinstance(limits, Mapping) else ():
            if name not in Limits.model_fields:
                raise ValueError(f"there is no limit `{name}`. {_hint(str(name), sorted(Limits.model_fields))}")
        return limits

    @field_validator("accounts")
    @classmethod
    def _named(cls, accounts: Mapping[str, Account]) -> Mapping[str, Account]:
        for name in accounts:
            if record_name(name) != name:
                raise ValueError(f"{name!r} names no account: write venue:account")
        return accounts

    def venue(self, name: str) -> Venue:
        """What is set for a venue; nothing, if nothing is."""
        return self.venues.get(name, Venue())

    def account(self, name: str) -> Account:
        """What is set for an account, named venue:account."""
        return self.accounts.get(record_name(name), Account())

    def fee(self, venue: str, account: str = "", instrument: str = "") -> Fee:
        """The fees that are set: the instrument's before the account's before the venue's, each field for itself."""
        whole = f"{venue}:{account}" if account else venue
        found = [self.fees[name] for name in (venue, whole, f"{venue} {instrument}", f"{whole} {instrument}")
                 if name in self.fees]  # fmt: skip
        merged: dict[str, Any] = {}
        for fee in found:
            merged.update({name: value for name, value in fee if value not in (None, {})})
        return Fee(**merged)


def checked(values: Any, *, where: str = "the settings") -> Config:
    """Settings of plain values.

    Raises
    ------
    ConfigError
        If something in them cannot be: which, and for an unknown key, which was probably meant.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        said = [_in_words(found) for found in error.errors()]
        raise ConfigError(f"{where}: {'; '.join(said[:5]).rstrip('.')}.") from None


def _in_words(found: Any) -> str:
    path = ".".join(str(part) for part in found["loc"])
    if found["type"] != "extra_forbidden":
        return f"`{path}`: {str(found['msg']).removeprefix('Value error, ')}" if path else str(found["msg"])
    known = _fields_at(found["loc"][:-1])
    return f"`{path}` is not known. {_hint(str(found['loc'][-1]), known)}"


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(known)}"


def _fields_at(path: tuple[Any, ...]) -> list[str]:
    """The keys of the model at a place."""
    model: Any = Config
    by_name = False  # the next part is a mapping's key, whose value is of the model that was found
    for part in path:
        if by_name:
            by_name = False
            continue
        field = model.model_fields.get(str(part)) if model is not None else None
        model = _model_of(field.annotation) if field else None
        by_name = model is not None and field is not None and field.annotation is not model
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _model_of(annotation: Any) -> Any:
    """The model in an annotation: itself, or that of a mapping's values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_of(part))), None)
