"""What people answered in review as labelled pairs, each as the daemon compared it when it asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from syncd.lead.decision import EntityView, Related
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.matching import Party
from syncd.matching.tuning import Label
from syncd.pipeline.doubles import near_people
from syncd.pipeline.resembling import near_places
from syncd.stages.enrich import as_compared, candidate_of
from syncd.stages.recognise import frequencies_among, person_of
from syncd.store import pairings
from syncd.store.tables import entity
from syncd.store.views import load_related, load_views


def answered_labels(connection: Connection, mappings: Mappings, about: EntityKind) -> list[Label]:
    """Return a label for each answer about this kind of candidate, of those that are still known."""
    said = [row for row in pairings.all_said(connection) if row.about == about.value]
    views = {view.id: view for view in load_views(connection, sorted({row.entity for row in said}))}
    near = _near(connection, mappings, list(views.values()), about)
    ids = {one for row in said for one in (row.entity, row.candidate)} | {one for ids in near.values() for one in ids}
    known = load_related(connection, ids)
    return [
        _label(mappings, views[row.entity], known, row.candidate, near.get(row.entity, ()), about, bool(row.same))
        for row in said
        if row.entity in views and row.candidate in known
    ]


def all_candidates(connection: Connection, mappings: Mappings, about: EntityKind) -> list[Party]:
    """Return all that answers about this kind of candidate could have been about."""
    query = select(entity.c.id, entity.c["values"]).where(entity.c.kind == about.value)
    blank = mappings.definition.placeholders
    return [
        person_of(values, one, blank) if about is EntityKind.LEAD else candidate_of(values, one)
        for one, values in connection.execute(query)
    ]


# ---------------------------------------------------------------------------------------------------------------------


def _near(
    connection: Connection, mappings: Mappings, views: Sequence[EntityView], about: EntityKind
) -> Mapping[str, Sequence[str]]:
    if about is EntityKind.LEAD:
        people = {view.id: person_of(view.values, view.id, mappings.definition.placeholders) for view in views}
        return near_people(connection, people)
    return near_places(connection, views, about)


def _label(
    mappings: Mappings,
    view: EntityView,
    known: Mapping[str, Related],
    candidate: str,
    near: Sequence[str],
    about: EntityKind,
    same: bool,
) -> Label:
    alike = [known[one] for one in near if one in known and one != view.id]
    if about is EntityKind.LEAD:
        blank = mappings.definition.placeholders
        mine = person_of(view.values, view.id, blank)
        others = {one.id: one for one in (*alike, known[candidate])}
        return Label(
            left=mine,
            right=person_of(known[candidate].values, candidate, blank),
            same=same,
            frequencies=frequencies_among(mine, list(others.values()), blank),
        )
    left, right, frequencies = as_compared(view.kind, known[view.id], known[candidate], about, alike)
    return Label(left=left, right=right, same=same, frequencies=frequencies)
