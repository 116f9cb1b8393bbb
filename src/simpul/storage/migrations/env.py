"""Alembic's entry: runs on the connection, and inside the transaction, that `storage.schema.upgrade` lends it."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
