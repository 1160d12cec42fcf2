"""An endpoint: where it is, what it costs, who may ask, and what answers. REST and the WebSocket API share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.params import Params

if TYPE_CHECKING:
    from workbench.connectors.simulated.desk import Desk

NONE, KEY, SIGNED = "NONE", "KEY", "SIGNED"


@dataclass(slots=True)
class Call:
    """One request, read and let in."""

    desk: Desk
    params: Params
    account: Account | None = None
    session: Any = None  # the socket that it came over, if it came over one

    @property
    def owner(self) -> Account:
        """Who asks; only endpoints that want a key have one."""
        assert self.account is not None, "the endpoint wants a key"
        return self.account


Answer = Callable[[Call], Any]
Weight = int | Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the venue's endpoints. `word` is its name in the WebSocket API, if it has one."""

    method: str
    path: str
    answer: Answer
    weight: Weight = 1
    security: str = NONE
    orders: int = 0  # how much it adds to the count of orders
    word: str = ""
    strict: bool = False  # parameters that it does not know are refused

    def cost(self, params: Params) -> int:
        """Its weight for these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def by_symbol(one: int, all_of_them: int) -> Callable[[Params], int]:
    """A weight that is higher if no symbol is named."""
    return lambda params: one if "symbol" in params or "symbols" in params else all_of_them


def by_limit(*steps: tuple[int, int], default: int) -> Callable[[Params], int]:
    """A weight by how many rows are asked for: (rows up to, weight)."""

    def weight(params: Params) -> int:
        given = params.values.get("limit", "")
        rows = int(given) if given.isdigit() else default
        return next((cost for most, cost in steps if rows <= most), steps[-1][1])

    return weight
