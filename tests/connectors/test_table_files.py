"""The files connector on real files: CSV, Excel, Parquet, which of them count, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from connectors.contract import Cursor, Page, Reading
from connectors.errors import ConfigProblem, Unavailable
from connectors.table.files import FileSource, Settings, connect

OLD = 1_700_000_000


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


def write(path: Path, text: str | bytes, at: int = OLD) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (at, at))


def source(
    folder: Path, *, modified: str | None = None, table: dict[str, object] | None = None, **settings: object
) -> FileSource:
    source = connect("files", Settings(folder=folder, **settings))
    more = {"modified": modified} if modified else {}
    source.define("plant", {"file": "plants.csv", "id": "no", **more, **(table or {})})
    return source


def poll(
    source: FileSource, after: Cursor | None = None, fields: Sequence[str] = ("no", "name")
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize(("mark", "written"), [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")])
def test_a_byte_order_mark_says_the_encoding_whatever_is_set(
    tmp_path: Path, mark: bytes, written: str, encoding: str
) -> None:
    write(tmp_path / "plants.csv", mark + "no,name\n1,Å\n".encode(written))
    assert rows(poll(source(tmp_path, encoding=encoding))[0]) == [("1", "Å")]


@pytest.mark.parametrize(
    "text", ["sep=;\r\nno;name\r\n007;X\r\n", "no  ;name      \n007;X\n", "no\u00a0; name\n007;X\n"]
)
def test_what_excel_and_lists_of_sap_put_around_names_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path / "plants.csv", text)
    assert rows(poll(source(tmp_path, delimiter=";"))[0]) == [("007", "X")]


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
    _, cursor = poll(source(tmp_path, rest=0))
    write(tmp_path / "plants.csv", "no,name\n1,b\n", at=at)
    assert rows(poll(source(tmp_path, rest=0), cursor)[0]) == [("1", "b")]


def test_a_field_asked_for_anew_is_read_from_an_untouched_file(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name,city\n1,a,Elgin\n")
    _, cursor = poll(source(tmp_path))
    pages, _ = poll(source(tmp_path), cursor, ["no", "name", "city"])
    assert pages[0].records[0].fields["city"] == "Elgin"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no,name,name\n1,a,b\n", "names the column name twice"),
        ("no,,name\n1,a,b\n", "column 2 has no name"),
        ("nr,name\n1,a\n", "no column no"),
        ('no,name\n1,"a\n2,b\n', "a quote"),
    ],
)
def test_a_file_with_one_wrong_line_is_refused_whole_with_its_place(tmp_path: Path, text: str, word: str) -> None:
    write(tmp_path / "plants.csv", text)
    with pytest.raises(ConfigProblem, match=word):  # the first page, not a later one
        next(source(tmp_path, page=1).changes([Reading(kind="plant", fields=["name"], after=None)], NothingSeen()))
    assert source(tmp_path).check().problems


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("2,b", "plants.csv, line 3 has 2 cells where the first line names 3 columns"),
        ("2,b,2026-05-01,x", "plants.csv, line 3 has 4 cells"),
        ("2,b,last week", "plants.csv, line 3: at is no ISO 8601 time"),
    ],
)
def test_a_line_that_cannot_be_read_waits_and_the_others_come(tmp_path: Path, line: str, word: str) -> None:
    """Whose line it is nobody can say, so that meanwhile none counts as deleted."""
    write(tmp_path / "plants.csv", f"no,name,at\n1,a,2026-05-01\n{line}\n3,c,2026-05-01\n")
    pages, cursor = poll(source(tmp_path, modified="at"))
    assert rows(pages) == [("1", "a"), ("3", "c")]
    (told,) = pages[-1].unfit or ()
    assert word in told.message
    assert "It is not taken. The other rows go on" in told.message
    assert source(tmp_path, modified="at").check().problems == (told.message,)
    with pytest.raises(ConfigProblem, match="nothing counts as deleted"):
        list(source(tmp_path, modified="at").ids("plant"))
    write(tmp_path / "plants.csv", "no,name,at\n1,a,2026-05-01\n2,b,2026-05-01\n3,c,2026-05-01\n", at=OLD + 60)
    pages, _ = poll(source(tmp_path, modified="at"), cursor)
    assert ("2", "b") in rows(pages)
    assert pages[-1].unfit == []


def test_lines_of_separators_are_blank_and_nameless_columns_at_the_end_are_nobodys(tmp_path: Path) -> None:
    """As Excel saves what was cleared below a table, and SAP downloads end every line."""
    write(tmp_path / "plants.csv", "no,name,, \n1,a,,\n2,b\n" + ",,,\n" * 30 + " , ,,\n3,,,\n4,d,x,\n")
    pages, _ = poll(source(tmp_path))
    assert rows(pages) == [("1", "a"), ("2", "b"), ("3", None)]
    (told,) = pages[-1].unfit or ()
    assert "line 36 has 4 cells where the first line names 2 columns" in told.message
    write(tmp_path / "plants.csv", "no,name\n1,a\n,\n", at=OLD + 60)
    assert [roll.alive for roll in source(tmp_path).ids("plant")] == [["1"]]


@pytest.mark.parametrize("named", ["plants*.csv", "plants [1].csv"])
def test_a_name_with_brackets_is_read(tmp_path: Path, named: str) -> None:
    """As a browser names the second download of a file."""
    write(tmp_path / "plants [1].csv", "no,name\n1,a\n")
    assert rows(poll(source(tmp_path, table={"file": named}))[0]) == [("1", "a")]


def test_a_missing_or_empty_file_waits_in_a_run_and_stops_a_start(tmp_path: Path) -> None:
    """An export job replaces the file at any moment."""
    with pytest.raises(Unavailable, match="put it there"):
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


# --- which files count


def test_a_file_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    """Half a file would look like a file from which half the rows are gone."""
    young = int(datetime.now(UTC).timestamp())
    write(tmp_path / "plants.csv", "no,name\n1,a\n2,b\n")
    _, cursor = poll(source(tmp_path))
    write(tmp_path / "plants.csv", "no,name\n1,a\n", at=young)
    assert poll(source(tmp_path, rest="1h"), cursor) == ([], cursor)
    for ask in (lambda one: poll(one), lambda one: list(one.ids("plant")), lambda one: one.fetch("plant", ["1"], [])):
        with pytest.raises(Unavailable, match="is not whole yet"):
            ask(source(tmp_path, rest="1h"))


def test_a_file_from_a_machine_whose_clock_is_ahead_is_read_once_it_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "plants.csv", "no,name\n1,a\n", at=int(datetime.now(UTC).timestamp()) + 3600)
    one, clock = source(tmp_path, rest=60), [100.0]
    monkeypatch.setattr("connectors.table.files.time.monotonic", lambda: clock[0])
    with pytest.raises(Unavailable, match="a moment ago"):
        poll(one)
    clock[0] += 61
    assert rows(poll(one)[0]) == [("1", "a")]


def test_the_newest_whole_file_of_a_pattern_is_read_and_the_others_are_not(tmp_path: Path) -> None:
    write(tmp_path / "plants-1.csv", "no,name\n1,old\n2,gone\n", at=OLD)
    write(tmp_path / "plants-2.csv", "no,name\n1,new\n", at=OLD + 60)
    write(tmp_path / "other-3.csv", "no,name\n9,other\n", at=OLD + 90)
    one = source(tmp_path, table={"file": "plants-*.csv"}, rest="1h")
    pages, cursor = poll(one)
    assert rows(pages) == [("1", "new")]
    assert [roll.alive for roll in one.ids("plant")] == [["1"]]
    write(tmp_path / "plants-3.csv", "no,name\n1,half", at=int(datetime.now(UTC).timestamp()))
    assert poll(one, cursor) == ([], cursor)
    write(tmp_path / "plants-3.csv", "no,name\n1,whole\n", at=OLD + 120)
    assert rows(poll(one, cursor)[0]) == [("1", "whole")]


def test_of_all_files_of_a_pattern_the_newest_row_of_an_id_counts(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", "no,name\n1,first\n2,two\n", at=OLD)
    write(tmp_path / "a.csv", "name,no\nsecond,1\nthree,3\n", at=OLD + 60)
    one = source(tmp_path, table={"file": "*.csv", "take": "all"})
    pages, cursor = poll(one)
    assert sorted(rows(pages)) == [("1", "second"), ("2", "two"), ("3", "three")]
    assert sorted(i for roll in one.ids("plant") for i in roll.alive) == ["1", "2", "3"]
    write(tmp_path / "c.csv", "no,name\n4,four\n", at=OLD + 90)
    assert ("4", "four") in rows(poll(one, cursor)[0])


def test_with_a_mark_only_marked_files_are_read_however_old_they_are(tmp_path: Path) -> None:
    write(tmp_path / "plants-1.csv", "no,name\n1,marked\n", at=OLD)
    write(tmp_path / "plants-1.csv.done", "", at=OLD)
    write(tmp_path / "plants-2.csv", "no,name\n1,hal", at=OLD + 60)
    one = source(tmp_path, table={"file": "plants-*.csv", "done": ".done"})
    pages, cursor = poll(one)
    assert rows(pages) == [("1", "marked")]
    write(tmp_path / "plants-2.csv", "no,name\n1,half and whole\n", at=OLD + 60)
    assert poll(one, cursor)[0] == []
    write(tmp_path / "plants-2.csv.done", "")
    assert rows(poll(one, cursor)[0]) == [("1", "half and whole")]


def test_one_kind_without_its_file_does_not_hold_up_the_others(tmp_path: Path) -> None:
    write(tmp_path / "plants.csv", "no,name\n1,a\n")
    one = source(tmp_path)
    one.define("gone", {"file": "gone.csv", "id": "no"})
    pages: list[Page] = []
    with pytest.raises(Unavailable) as caught:
        pages += one.changes([Reading(kind=k, fields=["name"], after=None) for k in ("gone", "plant")], NothingSeen())
    assert caught.value.kinds == ("gone",)


# --- Excel


def book(path: Path, lines: Sequence[Sequence[object]], title: str = "Sheet", at: int = OLD) -> openpyxl.Workbook:
    made = openpyxl.Workbook()
    made.active.title = title
    for line in lines:
        made.active.append(list(line))
    made.save(path)
    os.utime(path, (at, at))
    return made


def excel(folder: Path, **table: object) -> FileSource:
    return source(folder, table={"file": "plants.xlsx", **table})


def test_an_excel_sheet_below_a_title_is_read_as_a_person_sees_it(tmp_path: Path) -> None:
    """Numbers shown with leading zeros keep them, days are days, formulas and errors give no words of their own."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet["A1"] = "Plants, as of May"
    sheet.merge_cells("A1:E1")
    for place, name in enumerate(("No", "name", "since", "seen", None, "big", "open", "odd"), 1):
        sheet.cell(3, place, name)
    cells = (42, "Ann & Söhne", datetime(2026, 5, 1), datetime(2026, 5, 1, 8, 30), "junk", 12.0, True, "#N/A")
    for place, value in enumerate(cells, 1):
        sheet.cell(4, place, value)
    sheet["A4"].number_format = "00000"
    sheet["H4"].data_type = "e"
    sheet["A6"] = 7.0
    made.save(tmp_path / "plants.xlsx")
    os.utime(tmp_path / "plants.xlsx", (OLD, OLD))
    fields = ["name", "since", "seen", "big", "open", "odd"]
    found = {r.id: dict(r.fields) for r in poll(excel(tmp_path), None, fields)[0][0].records}
    assert found == {
        "00042": {"name": "Ann & Söhne", "since": "2026-05-01", "seen": "2026-05-01T08:30:00Z", "big": 12,
                  "open": True, "odd": None},
        "7": dict.fromkeys(fields),
    }  # fmt: skip


