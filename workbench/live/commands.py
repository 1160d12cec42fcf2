"""What a runner can be asked and told; the control server puts it behind HTTP, in the runner's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

Answer = dict[str, Any]  # JSON values only


class Commands(Protocol):
    """The only way in. Each command is journalled with who asked, takes effect in the loop, and answers with facts.

    A command that cannot be done raises `ConfigError` with what to do instead.
    """

    def status(self) -> Answer:
        """What the run is and does: state, positions, orders, executors, equity, ages, warnings. Never waits."""

    def events(self, after: int = 0, limit: int = 200) -> list[Answer]:
        """Entries of the journal after a number, oldest first."""

    def follow(self, after: int = 0) -> AsyncIterator[Answer]:
        """Entries after a number, and each that comes, until the reader goes."""

    def look(self) -> Answer:
        """The status with the book, money at the price heard last, and what may be changed; for panels."""

    async def pause(self, *, who: str = "") -> Answer:
        """Open nothing more; exits and protection go on."""

    async def resume(self, *, who: str = "") -> Answer:
        """Open again."""

    async def update(self, parameters: Mapping[str, Any], *, who: str = "") -> Answer:
        """Change parameters of the bot that may change while it trades."""

    async def prepare(self, parameters: Mapping[str, Any], *, who: str = "") -> Answer:
        """Lay new parameters ready; the answer has the ticket to commit them by."""

    async def commit(self, ticket: int, *, who: str = "") -> Answer:
        """Let the set of this ticket take over at the end of the open bar."""

    async def discard(self, ticket: int, *, who: str = "") -> Answer:
        """Take it away again."""

    async def stop(self, *, hold: bool = True, who: str = "") -> Answer:
        """Nothing new, cancel, wait for proof, close what is held unless `hold`; says what is left, within 30 s."""

    async def kill(self, *, flatten: bool = False, who: str = "") -> Answer:
        """Cancel everything of the run's instruments now, prove it, and end; `flatten` sells what is left."""
