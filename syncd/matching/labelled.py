"""Labels as public sets write them: pairs of ids, clusters, both records; which column is what is found out.

Reading files is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from syncd.matching.party import Party
from syncd.matching.table import FIELDS, guess_columns, parties

YES = frozenset({"yes", "true", "1", "1.0", "y", "t", "match", "same"})
NO = frozenset({"no", "false", "0", "0.0", "n", "f", "nonmatch", "non-match", "different", "-1"})
_LABELS = (
    "same",
    "label",
    "match",
    "ismatch",
    "gold",
    "goldlabel",
    "truth",
    "isduplicate",
    "duplicate",
    "target",
    "class",
)
_CLUSTERS = frozenset({
    "cluster", "clusterid", "entity", "entityid", "group", "groupid", "trueid", "trueclusterid", "canonicalid",
    "masterid", "goldid", "matchid",
})  # fmt: skip
# How the headings of the one record and of the other are told apart.
_SIDES = (
    ("left_", "right_"), ("ltable_", "rtable_"), ("left.", "right."), ("l_", "r_"), ("a_", "b_"), ("1_", "2_"),
    ("table1.", "table2."), ("_left", "_right"), ("_l", "_r"), ("_a", "_b"), ("_x", "_y"), ("_1", "_2"), (" 1", " 2"),
)  # fmt: skip


_ARE_IDS = 0.9  # of what the labels name, or of the rows
_MOSTLY = 0.5


class Unclear(Exception):
    """What a column of labels is cannot be told; the text says what is looked for."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Pairs of (left id, right id) that are known to be the same, and those known not to be; of none: all others."""

    same: frozenset[tuple[str, str]]
    other: frozenset[tuple[str, str]]


def known_pairs(
    headings: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[str], right: Collection[str]
) -> Known:
    """Read pairs of ids, or ids and clusters. `left`, `right`: the ids there are, by which their columns are known.

    Raises Unclear.
    """
    table = [[cell.strip() for cell in row] for row in rows]
    if any(cell.strip() in left or cell.strip() in right for cell in headings):  # a pair, and no headings
        table.insert(0, [cell.strip() for cell in headings])
    width = len(headings)
    table = [row for row in table if len(row) >= width]
    label = _label_column(headings, table)
    found = _cluster_columns(headings, table, {*left, *right}) if label is None else None
    if found is not None:
        rows_of = [(row[found[0]], row[found[1]]) for row in table]
        return known_clusters(*([one for one in rows_of if one[0] in ids] for ids in (left, right)))
    places = [place for place in range(width) if place != label]
    hits = {(place, side): _share(table, place, ids) for place in places for side, ids in ((0, left), (1, right))}
    choices = [
        (hits[one, 0] + hits[two, 1], -one, -two) for one in places for two in places if one != two and hits[one, 0]
    ]
    best = max(choices, default=(0.0, 0, 0))
    one, two = -best[1], -best[2]
    if not choices or not hits[one, 0] or not hits[two, 1]:
        raise Unclear(f"no two columns hold ids of the tables; there are {', '.join(headings)}")
    for place, ids in ((one, left), (two, right)):
        if any(row[place] == "0" for row in table) and "0" not in ids and {"1", str(len(ids))} <= set(ids):
            raise Unclear("ids in the labels count from 0 and rows from 1; give the tables a column of ids")
    same: set[tuple[str, str]] = set()
    other: set[tuple[str, str]] = set()
    for row in table:
        said = row[label].casefold() if label is not None else "yes"
        (same if said in YES else other).add((row[one], row[two]))
    return Known(same=frozenset(same), other=frozenset(other))


def known_clusters(left: Iterable[tuple[str, str]], right: Iterable[tuple[str, str]]) -> Known:
    """Return who are the same by (id, cluster) of both tables; a row without a cluster is the same as none."""
    members: dict[str, list[str]] = {}
    for one, cluster in right:
        if cluster:
            members.setdefault(cluster, []).append(one)
    pairs = ((one, other) for one, cluster in left for other in members.get(cluster, ()))
    return Known(same=frozenset(pairs), other=frozenset())


