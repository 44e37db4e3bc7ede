"""Queries for one entity's whole story: records, links, stage events, verdicts, touches, ledger, writes, problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, or_, select

from syncd.lead.definition import EntityKind
from syncd.store.tables import (
    intent,
    ledger,
    link,
    pairing,
    problem,
    record,
    stage_event,
    touch,
    verdict,
    waiver,
)

Row = Mapping[str, Any]
MOST_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class History:
    """Rows as stored, oldest first."""

    records: Sequence[Row]
    moves: Sequence[Row]
    verdicts: Sequence[Row]
    touches: Sequence[Row]
    ledger: Sequence[Row]
    writes: Sequence[Row]
    problems: Sequence[Row]
    said: Sequence[Row]  # what people said of those it resembles
    waivers: Sequence[Row]


def read_history(connection: Connection, entity: str) -> History:
    return History(
        records=_records(connection, entity),
        moves=_rows(connection, stage_event, stage_event.c.lead == entity, stage_event.c.id),
        verdicts=_rows(connection, verdict, verdict.c.lead == entity, verdict.c.id),
        touches=_rows(connection, touch, touch.c.lead == entity, touch.c.at),
        ledger=_rows(connection, ledger, ledger.c.entity == entity, ledger.c.id),
        writes=_rows(connection, intent, intent.c.entity == entity, intent.c.at),
        problems=_rows(connection, problem, and_(problem.c.entity == entity, problem.c.open), problem.c.id),
        said=_rows(connection, pairing, or_(pairing.c.entity == entity, _of_two_leads(entity)), pairing.c.at),
        waivers=_rows(connection, waiver, waiver.c.lead == entity, waiver.c.id),
    )


# ---------------------------------------------------------------------------------------------------------------------


def _of_two_leads(entity: str) -> Any:
    """What is said of two people is said of either, whichever was asked about."""
    return and_(pairing.c.candidate == entity, pairing.c.about == EntityKind.LEAD.value)


def _rows(connection: Connection, table: Table, where: Any, order: Any) -> Sequence[Row]:
    query = select(table).where(where).order_by(order.desc()).limit(MOST_ROWS)
    return [_plain(row._mapping) for row in connection.execute(query)][::-1]


def _records(connection: Connection, entity: str) -> Sequence[Row]:
    query = (
        select(link.c.system, link.c.kind, link.c.record_id, link.c.rule, link.c.since, record.c.deleted)
        .select_from(link)
        .outerjoin(
            record,
            and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id),
        )
        .where(link.c.entity == entity)
        .order_by(link.c.since, link.c.system, link.c.kind)
    )
    return [_plain(row._mapping) for row in connection.execute(query)]


def _plain(row: RowMapping) -> Row:
    """The name of a column may be of a kind of text that JSON does not take."""
    return {str(column): value for column, value in row.items()}
