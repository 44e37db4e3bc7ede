"""How many records of a kind sweeps found to be gone lately."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sweep") as table:
        table.add_column(sa.Column("gone", sa.Integer(), nullable=True))
        table.add_column(sa.Column("gone_of", sa.Integer(), nullable=True))
        table.add_column(sa.Column("gone_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sweep") as table:
        table.drop_column("gone_since")
        table.drop_column("gone_of")
        table.drop_column("gone")
