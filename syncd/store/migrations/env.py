"""Alembic's entry: runs the migrations on the connection that syncd.store.database hands over."""

from alembic import context

from syncd.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
