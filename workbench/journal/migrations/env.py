"""How Alembic reaches the database: over the connection that `open_database` hands it."""

from __future__ import annotations

from alembic import context

from workbench.journal.database import VERSIONS
from workbench.journal.tables import Row

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Row.metadata, version_table=VERSIONS,
    transactional_ddl=False,
)  # fmt: skip
context.run_migrations()
