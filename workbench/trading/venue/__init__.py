"""What a venue has beyond a plain account: purses, perpetuals, and models of how it answers.

A run that uses any of it has a world with purses. Kernels of such a world call the functions here in place of the plain
ones; a plain world is compiled without them. docs/perpetuals.md and docs/matching.md are the contract.
"""

from workbench.trading.venue import answering, budget, executing, funding, liquidation, marks, money, owning
from workbench.trading.venue.records import (
    CONTROLLER,
    FUNDING,
    MAX_CONTROLLERS,
    MAX_PURSES,
    MAX_TIERS,
    PAYMENT,
    PURSE,
    PURSE_WORLD,
    TIER,
    Extra,
    FillModel,
    PurseKind,
    Stop,
    new_purse_world,
)

__all__ = [
    "CONTROLLER",
    "FUNDING",
    "MAX_CONTROLLERS",
    "MAX_PURSES",
    "MAX_TIERS",
    "PAYMENT",
    "PURSE",
    "PURSE_WORLD",
    "TIER",
    "Extra",
    "FillModel",
    "PurseKind",
    "Stop",
    "answering",
    "budget",
    "executing",
    "funding",
    "liquidation",
    "marks",
    "money",
    "new_purse_world",
    "owning",
]
