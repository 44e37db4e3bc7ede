"""Where a value comes from is a list in place of a section with a name for each part."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON_TEXT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ENTITY = sa.table("entity", sa.column("id", sa.String), sa.column("provenance", JSON_TEXT))
PARTS = ("system", "kind", "id", "at", "rule", "method")
PAGE = 5_000


def upgrade() -> None:
    _rewrite(lambda origin: [*(origin[part] for part in PARTS), "insists" in origin])


def downgrade() -> None:
    _rewrite(lambda origin: {**dict(zip(PARTS, origin, strict=False)), **({"insists": True} if origin[6] else {})})


def _rewrite(change: Callable[[Any], Any]) -> None:
    connection = op.get_bind()
    save = sa.update(ENTITY).where(ENTITY.c.id == sa.bindparam("b_id")).values(provenance=sa.bindparam("b_provenance"))
    after = ""
    while True:
        page = sa.select(ENTITY).where(ENTITY.c.id > after).order_by(ENTITY.c.id).limit(PAGE)
        rows = connection.execute(page).all()
        if not rows:
            return
        after = rows[-1].id
        changed = [(row.id, {name: change(one) for name, one in row.provenance.items()}) for row in rows]
        connection.execute(save, [{"b_id": one, "b_provenance": provenance} for one, provenance in changed])
