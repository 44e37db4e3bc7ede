"""Reads the keys of stored records anew, after an edit or a newer build by which they tell others than they did."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from syncd.lead.definition import EntityKind
from syncd.mapping.model import KindMap, Mappings
from syncd.pipeline.intake import link_again
from syncd.pipeline.keys import key_rows, keys_in, let_go
from syncd.pipeline.succession import RANK, follow_keys, follow_losses
from syncd.stages.match import Key, told_kinds
from syncd.store import intake, succession
from syncd.store.database import serialise_intake


def read_keys_anew(connection: Connection, mappings: Mappings, kind_map: KindMap, ids: Sequence[str], now: int) -> int:
    """Have these records found by what they tell now; return how many entities gained or lost a key and are due.

    What becomes of a key is as where a record itself tells it only now, or no longer (0025). A record of which a person
    was asked whose it is waits for the answer, or for its next change.
    """
    serialise_intake(connection)
    system, kind = kind_map.system, kind_map.kind
    links = intake.links_of(connection, system, kind, ids)
    stored = intake.stored_records(connection, system, kind, list(links))
    fields = {one: found.fields for one, found in stored.items() if not found.deleted}
    keys = {one: keys_in(mappings, kind_map, told) for one, told in fields.items()}
    held = intake.keys_held(connection, set(links.values()), told_kinds(mappings.definition, kind_map.entity))
    intake.save_keys(
        connection, [row for one in keys for row in key_rows(kind_map, links[one], keys[one], fields[one])]
    )
    gained = {one: set(found).difference(held.get(links[one], ())) for one, found in keys.items()}
    told: dict[str, set[Key]] = {}
    for one, entity in links.items():
        told.setdefault(entity, set()).update(keys.get(one, ()))
    lost, freed = let_go(connection, mappings, kind_map.entity, told, now)
    changed = {links[one] for one, found in gained.items() if found} | set(lost)
    intake.mark_due(connection, dict.fromkeys(changed, RANK[kind_map.entity]), now, "its keys are read anew")
    settled = succession.waiting_records(connection, lost) if lost else []
    if kind_map.entity is EntityKind.LEAD:
        names = mappings.definition.identifying[EntityKind.LEAD]
        anew = {one: new for one, found in gained.items() if (new := {key for key in found if key[0] in names})}
        settled += follow_keys(connection, mappings, kind_map, anew, now).settled
        settled += follow_losses(connection, mappings, kind_map, (), freed, now).settled
    for waiting in dict.fromkeys(settled):
        link_again(connection, mappings, waiting[0], waiting[1], [waiting[2]], now)
    return len(changed)
