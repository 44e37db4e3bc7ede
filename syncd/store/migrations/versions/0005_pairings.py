"""What people said of two that resemble each other; and known accounts and branches get keys of what they are like."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pairing",
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.Column("candidate", sa.String(length=26), nullable=False),
        sa.Column("about", sa.String(length=16), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "candidate"),
    )
    op.create_index("pairing_by_candidate", "pairing", ["candidate"], unique=False)
    op.create_index("pairing_by_problem", "pairing", ["problem"], unique=False)
    # Deciding one stores its keys, so those that stand here already are decided once more, in the usual small batches.
    op.execute(
        sa.text(
            "INSERT INTO due (entity, rank, since, why, attempts, not_before) "
            "SELECT id, CASE kind WHEN 'account' THEN 0 ELSE 1 END, :now, 'findable by likeness', 0, 0 FROM entity "
            "WHERE kind IN ('account', 'branch') AND id NOT IN (SELECT entity FROM due)"
        ).bindparams(now=time.time_ns() // 1_000_000)
    )


def downgrade() -> None:
    op.drop_index("pairing_by_problem", table_name="pairing")
    op.drop_index("pairing_by_candidate", table_name="pairing")
    op.drop_table("pairing")
