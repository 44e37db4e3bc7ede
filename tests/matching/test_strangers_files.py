"""`syncd match bulk` and `tune` on files as strangers have them: encodings, quotes, floats, labels."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest

from syncd.cli import run_command_line
from syncd.cli.tables import TableFile
from syncd.matching.labelled import Unclear, both_records, known_pairs
from syncd.matching.table import guess_columns

HEAD = "id,name,addr,city\n"
ROWS = ("534,Café Müller,12 Alder St,Wexmouth\n", "77,Grand Lantern,3570 Quay Blvd,Wexmouth\n")
TEXT = HEAD + "".join(ROWS)


def bulk(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, str]], str]:
    """Return the exit code, the rows on stdout and what stderr says."""
    code = run_command_line(["match", "bulk", *map(str, arguments), "--workers", "1"])
    said = capsys.readouterr()
    return code, list(csv.DictReader(io.StringIO(said.out))), said.err


def links(rows: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(row["left_id"], row["right_id"]) for row in rows if row["band"] == "link"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "latin-1"])
def test_a_file_is_read_in_its_own_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str) -> None:
    """The mark tells, else UTF-8; what is neither is read as Windows writes it, with a note."""
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "left.csv").write_bytes(mark + TEXT.encode(encoding))
    (tmp_path / "right.csv").write_text(TEXT.replace("id,name", "key,Site name"), encoding="utf-8")
    code, rows, said = bulk(capsys, tmp_path / "left.csv", tmp_path / "right.csv")
    assert (code, links(rows)) == (0, {("534", "534"), ("77", "77")})
    assert ("not UTF-8, read as cp1252" in said) is (encoding in ("cp1252", "latin-1"))


def test_an_empty_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").touch()
    code, _, said = bulk(capsys, tmp_path / "a.csv")
    assert (code, said) == (2, f"Error: {tmp_path}/a.csv is empty: its first line must name the columns\n")


def test_a_stated_encoding_holds_and_a_wrong_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.replace("Müller", "Żółw").encode("cp1250"))
    assert bulk(capsys, tmp_path / "a.csv", "--encoding", "cp1250")[0] == 0
    assert TableFile(path=tmp_path / "a.csv", encoding="cp1250").rows().__next__()[1] == "Café Żółw"
    code, _, said = bulk(capsys, tmp_path / "a.csv", "--encoding", "utf-8")
    assert (code, "not utf-8; say what it is" in said) == (2, True)
    code, _, said = bulk(capsys, tmp_path / "a.csv", "--encoding", "klingon")
    assert (code, "there is no such encoding" in said) == (2, True)


@pytest.mark.parametrize("quoted", ['5,"The Quay,9 Alder St,Wexmouth\n', '5,"The "Quay"",9 Alder St,Wexmouth\n'])
def test_a_quote_that_does_not_close_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quoted: str
) -> None:
    (tmp_path / "a.csv").write_text(HEAD + ROWS[0] + quoted + ROWS[1], encoding="utf-8")
    code, rows, said = bulk(capsys, tmp_path / "a.csv")
    assert (code, rows) == (2, [])
    assert "a.csv:3: no CSV from here on: a quote does not close, or stands amid a cell" in said


def test_a_place_that_cannot_be_written_or_read_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text(TEXT, encoding="utf-8")
    code, _, said = bulk(capsys, tmp_path / "a.csv", "--out", tmp_path / "nowhere" / "out.csv")
    assert code == 2
    assert said.strip() == f"Error: {tmp_path}/nowhere/out.csv cannot be written: No such file or directory"


def test_whole_numbers_that_pandas_wrote_as_floats_are_as_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only where the whole column is such: a house number of 12.0 beside 12a stays what it is."""
    (tmp_path / "left.csv").write_text(f"{HEAD}534.0,Café Müller,12 Alder St,Wexmouth\n,Quay,9 Birch Rd,Wexmouth\n")
    (tmp_path / "right.csv").write_text(TEXT.replace("Wexmouth", "Wexmouth,"), encoding="utf-8")
    code, rows, _ = bulk(capsys, tmp_path / "left.csv", tmp_path / "right.csv")
    assert (code, links(rows)) == (0, {("534", "534")})
    (tmp_path / "mixed.csv").write_text("id,name\n1.0,Quay\nb,Lantern\n")
    assert [row[0] for row in TableFile(path=tmp_path / "mixed.csv").rows()] == ["1.0", "b"]


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_workbooks_and_parquet_files_are_tables_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """With ids and postcodes as the floats that pandas makes of them."""
    headings = ["id", "name", "addr", "zip"]
    cells = [[534.0, "Café Müller", "12 Alder St", 60605.0], [77.0, "Grand Lantern", "3570 Quay Blvd", None]]
    file = tmp_path / f"left.{kind}"
    if kind == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in [headings, *cells]:
            book.active.append(row)
        book.save(file)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = dict(zip(headings, map(list, zip(*cells, strict=True)), strict=True))
        parquet.write_table(pyarrow.table(columns), file)
    (tmp_path / "right.csv").write_text(TEXT, encoding="utf-8")
    code, rows, _ = bulk(capsys, file, tmp_path / "right.csv")
    assert (code, links(rows)) == (0, {("534", "534"), ("77", "77")})
    assert next(iter(TableFile(path=file).rows()))[3] == "60605"


