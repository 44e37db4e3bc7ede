"""What the brakes hold, and every word that let something through, where only the latest of each kind was kept."""

import sqlalchemy as sa
from alembic import op

from syncd.store.tables import RowId

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held",
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.Column("brake", sa.String(length=16), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("entity", "brake"),
    )
    op.drop_table("approval")
    op.create_table(
        "approval",
        sa.Column("id", RowId, nullable=False, autoincrement=True),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entities", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("approval")
    op.create_table(
        "approval",
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )
    op.drop_table("held")
