"""When the mere passing of time may change what is decided of a lead; every lead is looked at once, to know."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entity", sa.Column("look_at", sa.BigInteger(), nullable=True))
    op.create_index("entity_by_look", "entity", ["look_at"])
    op.execute("UPDATE entity SET look_at = 0 WHERE kind = 'lead'")


def downgrade() -> None:
    op.drop_index("entity_by_look", table_name="entity")
    op.drop_column("entity", "look_at")