def id_column(headings: Sequence[str], rows: Sequence[Sequence[str]], labels: Sequence[Sequence[str]]) -> str | None:
    """Return the column that holds what a column of the labels names, each row something else; None without one."""
    named = [
        {row[at].strip() for row in labels if at < len(row)} - {""} for at in range(max(map(len, labels), default=0))
    ]
    for at, heading in enumerate(headings):
        cells = [row[at].strip() for row in rows if at < len(row) and row[at].strip()]
        held = set(cells)
        if len(held) == len(cells) and any(len(held & one) >= _ARE_IDS * min(len(held), len(one)) > 0 for one in named):
            return heading
    return None


def both_records(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[tuple[int, Party, Party, bool]]:
    """Yield (number, left, right, whether they are the same) of rows that hold both records. Raises Unclear."""
    plain = [heading.strip() for heading in headings]
    found = max((_split(plain, *marks) for marks in _SIDES), key=lambda one: min(len(one[0]), len(one[1])))
    labels = [place for place, heading in enumerate(plain) if _plain(heading) in _LABELS]
    if not labels:
        raise Unclear(f"no column says whether the two are the same ('same', yes or no); there are {', '.join(plain)}")
    if not found[0] or not found[1]:
        raise Unclear(
            f"no columns of a left and a right record (left_name, right_name, ...); there are {', '.join(plain)}"
        )
    label = labels[0]
    for number, row in enumerate(rows, 1):
        said = row[label].strip().casefold() if label < len(row) else ""
        if said not in YES | NO:
            raise Unclear(f"row {number}: {plain[label]!r} is neither yes nor no")
        sides = []
        for places in found:
            names = list(places)
            cells = [row[at] if at < len(row) else "" for at in places.values()]
            columns = {**guess_columns(names), **{one: (one,) for one in names if one in FIELDS}}
            one = next(parties(names, [cells], columns))
            sides.append(one if columns.get("id") else replace(one, id=""))
        yield number, sides[0], sides[1], said in YES


# ---------------------------------------------------------------------------------------------------------------------


def _label_column(headings: Sequence[str], table: Sequence[Sequence[str]]) -> int | None:
    """Return the column that says yes or no: by its heading, else the one of three or more that says nothing else."""
    says = [
        place for place in range(len(headings)) if table and all(row[place].casefold() in YES | NO for row in table)
    ]
    named = [place for place in says if _plain(headings[place]) in _LABELS]
    if named:
        return named[0]
    return says[-1] if says and len(headings) > 2 else None


def _cluster_columns(
    headings: Sequence[str], table: Sequence[Sequence[str]], ids: Collection[str]
) -> tuple[int, int] | None:
    """Return the places of the id and the cluster, where it is a table of clusters by its headings or what it holds."""
    shares = [_share(table, place, ids) for place in range(len(headings))]
    named = [place for place, heading in enumerate(headings) if _plain(heading) in _CLUSTERS]
    if not named and len(headings) == 2:
        named = [place for place in (0, 1) if not shares[place] and shares[1 - place] >= _MOSTLY]
    best = max((place for place in range(len(headings)) if place not in named), key=shares.__getitem__, default=None)
    return (best, named[0]) if named and best is not None and shares[best] else None


def _share(table: Sequence[Sequence[str]], place: int, ids: Collection[str]) -> float:
    return sum(row[place] in ids for row in table) / len(table) if table else 0.0


def _split(headings: Sequence[str], left: str, right: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the headings of each side without what tells it, with their places."""
    found: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for place, heading in enumerate(headings):
        low = heading.casefold()
        for side, mark in zip(found, (left, right), strict=True):
            if mark.startswith(("_", " ")) and low.endswith(mark):
                side[heading[: -len(mark)]] = place
            elif not mark.startswith(("_", " ")) and low.startswith(mark):
                side[heading[len(mark) :]] = place
    return found


def _plain(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.lower())
