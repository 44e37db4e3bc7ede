"""The engine keeps no schedules any more: what it would start by them is none of its workflows now."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    schema = "dbos" if connection.dialect.name == "postgresql" else None
    if not sa.inspect(connection).has_table("workflow_schedules", schema=schema):
        return
    schedules = sa.table("workflow_schedules", schema=schema)
    started = sa.table("workflow_status", sa.column("name"), sa.column("status"), schema=schema)
    open_ones = started.c.status.in_(["ENQUEUED", "PENDING"]) & started.c.name.in_(["tick", "sweep tick", "tidy"])
    connection.execute(sa.delete(schedules))
    connection.execute(sa.delete(started).where(open_ones))


def downgrade() -> None:
    """An older build makes its schedules at each start."""
