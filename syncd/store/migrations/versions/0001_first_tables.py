"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON_TEXT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreed",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=False),
        sa.Column("values", JSON_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("system", "kind", "record_id"),
    )
    op.create_table(
        "cursor",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("position", JSON_TEXT, nullable=True),
        sa.Column("fields", JSON_TEXT, nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("system", "kind"),
    )
    op.create_table(
        "due",
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity"),
    )
    op.create_index("due_by_time", "due", ["not_before", "rank"], unique=False)
    op.create_table(
        "entity",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("values", JSON_TEXT, nullable=False),
        sa.Column("provenance", JSON_TEXT, nullable=False),
        sa.Column("state", JSON_TEXT, nullable=False),
        sa.Column("definition", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("entity_by_kind", "entity", ["kind"], unique=False)
    op.create_table(
        "intent",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("batch", sa.String(length=26), nullable=False),
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=True),
        sa.Column("request", JSON_TEXT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("answer", JSON_TEXT, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("intent_by_batch", "intent", ["batch", "state"], unique=False)
    op.create_index("intent_by_entity", "intent", ["entity", "at"], unique=False)
    op.create_index("intent_by_state", "intent", ["state"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("changes", JSON_TEXT, nullable=False),
        sa.Column("mapping", sa.String(length=32), nullable=False),
        sa.Column("definition", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ledger_by_entity", "ledger", ["entity", "at"], unique=False)
    op.create_table(
        "link",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=False),
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "kind", "record_id"),
    )
    op.create_index("link_by_entity", "link", ["entity"], unique=False)
    op.create_table(
        "match_key",
        sa.Column("entity_kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=512), nullable=False),
        sa.Column("entity", sa.String(length=26), nullable=False),
        sa.PrimaryKeyConstraint("entity_kind", "key", "value", "entity"),
    )
    op.create_index("match_key_by_entity", "match_key", ["entity"], unique=False)
    op.create_table(
        "problem",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=True),
        sa.Column("entity", sa.String(length=26), nullable=True),
        sa.Column("record", sa.String(length=512), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("problem_by_entity", "problem", ["entity", "open"], unique=False)
    op.create_table(
        "record",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("fields", JSON_TEXT, nullable=False),
        sa.Column("changed", JSON_TEXT, nullable=False),
        sa.Column("first_modified", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("survivor", sa.String(length=255), nullable=True),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("system", "kind", "id"),
    )
    op.create_index("record_by_modified", "record", ["system", "kind", "modified"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("fates", JSON_TEXT, nullable=False),
        sa.Column("calls", JSON_TEXT, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("run_by_time", "run", ["started_at"], unique=False)
    op.create_table(
        "stage_event",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("lead", sa.String(length=26), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("from_stage", sa.String(length=64), nullable=True),
        sa.Column("to_stage", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("reason_text", sa.Text(), nullable=True),
        sa.Column("definition", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("stage_event_by_lead", "stage_event", ["lead", "at"], unique=False)
    op.create_table(
        "touch",
        sa.Column("lead", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lead", "kind", "at"),
    )
    op.create_table(
        "verdict",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("lead", sa.String(length=26), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("facts", JSON_TEXT, nullable=False),
        sa.Column("definition", sa.String(length=32), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("verdict_by_lead", "verdict", ["lead", "at"], unique=False)
    op.create_index("verdict_open", "verdict", ["outcome", "released_at"], unique=False)
    op.create_table(
        "version",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "approval",
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )


def downgrade() -> None:
    op.drop_table("approval")
    op.drop_table("worker")
    op.drop_table("version")
    op.drop_index("verdict_open", table_name="verdict")
    op.drop_index("verdict_by_lead", table_name="verdict")
    op.drop_table("verdict")
    op.drop_table("touch")
    op.drop_index("stage_event_by_lead", table_name="stage_event")
    op.drop_table("stage_event")
    op.drop_index("run_by_time", table_name="run")
    op.drop_table("run")
    op.drop_index("record_by_modified", table_name="record")
    op.drop_table("record")
    op.drop_index("problem_by_entity", table_name="problem")
    op.drop_table("problem")
    op.drop_index("match_key_by_entity", table_name="match_key")
    op.drop_table("match_key")
    op.drop_index("link_by_entity", table_name="link")
    op.drop_table("link")
    op.drop_index("ledger_by_entity", table_name="ledger")
    op.drop_table("ledger")
    op.drop_index("intent_by_state", table_name="intent")
    op.drop_index("intent_by_entity", table_name="intent")
    op.drop_index("intent_by_batch", table_name="intent")
    op.drop_table("intent")
    op.drop_index("entity_by_kind", table_name="entity")
    op.drop_table("entity")
    op.drop_index("due_by_time", table_name="due")
    op.drop_table("due")
    op.drop_table("cursor")
    op.drop_table("agreed")
