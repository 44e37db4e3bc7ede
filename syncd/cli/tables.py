"""Reads a table of any make from a file: CSV in whatever encoding, Excel, Parquet; its rows as text."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import click

_LONGEST_CELL = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FLOAT = re.compile(r"-?[0-9]+\.0")
_SHEETS = (".xlsx", ".xlsm", ".parquet")


@dataclass(kw_only=True)
class TableFile:
    """A file's headings; `rows` reads it anew. `note`: what was taken for granted about it.

    Raises ClickException, with the line, where it is no such file.
    """

    path: Path
    encoding: str | None = None  # stated; None: told by the file
    headings: list[str] = field(init=False)
    note: str = field(init=False, default="")
    _read_as: str = field(init=False, default="")
    _delimiter: str = field(init=False, default=",")
    _floats: frozenset[int] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        try:
            if self.path.suffix.lower() in _SHEETS:
                self.headings = [str(one or "").strip() for one in self._sheet().header]
                return
            self._read_as = self.encoding or self._told_encoding()
            self._delimiter = self._told_delimiter()
            lines = self._lines()
            self.headings = [heading.strip() for heading in next(lines, [])]
            self._floats = _only_floats(lines)
        except OSError as error:
            raise self._unreadable(error) from error

    def rows(self) -> Iterator[Sequence[str]]:
        try:
            if self.path.suffix.lower() in _SHEETS:
                for row, _ in self._sheet().rows():
                    yield [_as_text(value) for value in row]
                return
            lines = self._lines()
            next(lines, None)
            for cells in lines:
                if self._floats:
                    cells = [
                        one.removesuffix(".0") if place in self._floats else one for place, one in enumerate(cells)
                    ]
                yield cells
        except OSError as error:
            raise self._unreadable(error) from error

    # -----------------------------------------------------------------------------------------------------------------

    def _sheet(self) -> Any:
        from connectors.table.sheets import open_sheet

        return open_sheet(
            self.path, where=str(self.path), system="match", wanted=(), sheet=None, encoding="utf-8", delimiter=","
        )

    def _lines(self) -> Iterator[list[str]]:
        csv.field_size_limit(_LONGEST_CELL)
        done = 0
        try:
            with self.path.open(encoding=self._read_as, newline="") as lines:
                reader = csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True)
                for cells in reader:
                    done = reader.line_num
                    yield cells
        except UnicodeError as error:
            raise click.ClickException(
                f"{self.path}:{done + 1} or below: not {self._read_as}; say what it is, as in --encoding cp1252"
            ) from error
        except LookupError as error:
            raise click.ClickException(f"--encoding {self._read_as}: there is no such encoding") from error
        except csv.Error as error:
            raise click.ClickException(
                f"{self.path}:{done + 1}: no CSV from here on: a quote does not close, or stands amid a cell ({error})"
            ) from error

    def _told_encoding(self) -> str:
        with self.path.open("rb") as file:
            start = file.read(4)
            for mark, name in _MARKS:
                if start.startswith(mark):
                    return name
            file.seek(0)
            for name in ("utf-8", "cp1252"):
                if _decodes(file, name):
                    break
            else:
                name = "latin-1"
        if name != "utf-8":
            self.note = f"not UTF-8, read as {name}; --encoding says otherwise"
        return name

    def _told_delimiter(self) -> str:
        try:
            with self.path.open(encoding=self._read_as, newline="") as lines:
                start = lines.read(1 << 16).partition("\n")[0]
        except (UnicodeError, LookupError):
            return ","  # reading the lines says what is wrong
        return max(",;\t|", key=start.count)

    def _unreadable(self, error: OSError) -> click.ClickException:
        return click.ClickException(f"{self.path} cannot be read: {error.strerror or error}")


# ---------------------------------------------------------------------------------------------------------------------


def _decodes(file: Any, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while part := file.read(1 << 20):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _only_floats(lines: Iterator[Sequence[str]]) -> frozenset[int]:
    """Return the columns of nothing but whole numbers written as 534.0, as pandas does where a cell is missing."""
    seen: set[int] = set()
    other: set[int] = set()
    for cells in lines:
        for place, cell in enumerate(cells):
            if cell and place not in other:
                (seen if _FLOAT.fullmatch(cell) else other).add(place)
    return frozenset(seen - other)


def _as_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