@pytest.mark.parametrize(("odd", "named"), [(datetime(2026, 1, 2), "date"), (10.5, "float"), (True, "bool")])
def test_a_row_whose_id_excel_made_another_thing_waits_and_the_others_come(
    tmp_path: Path, odd: object, named: str
) -> None:
    """Excel takes "1-2" for a day."""
    book(tmp_path / "plants.xlsx", [["no", "name"], [odd, "a"], ["5", "b"]])
    pages, _ = poll(excel(tmp_path))
    assert rows(pages) == [("5", "b")]
    (told,) = pages[-1].unfit or ()
    assert f"plants.xlsx, line 2: the id column no holds a {named}, which has no one written form" in told.message
    assert "The other rows go on" in told.message


def test_a_sheet_is_taken_by_its_name(tmp_path: Path) -> None:
    made = book(tmp_path / "plants.xlsx", [["no", "name"], ["1", "first"]])
    made.create_sheet("Plants").append(["no", "name"])
    made["Plants"].append(["2", "second"])
    made.save(tmp_path / "plants.xlsx")
    os.utime(tmp_path / "plants.xlsx", (OLD, OLD))
    assert rows(poll(excel(tmp_path))[0]) == [("1", "first")]
    assert rows(poll(excel(tmp_path, sheet="Plants"))[0]) == [("2", "second")]
    with pytest.raises(ConfigProblem, match=r"no sheet Plant \(did you mean Plants\?\)"):
        poll(excel(tmp_path, sheet="Plant"))


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([["nr", "name"], ["1", "a"]], "names the column no"),
        ([["no", "name", "name"], ["1", "a", "b"]], "names the column name twice"),
        ([["no", "title"], ["1", "a"]], "there is no column name"),
    ],
)
def test_a_wrong_sheet_is_refused_with_its_place(tmp_path: Path, lines: list[list[object]], word: str) -> None:
    book(tmp_path / "plants.xlsx", lines)
    with pytest.raises(ConfigProblem, match=word):
        poll(excel(tmp_path))