@pytest.mark.parametrize(
    "labels",
    [
        "fodors_id,zagats_id\n534,a\n77,b\n",
        "zagat,fodor\na,534\nb,77\n",
        "no,ltable_id,rtable_id,gold\n1,534,a,1\n2,77,b,1\n3,534,b,0\n",
        "x;y;label\n534.0;a;true\n77.0;b;true\n",
    ],
)
def test_labels_of_any_heading_tell_precision_and_recall(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: str
) -> None:
    """One of the two pairs is another company's door in the right file, so it is not found."""
    (tmp_path / "left.csv").write_text(TEXT, encoding="utf-8")
    right = "a,Café Müller,12 Alder St,Wexmouth\nb,Somebody Else,1 Oak Rd,Elgin\n"
    (tmp_path / "right.csv").write_text(HEAD + right, encoding="utf-8")
    (tmp_path / "labels.csv").write_text(labels)
    files = (tmp_path / "left.csv", tmp_path / "right.csv", "--labels", tmp_path / "labels.csv")
    code, rows, said = bulk(capsys, *files)
    assert (code, links(rows)) == (0, {("534", "a")})
    assert "by the labels: precision of links 1.0000 (1 of 1), recall 0.5000 (1 of 2)" in said


def test_labels_that_name_no_row_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text(TEXT, encoding="utf-8")
    (tmp_path / "labels.csv").write_text("one,two\n1,2\n")
    code, _, said = bulk(capsys, tmp_path / "a.csv", "--labels", tmp_path / "labels.csv")
    assert (code, "no two columns hold ids of the tables; there are one, two" in said) == (2, True)


def test_within_one_file_the_order_of_a_pair_is_nothing() -> None:
    ids = {"1", "2"}
    assert known_pairs(["a", "b"], [["2", "1"]], ids, ids).same == {("2", "1")}


@pytest.mark.parametrize(
    "headings",
    ["left_name,right_name,same", "ltable_title,rtable_title,label", "name_x,name_y,is match", "Name 1,Name 2,Gold"],
)
def test_rows_of_both_records_are_labels_under_usual_headings(headings: str) -> None:
    ((number, left, right, same),) = both_records(headings.split(","), [["Vogel", "NULL", "1.0"]])
    assert (number, left.name, left.id, right.name, same) == (1, "Vogel", "", None, True)


def test_rows_without_a_yes_or_no_or_two_sides_are_told() -> None:
    with pytest.raises(Unclear, match="no column says whether the two are the same"):
        list(both_records(["left_name", "right_name"], []))
    with pytest.raises(Unclear, match="no columns of a left and a right record"):
        list(both_records(["name", "same"], []))
    with pytest.raises(Unclear, match="is neither yes nor no"):
        list(both_records(["left_name", "right_name", "same"], [["a", "b", "perhaps"]]))


