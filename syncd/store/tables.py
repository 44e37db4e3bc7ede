"""The tables, one comment each; the migrations in full must equal them.

Times are whole milliseconds since 1970-01-01 UTC, so that both databases order and compare them alike.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import JSON

metadata = MetaData()
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
# SQLite numbers rows by itself only in a column that is spelt INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

# What the systems hold, only the fields that a mapping reads. `changed` has the time at which a field last changed
# where that is later than `first_modified`. Decisions are made from here, never from the wire.
record = Table(
    "record",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("fields", Json, nullable=False),
    Column("changed", Json, nullable=False),
    Column("first_modified", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("survivor", String(255)),
    Column("digest", String(32), nullable=False),
    Index("record_by_modified", "system", "kind", "modified"),
)

# How far each kind was read; saved in the transaction that saves the records. `polled_at` is the start of the latest
# complete read, by our clock: a create needs a fresh look at what is there.
cursor = Table(
    "cursor",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("position", Json),
    Column("fields", Json, nullable=False),
    Column("polled_at", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
)

# Fields that are read for records known already, beside the polls: newly mapped ones, and (`again`) those that change
# without moving the modified time. `after` is the id of the last record done.
filling = Table(
    "filling",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("fields", Json, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("after", String(255), nullable=False),
    Column("since", BigInteger, nullable=False),
)

# By which reading of the keys (`told`) each kind's stored records were looked at, up to the id `after`; null: all.
keyed = Table(
    "keyed",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("told", String(64), nullable=False),
    Column("after", String(255), nullable=True),
)

# The latest complete list of each kind's ids, counted against what is stored.
sweep = Table(
    "sweep",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("theirs", Integer, nullable=False),
    Column("ours", Integer, nullable=False),
    Column("gone", Integer),  # not listed any more since `gone_since`, of `gone_of` that were known then
    Column("gone_of", Integer),
    Column("gone_since", BigInteger),
)

# What we believe: golden values, where each came from, and the folded stage events (`state`). `look_at`: when the mere
# passing of time may change what is decided.
entity = Table(
    "entity",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("values", Json, nullable=False),
    Column("provenance", Json, nullable=False),
    Column("state", Json, nullable=False),
    Column("definition", String(32)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("look_at", BigInteger),
    Index("entity_by_kind", "kind"),
    Index("entity_by_look", "look_at"),
)

# Which record is which entity, stored once and never guessed again.
link = Table(
    "link",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("record_id", String(255), primary_key=True),
    Column("entity", String(26), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("since", BigInteger, nullable=False),
    Index("link_by_entity", "entity"),
)

# Canonical values by which an entity can be found; several kinds of key, none required alone. `stated`: false for one
# that a lead's records told once and tell no longer; it links nobody by itself.
match_key = Table(
    "match_key",
    metadata,
    Column("entity_kind", String(16), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("value", String(512), primary_key=True),
    Column("entity", String(26), primary_key=True),
    Column("stated", Boolean, nullable=False, server_default=true()),
    Index("match_key_by_entity", "entity"),
)

# Per linked record and field over there the last value both sides held, and whether we wrote it ("w") or read it ("r").
agreed = Table(
    "agreed",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("record_id", String(255), primary_key=True),
    Column("values", Json, nullable=False),
)

# What handoff must look at. A key, never an event: handoff reads everything again.
due = Table(
    "due",
    metadata,
    Column("entity", String(26), primary_key=True),
    Column("rank", Integer, nullable=False),  # accounts and branches before leads: leads point at them
    Column("since", BigInteger, nullable=False),
    Column("why", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Index("due_by_time", "not_before", "rank"),
)

# A write, decided and committed before it is sent. planned -> done | refused | gone, or deferred | lapsed: whether it
# was applied is not known; settled: nobody waits for that any more, as the record was read again. One of `undo` is
# settled from the start, until its answer comes.
intent = Table(
    "intent",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("batch", String(26), nullable=False),
    Column("entity", String(26), nullable=False),
    Column("system", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("record_id", String(255)),
    Column("request", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("answer", Json),
    Column("at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Index("intent_by_batch", "batch", "state"),
    Index("intent_by_entity", "entity", "at"),
    Index("intent_by_state", "state"),
)

# Moves on the ladder; the funnel is events, not a field.
stage_event = Table(
    "stage_event",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("lead", String(26), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("from_stage", String(64)),
    Column("to_stage", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
    Column("reason", String(64)),
    Column("reason_text", Text),
    Column("definition", String(32), nullable=False),
    Index("stage_event_by_lead", "lead", "at"),
)

# What the gate said. `facts` holds missing, invalid and stale, each with who can fill it.
verdict = Table(
    "verdict",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("lead", String(26), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("facts", Json, nullable=False),
    Column("definition", String(32), nullable=False),
    Column("released_at", BigInteger),
    Index("verdict_by_lead", "lead", "at"),
    Index("verdict_open", "outcome", "released_at"),
)

# Who can own records, as each system last told: its id, e-mail address in lower case (none for a queue), still active.
person = Table(
    "person",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("email", String(320)),
    Column("active", Boolean, nullable=False),
)

# Who let which lead pass without which facts (none named: any), until when; one ended early has `ended_by`.
waiver = Table(
    "waiver",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("lead", String(26), nullable=False),
    Column("facts", Json, nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_by", String(128)),
    Index("waiver_by_lead", "lead"),
    Index("waiver_by_end", "until"),
)

# What a person read or did, for the score and the rep's view.
touch = Table(
    "touch",
    metadata,
    Column("lead", String(26), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("what", Text),
    Column("campaign", Text),
)

# Every change of every field, with its reason; one row per decision, its fields in `changes`.
ledger = Table(
    "ledger",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("entity", String(26), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("changes", Json, nullable=False),
    Column("mapping", String(32), nullable=False),
    Column("definition", String(32), nullable=False),
    Index("ledger_by_entity", "entity", "at"),
)

# The inbox: what needs a person. `key` makes the same trouble one row that counts.
problem = Table(
    "problem",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("key", String(255), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("system", String(64)),
    Column("entity", String(26)),
    Column("record", String(512)),
    Column("message", Text, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Index("problem_by_entity", "entity", "open"),
)

# Every set of the admins' files that was in force or planned (kind "set"): definition, mappings, the tables they use
# and the cases, whole, under the digest that decisions name. `content` is JSON: files, and the systems they are for.
version = Table(
    "version",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("digest", String(32), primary_key=True),
    Column("file", String(255), nullable=False),
    Column("content", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(128), nullable=False),
)

# Which version was in force from when on; the latest row is the one that every worker goes by. `how`: start, edit,
# approve or rollback.
in_force = Table(
    "in_force",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("version", String(32), nullable=False),
    Column("previous", String(32)),
    Column("at", BigInteger, nullable=False),
    Column("how", String(16), nullable=False),
    Column("by", String(128), nullable=False),
    Column("plan", String(32)),
)

# What an edit would do: from version `base` to `target`. `marks` tells, for as long as it is held, every field that it
# would change, by digests of the values, so that approving can tell what moved since.
plan = Table(
    "plan",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("base", String(32), nullable=False),
    Column("target", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("summary", Json, nullable=False),
    Column("marks", LargeBinary),
)

# What each poll and handoff did: counts by fate, calls spent.
run = Table(
    "run",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("what", String(64), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("fates", Json, nullable=False),
    Column("calls", Json, nullable=False),
    Column("error", Text),
    Index("run_by_time", "started_at"),
)

# Which workers share this state, and when each was last alive; a dead one's workflows are taken over.
worker = Table(
    "worker",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("version", String(32), nullable=False),
)

# Whose writes a brake holds, and how many records they are; nothing of such an entity is written. A brake is closed for
# as long as it has a row that nobody approved; an approved one lets its entity pass that brake until it was written.
held = Table(
    "held",
    metadata,
    Column("entity", String(26), primary_key=True),
    Column("brake", String(16), primary_key=True),
    Column("records", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("approved_at", BigInteger),
)

# What a person let through by hand: what a brake held (`entities` of them), or what a sweep asked about ("vanished").
approval = Table(
    "approval",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("what", String(64), nullable=False),
    Column("by", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("entities", Integer),
)

# How a system described a kind of record when last asked, so that a change is seen. `fields`: name -> type, label, and
# for a mapped one that is gone since when and by which other it seems to be replaced. `gaps`: what cannot be used now.
# `mapping` is the digest of the mapping that the types are remembered under: an edit takes what it finds as given.
description = Table(
    "description",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("fields", Json, nullable=False),
    Column("gaps", Json, nullable=False),
    Column("mapping", String(32), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# Whose data this state holds: ids of one account say nothing in another. `seal` is a keyed hash of the settings under
# which the account was last asked, so that it is asked again only when they change.
account = Table(
    "account",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("account", String(255), nullable=False),
    Column("seal", String(128), nullable=False),
    Column("since", BigInteger, nullable=False),
)

# API calls that all workers on this state spent, by hour. `allowed` is our own budget of a day, `remaining` what the
# system said is left for everybody; both as last known, null when not.
budget = Table(
    "budget",
    metadata,
    Column("system", String(64), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("used", Integer, nullable=False),
    Column("allowed", Integer),
    Column("remaining", Integer),
)

# What people said of two that resemble each other: `entity` belongs to the account or branch `candidate`, is the same
# person as the lead `candidate`, or (`same` false) neither; about `create` it is said of the lead itself whether it is
# made in the CRM. `problem` is the number of the question that was answered.
# Deciding obeys it until it is undone.
pairing = Table(
    "pairing",
    metadata,
    Column("entity", String(26), primary_key=True),
    Column("candidate", String(26), primary_key=True),
    Column("about", String(16), nullable=False),
    Column("same", Boolean, nullable=False),
    Column("problem", BigInteger, nullable=False),
    Column("by", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("pairing_by_candidate", "candidate"),
    Index("pairing_by_problem", "problem"),
)
