"""How Alembic reaches a run's database: over the connection that `open_store` hands it."""

from __future__ import annotations

from alembic import context

from workbench.journal.records import Record
from workbench.journal.stores import VERSIONS

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Record.metadata, version_table=VERSIONS,
    transactional_ddl=False,
)  # fmt: skip
context.run_migrations()
