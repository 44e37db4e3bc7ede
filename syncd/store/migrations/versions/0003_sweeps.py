"""What whole readings found: the latest sweep of each kind, and fields that are being filled in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON_TEXT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "filling",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("fields", JSON_TEXT, nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("after", sa.String(length=255), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "kind"),
    )
    op.create_table(
        "sweep",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("theirs", sa.Integer(), nullable=False),
        sa.Column("ours", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system", "kind"),
    )


def downgrade() -> None:
    op.drop_table("sweep")
    op.drop_table("filling")
