"""By which reading of the keys the stored records were looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keyed",
        sa.Column("system", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(64), primary_key=True),
        sa.Column("told", sa.String(64), nullable=False),
        sa.Column("after", sa.String(255), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("keyed")
