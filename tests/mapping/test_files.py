"""Which files would be compiled to the same mappings as those before."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.mapping.files import FileSet

FILES = {"definition.yaml": b"a", "hubspot.yaml": b"b", "tables/reasons.csv": b"c", "tables/unused.csv": b"d"}
BEFORE = FileSet(folder="mappings", files=FILES).only(["tables/reasons.csv"])


def files(changes: Mapping[str, bytes], *without: str) -> FileSet:
    kept = {name: raw for name, raw in FILES.items() if name not in without}
    return FileSet(folder="mappings", files={**kept, **changes})


@pytest.mark.parametrize("same", [files({}), files({"tables/unused.csv": b"e", "notes.txt": b"f"})])
def test_what_says_nothing_here_makes_no_difference(same: FileSet) -> None:
    assert same.says(BEFORE)


@pytest.mark.parametrize(
    "other",
    [
        files({"hubspot.yaml": b"e"}),
        files({"tables/reasons.csv": b"e"}),
        files({"erp.yaml": b""}),
        files({"erp.yml": b""}),
        files({"cases/one.yaml": b""}),
        files({}, "hubspot.yaml"),
        files({}, "tables/reasons.csv"),
        FileSet(folder="elsewhere", files=FILES),
        FileSet(folder="mappings", files=FILES, unread={"tables/unused.csv": "no right"}),
    ],
)
def test_whatever_else_differs_is_compiled(other: FileSet) -> None:
    assert not other.says(BEFORE)
