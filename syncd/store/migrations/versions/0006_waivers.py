"""Who lets which lead pass the gate without which facts, and until when."""

import sqlalchemy as sa
from alembic import op

from syncd.store.tables import Json, RowId

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "waiver",
        sa.Column("id", RowId, nullable=False, autoincrement=True),
        sa.Column("lead", sa.String(length=26), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("waiver_by_lead", "waiver", ["lead"], unique=False)
    op.create_index("waiver_by_end", "waiver", ["until"], unique=False)


def downgrade() -> None:
    op.drop_index("waiver_by_end", table_name="waiver")
    op.drop_index("waiver_by_lead", table_name="waiver")
    op.drop_table("waiver")
