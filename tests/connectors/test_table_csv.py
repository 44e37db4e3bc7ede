"""The csv connector on real files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.contract import Cursor, Page, Reading
from connectors.errors import ConfigProblem, Unavailable
from connectors.table.files import CsvSource, Settings, connect

OLD = 1_700_000_000


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


def write(path: Path, text: str | bytes, at: int = OLD) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (at, at))


def source(folder: Path, *, modified: str | None = None, **settings: object) -> CsvSource:
    source = connect("files", Settings(folder=folder, **settings))
    source.define("plant", {"file": "plants.csv", "id": "no"} | ({"modified": modified} if modified else {}))
    return source


def poll(
    source: CsvSource, after: Cursor | None = None, fields: Sequence[str] = ("no", "name")
) -> tuple[list[Page], Cursor | None]:
    pages = list(source.changes([Reading(kind="plant", fields=fields, after=after)], NothingSeen()))
    return pages, json.loads(json.dumps(pages[-1].cursor)) if pages else after


def rows(pages: Sequence[Page]) -> list[tuple[str, object]]:
    return [(r.id, r.fields["name"]) for page in pages for r in page.records]


def test_cells_are_texts_and_an_empty_cell_is_none(tmp_path: Path) -> None:
    long, odd = "x" * 1_000_000, 'a\0b, "c"\nd'
    quoted = '"' + odd.replace('"', '""') + '"'
    write(tmp_path / "plants.csv", f"no,name\n007,\n8,{long}\n\n9,{quoted}\n")
    assert rows(poll(source(tmp_path))[0]) == [("007", None), ("8", long), ("9", odd)]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", b"\xef\xbb\xbfno,name\n1,\xc3\x85\n")
    assert rows(poll(source(tmp_path))[0]) == [("1", "Å")]


def test_a_file_that_is_not_utf8_is_refused_with_the_line_and_read_when_its_encoding_is_named(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", b"no,name\n1,ok\n2,M\xfcller\n")
    with pytest.raises(ConfigProblem, match=r"line 3 is not utf-8 .* `encoding`"):
        poll(source(tmp_path))
    assert rows(poll(source(tmp_path, encoding="cp1252"))[0])[1] == ("2", "Müller")


def test_the_files_time_is_the_records_unless_a_column_has_it(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name,at\n1,a,2026-01-02T03:04:05+01:00\n2,b,\n")
    found = poll(source(tmp_path, modified="at"))[0][0].records
    assert [r.modified for r in found] == [datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC), datetime.fromtimestamp(OLD, UTC)]


def test_an_untouched_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "plants.csv", "no,name\n1,a\n")
    _, cursor = poll(source(tmp_path))
    monkeypatch.setattr(Path, "open", lambda *a, **k: pytest.fail("the file was opened"))
    assert poll(source(tmp_path), cursor)[0] == []


def test_a_file_touched_without_a_change_gives_no_record_again(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name\n1,a\n")
    _, cursor = poll(source(tmp_path))
    write(tmp_path / "plants.csv", "no,name\n1,a\n", at=OLD + 60)
    pages, cursor = poll(source(tmp_path), cursor)
    assert rows(pages) == []
    assert poll(source(tmp_path), cursor)[0] == []


def test_only_rows_near_a_change_are_given_again(tmp_path: Path) -> None:
    lines = [f"{n},name {n}" for n in range(1000)]
    write(tmp_path / "plants.csv", "\n".join(["no,name", *lines]))
    pages, cursor = poll(source(tmp_path, page=100))
    assert len(rows(pages)) == 1000
    lines[500] = "500,changed"
    write(tmp_path / "plants.csv", "\n".join(["no,name", *lines]), at=OLD + 60)
    again = rows(poll(source(tmp_path, page=100), cursor)[0])
    assert ("500", "changed") in again
    assert len(again) < 30


def test_a_change_within_the_same_tick_of_the_clock_is_found(tmp_path: Path) -> None:
    """Same size, same time: only a file that has rested is trusted to be the same."""
    at = int(datetime.now(UTC).timestamp())
    write(tmp_path / "plants.csv", "no,name\n1,a\n", at=at)
    _, cursor = poll(source(tmp_path))
    write(tmp_path / "plants.csv", "no,name\n1,b\n", at=at)
    assert rows(poll(source(tmp_path), cursor)[0]) == [("1", "b")]


def test_a_field_asked_for_anew_is_read_from_an_untouched_file(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name,city\n1,a,Elgin\n")
    _, cursor = poll(source(tmp_path))
    pages, _ = poll(source(tmp_path), cursor, ["no", "name", "city"])
    assert pages[0].records[0].fields["city"] == "Elgin"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no,name\n1,a\n2\n", "line 3 has 1 cells .* 2 columns"),
        ("no,name\n1,a,x\n", "line 2 has 3 cells"),
        ("no,name\n1,a\n ,b\n", "line 3 has no value in the id column no"),
        ("no,name\n1,a\n2,b\n1,c\n", "line 4 has the same id as line 2"),
        ("no,name,name\n1,a,b\n", "names the column name twice"),
        ("no,name,\n1,a,b\n", "column 3 has no name"),
        ("nr,name\n1,a\n", "no column no"),
        ('no,name\n1,"a\n2,b\n', "a quote"),
    ],
)
def test_a_file_with_one_wrong_line_is_refused_whole_with_its_place(tmp_path: Path, text: str, word: str) -> None:
    write(tmp_path / "plants.csv", text)
    with pytest.raises(ConfigProblem, match=word):  # the first page, not a later one
        next(source(tmp_path, page=1).changes([Reading(kind="plant", fields=["name"], after=None)], NothingSeen()))
    assert source(tmp_path).check().problems


def test_a_wrong_time_names_its_line(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name,at\n1,a,last week\n")
    with pytest.raises(ConfigProblem, match="line 2: at is no ISO 8601 time"):
        poll(source(tmp_path, modified="at"))


def test_a_missing_or_empty_file_waits_in_a_run_and_stops_a_start(tmp_path: Path) -> None:
    """An export job replaces the file at any moment."""
    with pytest.raises(Unavailable, match="put the file there"):
        poll(source(tmp_path))
    assert source(tmp_path).check().problems
    with pytest.raises(ConfigProblem):
        source(tmp_path).fields("plant")
    write(tmp_path / "plants.csv", "")
    with pytest.raises(Unavailable, match="is empty"):
        poll(source(tmp_path))


def test_fetch_and_fields_read_the_file(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name\n1,a\n2,b\n")
    assert [r.fields for r in source(tmp_path).fetch("plant", ["2", "9"], ["name"])] == [{"name": "b"}]
    assert [f.name for f in source(tmp_path).fields("plant")] == ["no", "name"]


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ValidationError, match="no such encoding"):
        Settings(encoding="utf-9")