def test_a_terminal_is_shown_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody else: a file of messages has no bar in it."""
    (tmp_path / "a.csv").write_text(TEXT, encoding="utf-8")
    files = (tmp_path / "a.csv", tmp_path / "a.csv")
    assert "matching" not in bulk(capsys, *files)[2]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "matching" in bulk(capsys, *files)[2]


def test_labels_without_headings_lose_no_pair_and_other_counting_is_told() -> None:
    ids = {"1", "2", "3"}
    assert known_pairs(["1", "2"], [["2", "3"]], ids, ids).same == {("1", "2"), ("2", "3")}
    with pytest.raises(Unclear, match="count from 0"):
        known_pairs(["a", "b"], [["0", "1"], ["1", "2"]], ids, ids)


def test_headings_of_sap_and_of_other_languages_are_known() -> None:
    known = {
        "name": "NAME1",
        "street": "STRAS",
        "postcode": "PSTLZ",
        "city": "ORT01",
        "country": "LAND1",
        "phone": "TELF1",
    }
    assert guess_columns(list(known.values())) == {name: (heading,) for name, heading in known.items()}
    known = {
        "name": "Firma",
        "street": "Straße",
        "postcode": "PLZ",
        "city": "Ort",
        "country": "Land",
        "phone": "Telefon",
    }
    assert guess_columns(list(known.values())) == {name: (heading,) for name, heading in known.items()}


ODD = {
    "left.csv": "ship_to_no,Trading As,Premises Address,Locality/Town,entity_id\n"
    "S1,Harbour Lantern,3570 Quay Blvd,Wexmouth,e7\nS2,Tannhill Freight,12 Alder St,Elgin,\n",
    "right.csv": "Kundennummer,Firma,Straße,Ort,entity_id\n"
    "K9,Tannhill Freight,12 Alder St,Elgin,\nK8,Harbour Lantern,3570 Quay Blvd,Wexmouth,e7\n",
}


@pytest.mark.parametrize(
    "labels",
    [
        "a,b\nS1,K8\nS2,K9\n",
        "record,c\nS1,7\nK8,7\nS2,x\nK9,x\n",
        "cluster,source,key\n7,l,S1\n7,r,K8\n1,l,S2\n1,r,K9\n",
    ],
)
def test_ids_of_any_heading_are_known_by_labels_of_pairs_or_clusters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: str
) -> None:
    for name, text in {**ODD, "labels.csv": labels}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    code, _, said = bulk(capsys, tmp_path / "left.csv", tmp_path / "right.csv", "--labels", tmp_path / "labels.csv")
    assert (code, "recall 1.0000 (2 of 2)" in said) == (0, True)
    assert "id = ship_to_no" in said
    assert "id = Kundennummer" in said


def test_a_column_that_holds_the_same_tells_precision_and_recall(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two files, whose rows have equal numbers, and of one; a row without a value is the same as none."""
    for name, text in ODD.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    both = (tmp_path / "left.csv", tmp_path / "right.csv")
    code, _, said = bulk(capsys, *both, "--same", "entity_id=entity_id")
    assert (code, "precision of links 0.5000 (1 of 2), recall 1.0000 (1 of 1)" in said) == (0, True)
    assert "left.csv: id = number of the row" in said
    lines = [
        ",".join(line.split(",")[::-1]) for line in (tmp_path / "left.csv").read_text(encoding="utf-8").splitlines()
    ]
    (tmp_path / "one.csv").write_text("\n".join([*lines, lines[1]]), encoding="utf-8")
    said = bulk(capsys, tmp_path / "one.csv", "--same", "entity_id")[2]
    assert "id = number of the row" in said
    assert "1.0000 (1 of 1), recall 1.0000 (1 of 1)" in said
    assert "--same: there is no column 'x'" in bulk(capsys, *both, "--same", "x")[2]
