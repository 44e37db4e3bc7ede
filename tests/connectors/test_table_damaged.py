"""Damaged files, cells that nothing reads, what nobody foresaw: named, of one file, row or kind; the others go on."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from connectors.contract import Page, Reading
from connectors.errors import ConfigProblem, ConnectorError
from connectors.table import files, rows, sql

OLD = 1_700_000_000
END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


def book(path: Path, patch: Callable[[bytes], bytes]) -> None:
    """A workbook of 50 rows whose sheet another writer spoiled."""
    made = openpyxl.Workbook()
    made.active.append(["no", "name"])
    for number in range(50):
        made.active.append([str(number), f"name {number}"])
    made.save(path.with_suffix(".sound"))
    with zipfile.ZipFile(path.with_suffix(".sound")) as sound, zipfile.ZipFile(path, "w") as spoiled:
        for name in sound.namelist():
            part = sound.read(name)
            spoiled.writestr(name, patch(part) if name.endswith("sheet1.xml") else part)


def halved(path: Path) -> None:
    book(path, lambda part: part[: len(part) // 2])


def scrambled(path: Path) -> None:
    """Bytes of the packed sheet are others: the archive opens, the sheet does not."""
    book(path.with_suffix(".plain"), lambda part: part)
    raw = bytearray(path.with_suffix(".sound").read_bytes())
    with zipfile.ZipFile(path.with_suffix(".sound")) as archive:
        start = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 60
    raw[start : start + 20] = bytes(one ^ 0xFF for one in raw[start : start + 20])
    path.write_bytes(raw)


def corrupt(path: Path) -> None:
    count = 5000
    table = pa.table({"no": [str(n) for n in range(count)], "name": [f"name {n * 7919}" for n in range(count)]})
    pq.write_table(table, path)
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 2000] = bytes(one ^ 0x5A for one in raw[middle : middle + 2000])
    path.write_bytes(raw)


def far(path: Path) -> None:
    pq.write_table(pa.table({"no": ["1"], "name": pa.array([300_000_000_000], pa.timestamp("s"))}), path)


def nowhere(path: Path) -> None:
    pq.write_table(pa.table({"no": ["1"], "name": pa.array([17], pa.timestamp("us", tz="America/Nowhere"))}), path)


def poll(source: files.FileSource | sql.SqlSource, *kinds: str) -> tuple[list[Page], ConnectorError | None]:
    pages: list[Page] = []
    try:
        for page in source.changes([Reading(kind=k, fields=["name"], after=None) for k in kinds], NothingSeen()):
            pages.append(page)
    except ConnectorError as error:
        return pages, error
    return pages, None


def folder_with(tmp_path: Path, name: str) -> files.FileSource:
    (tmp_path / "good.csv").write_text("no,name\n1,a\n")
    for one in tmp_path.iterdir():
        os.utime(one, (OLD, OLD))
    source = files.connect("erp", files.Settings(folder=tmp_path))
    source.define("bad", {"file": name, "id": "no"})
    source.define("good", {"file": "good.csv", "id": "no"})
    return source


@pytest.mark.parametrize(
    ("name", "spoil", "word"),
    [
        ("bad.xlsx", halved, "no Excel workbook or is damaged"),
        ("bad.xlsx", scrambled, "no Excel workbook or is damaged"),
        ("bad.parquet", corrupt, "no Parquet file or is damaged"),
        ("bad.parquet", far, "column name holds a timestamp"),
        ("bad.parquet", nowhere, "column name holds a timestamp"),
    ],
)
def test_a_damaged_file_is_named_and_the_other_kinds_are_read(
    tmp_path: Path, name: str, spoil: Callable[[Path], None], word: str
) -> None:
    spoil(tmp_path / name)
    source = folder_with(tmp_path, name)
    pages, error = poll(source, "bad", "good")
    assert isinstance(error, ConfigProblem)
    assert error.kinds == ("bad",)
    assert name in error.message
    assert word in error.message
    assert [(page.kind, [one.id for one in page.records]) for page in pages] == [("good", ["1"])]
    (told,) = source.check().problems
    assert word in told
    with pytest.raises(ConfigProblem, match=word):
        list(source.ids("bad"))


def test_the_end_of_time_is_a_time(tmp_path: Path) -> None:
    """ "Valid to: 9999-12-31", as a session west of Greenwich hands it over, has no UTC in Python's calendar."""
    assert rows.json_value(END_OF_TIME) == "9999-12-31T23:59:59Z"
    assert rows.parse_time(END_OF_TIME.isoformat()) == END_OF_TIME.replace(tzinfo=UTC)


class Odd:
    """What a library may put into a cell."""

    def __str__(self) -> str:
        raise ArithmeticError("no text of a value may be told")


def test_a_row_that_raises_whatever_waits_and_the_others_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.csv").write_text("no,name\n1,a\n2,odd\n3,c\n")
    made, given = rows.make_row, files.make_row

    def make(*args: object) -> rows.Row:
        *first, fields = args
        odd = {name: Odd() if value == "odd" else value for name, value in dict(fields).items()}  # type: ignore[call-overload]
        return made(*first, odd)  # type: ignore[arg-type]

    assert made is given
    monkeypatch.setattr(files, "make_row", make)
    pages, error = poll(folder_with(tmp_path, "bad.csv"), "bad", "good")
    assert error is None
    assert [one.id for page in pages for one in page.records if page.kind == "bad"] == ["1", "3"]
    (told,) = pages[0].unfit or ()
    assert "bad.csv, line 3 cannot be read (ArithmeticError)" in told.message


@pytest.mark.parametrize("connector", ["files", "sql"])
def test_what_nobody_foresaw_is_trouble_of_its_kind_and_tells_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connector: str
) -> None:
    (tmp_path / "bad.csv").write_text("no,name\n1,a\n")
    source: files.FileSource | sql.SqlSource = folder_with(tmp_path, "bad.csv")
    if connector == "sql":
        engine = sa.create_engine(f"sqlite:///{tmp_path}/erp.db")
        with engine.begin() as connection:
            connection.exec_driver_sql("create table t as select '1' as no, 'a' as name")
        engine.dispose()
        source = sql.connect("erp", sql.Settings(url=f"sqlite:///{tmp_path}/erp.db"))
        for kind in ("bad", "good"):
            source.define(kind, {"query": "select no, name from t", "id": "no"})
    usual = source._changes

    def fails(reading: Reading) -> object:
        if reading.kind == "bad":
            raise RuntimeError("Ann Lee, ann.lee@works.example")
        return usual(reading)

    monkeypatch.setattr(source, "_changes", fails)
    pages, error = poll(source, "bad", "good")
    assert [page.kind for page in pages] == ["good"]
    assert error is not None
    assert error.kinds == ("bad",)
    assert isinstance(error.__cause__, RuntimeError)
    assert re.search(r"RuntimeError at test_table_damaged\.py:\d+", error.message)
    assert "Ann" not in error.message


def test_a_sheet_whose_own_dimension_is_too_small_is_read_whole(tmp_path: Path) -> None:
    """Writers that add rows to a template often leave `<dimension ref>` as it was."""
    for ref in (b"A1", b"A1:B4", b"A1:A51"):
        book(
            tmp_path / "bad.xlsx",
            lambda part, ref=ref: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="' + ref + b'"', part),
        )
        pages, error = poll(folder_with(tmp_path, "bad.xlsx"), "bad")
        assert error is None
        found = [one for page in pages for one in page.records]
        assert len(found) == 50
        assert {one.fields["name"] for one in found} >= {"name 0", "name 49"}
