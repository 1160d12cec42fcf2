"""A text that shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn, Self

HIDDEN = "********"


class Secret:
    """A text that is hidden in repr, str, format, `vars`, tracebacks and copies, and cannot be pickled.

    Examples
    --------
    >>> Secret("geheim")
    Secret(********)
    >>> Secret("geheim").reveal()
    'geheim'
    """

    __slots__ = ("__text",)

    def __init__(self, text: str = "") -> None:
        self.__text = text

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """The text as a secret, if it is not one."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """The text. Hand it on at once, and give it no name: a traceback shows what has one."""
        return self.__text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN if self.__text else ''})"

    def __str__(self) -> str:
        return HIDDEN if self.__text else ""

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__text.encode(), other.__text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError("A secret is not pickled: it would be read from the file. Hand it over a pipe.")


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """What an account signs with, as the vault gives it out."""

    key: Secret = field(default_factory=Secret)
    secret: Secret = field(default_factory=Secret)
    password: Secret = field(default_factory=Secret)
    wallet: Secret = field(default_factory=Secret)

    @classmethod
    def make(cls, *, key: str = "", secret: str = "", password: str = "", wallet: str = "") -> Self:
        """Keys of plain texts."""
        return cls(Secret(key), Secret(secret), Secret(password), Secret(wallet))

    def reveal(self) -> dict[str, str]:
        """As plain texts by name, as `connectors.Keys` takes them; those that are empty are left out."""
        return {part.name: text for part in fields(self) if (text := getattr(self, part.name).reveal())}

    def __bool__(self) -> bool:
        return bool(self.key or self.wallet)