@pytest.mark.parametrize("name", ["plants.xlsx", "plants.parquet"])
@pytest.mark.parametrize("content", [b"no,name\n1,a\n", b"PK\x03\x04 half a file", b"PAR1 half a file"])
def test_what_is_no_such_file_or_half_of_one_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    write(tmp_path / name, content)
    with pytest.raises(ConfigProblem, match=r"is no (Excel|Parquet)"):
        poll(source(tmp_path, table={"file": name}))


# --- Parquet


def test_a_parquet_file_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "plants.parquet"
    columns = {
        "no": ["007", "8"], "name": ["a", None], "size": [Decimal("12.50"), None], "since": [date(2026, 5, 1), None],
        "seen": [datetime(2026, 5, 1, 8, tzinfo=UTC), None], "open": [True, None], "tags": [["x", "y"], []],
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    os.utime(path, (OLD, OLD))
    one = source(tmp_path, table={"file": "plants.parquet"})
    pages, cursor = poll(one, None, [name for name in columns if name != "no"])
    assert [(r.id, *r.fields.values()) for r in pages[0].records] == [
        ("007", "a", 12.5, "2026-05-01", "2026-05-01T08:00:00Z", True, ["x", "y"]),
        ("8", None, None, None, None, None, []),
    ]
    assert poll(one, cursor, [name for name in columns if name != "no"])[0] == []
    with pytest.raises(ConfigProblem, match=r"no column nam \(did you mean name"):
        poll(one, None, ["nam"])


@pytest.mark.parametrize(("module", "name"), [("openpyxl", "plants.xlsx"), ("pyarrow", "plants.parquet")])
def test_a_reader_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / name, b"PK")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigProblem, match=r'pip install "syncd\[(excel|parquet)\]"'):
        poll(source(tmp_path, table={"file": name}))
