"""Read the rows of one CSV, Excel or Parquet file: a header, then cells, each row with its line for messages.

Which columns mean what is left to connectors.table.files.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from connectors.errors import ConfigProblem, ConnectorError, Unavailable
from connectors.table.rows import did_you_mean

csv.field_size_limit(64 * 1024 * 1024)  # characters; the module's own limit of 128 KB refuses long notes
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR = re.compile("sep=.?", re.IGNORECASE)  # Excel's own first line, for Excel
_TITLES = 50  # lines of an Excel sheet in which its column names may stand, below titles and notes


class Sheet(Protocol):
    header: list[str]

    def rows(self) -> Iterator[tuple[Sequence[Any], int]]:
        """Yield the cells of each row below the header, and its line; those of a CSV may be too few or too many."""
        ...

    def wrong(self, what: str) -> ConfigProblem:
        """Return the problem of a file that holds something it must not."""
        ...


def open_sheet(
    path: Path, *, where: str, system: str, wanted: Sequence[str], sheet: str | None, encoding: str, delimiter: str
) -> Sheet:
    """Read a file's header; `wanted` are columns it must have, by which an Excel sheet's header is known.

    The name's end tells the kind of file. Raises ConfigProblem for what is no such file, Unavailable for an empty one.
    """
    match path.suffix.lower():
        case ".xlsx" | ".xlsm":
            return _Excel(path, where, system, wanted, sheet)
        case ".parquet":
            return _Parquet(path, where, system)
    return _Csv(path, where, system, encoding, delimiter)


# ---------------------------------------------------------------------------------------------------------------------


class _File:
    def __init__(self, path: Path, where: str, system: str) -> None:
        self._path = path
        self._where = where
        self._system = system
        self.header: list[str] = []

    def wrong(self, what: str) -> ConfigProblem:
        return ConfigProblem(
            f"{self._where}, {what}. Mend the file; nothing of it is taken until then", system=self._system
        )

    def _empty(self) -> Unavailable:
        return Unavailable(
            f"{self._where} is empty: not even a line of column names; write the file again. It is tried again",
            system=self._system,
        )

    def _missing(self, extra: str) -> ConfigProblem:
        return ConfigProblem(
            f'{self._where} cannot be read: its reader is not installed; pip install "syncd[{extra}]"',
            system=self._system,
        )

    def _unreadable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"{self._where} cannot be read ({error.strerror}); check the path and its permissions. It is tried again",
            system=self._system,
        )

    @contextmanager
    def _whole(self, what: str) -> Iterator[None]:
        """Let whatever a library throws at a damaged file be a problem of this file; `what` it is said to be."""
        try:
            yield
        except ConnectorError:
            raise
        except OSError as error:
            if error.errno is None:  # a library's own, of what it read
                raise self.wrong(f"which is no {what} or is damaged") from error
            raise self._unreadable(error) from error
        except Exception as error:
            raise self.wrong(f"which is no {what} or is damaged ({type(error).__name__})") from error

    def _check_names(self, names: Sequence[str], line: int) -> None:
        for place, name in enumerate(names):
            if name and name in names[:place]:
                raise self.wrong(f"line {line} names the column {name} twice")


class _Csv(_File):
    """Every cell is text. Lines of nothing but separators are blank; nameless columns at the end are nobody's."""

    def __init__(self, path: Path, where: str, system: str, encoding: str, delimiter: str) -> None:
        super().__init__(path, where, system)
        self._encoding = self._marked() or encoding
        self._delimiter = delimiter
        for cells, line in self._lines():
            self._all = len(cells)
            self.header = [name.strip() for name in cells[: _filled(cells)]]
            for place, name in enumerate(self.header):
                if not name:
                    raise self.wrong(f"line {line}: column {place + 1} has no name")
            self._check_names(self.header, line)
            return
        raise self._empty()

    def rows(self) -> Iterator[tuple[Sequence[Any], int]]:
        width = len(self.header)
        for cells, line in islice(self._lines(), 1, None):
            yield (cells[:width] if width < len(cells) <= self._all and _filled(cells) <= width else cells), line

    def _lines(self) -> Iterator[tuple[list[str], int]]:
        """Yield the cells and the number of each line that is not blank."""
        line = 0
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                reader = csv.reader(file, delimiter=self._delimiter, strict=True)
                for cells in reader:
                    line = reader.line_num
                    if _filled(cells) and not (line == 1 and _SEPARATOR.fullmatch(self._delimiter.join(cells))):
                        yield cells, line
        except UnicodeError as error:
            encoding = self._encoding.removesuffix("-sig")
            raise self.wrong(
                f"line {self._bad_line()} is not {encoding} text; save the file as UTF-8, or set `encoding` "
                f"(cp1252 for one from Windows)"
            ) from error
        except csv.Error as error:
            raise self.wrong(
                f"line {line + 1} or what follows is no CSV: a quote stands amid a cell or does not close"
            ) from error
        except OSError as error:
            raise self._unreadable(error) from error

    def _marked(self) -> str | None:
        """Return the encoding that a mark at the beginning says, which is surer than the one that is set."""
        try:
            with self._path.open("rb") as file:
                head = file.read(4)
        except OSError as error:
            raise self._unreadable(error) from error
        return next((name for mark, name in _MARKS if head.startswith(mark)), None)

    def _bad_line(self) -> int:
        """Return the number of the first line that does not decode."""
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode(self._encoding)
                except UnicodeError:
                    return number
        return 1


class _Excel(_File):
    """One sheet; titles above the line of column names, and columns without a name, are nobody's."""

    def __init__(self, path: Path, where: str, system: str, wanted: Sequence[str], sheet: str | None) -> None:
        super().__init__(path, where, system)
        self._sheet = sheet
        self._below = 0
        first: list[str] = []
        for cells, line in self._lines():
            names = ["" if value is None else str(value).strip() for value in cells]
            while names and not names[-1]:
                names.pop()
            first = first or names
            if {one.casefold() for one in wanted} <= {one.casefold() for one in names}:
                self._check_names(names, line)
                self.header, self._below = names, line
                return
            if line >= _TITLES:
                break
        if not first:
            raise self._empty()
        near = ", ".join(name + did_you_mean(name, first) for name in wanted)
        raise self.wrong(f"none of the first {_TITLES} lines names the column {near}")

    def rows(self) -> Iterator[tuple[Sequence[Any], int]]:
        width = len(self.header)
        for cells, line in self._lines():
            if line > self._below and any(value is not None for value in cells):
                yield [*cells[:width], *[None] * (width - len(cells))], line

    def _lines(self) -> Iterator[tuple[list[Any], int]]:
        try:
            import openpyxl
        except ImportError as error:
            raise self._missing("excel") from error
        with (
            self._whole("Excel workbook"),
            self._path.open("rb") as file,
            closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book,
        ):
            name = self._sheet or book.sheetnames[0]
            if name not in book.sheetnames:
                raise self.wrong(
                    f"has no sheet {name}{did_you_mean(name, book.sheetnames)}; it has {', '.join(book.sheetnames)}"
                )
            sheet = book[name]
            sheet.reset_dimensions()  # what the file says of its size may be older than its rows
            for line, cells in enumerate(sheet.iter_rows(), 1):
                yield [_excel_value(cell) for cell in cells], line


class _Parquet(_File):
    """Cells have the types that the file says."""

    def __init__(self, path: Path, where: str, system: str) -> None:
        super().__init__(path, where, system)
        with self._opened() as file:
            self.header = list(file.schema_arrow.names)
        self._check_names(self.header, 1)

    def rows(self) -> Iterator[tuple[Sequence[Any], int]]:
        line = 0
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=1000):
                for cells in zip(*map(self._cells, self.header, batch.columns), strict=True):
                    line += 1
                    yield cells, line

    def _cells(self, name: str, column: Any) -> Any:
        try:
            return column.to_pylist()
        except Exception as error:  # a time beyond the year 9999, a zone that nobody knows
            raise self.wrong(
                f"column {name} holds a {column.type} that cannot be read ({type(error).__name__})"
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise self._missing("parquet") from error
        with self._whole("Parquet file"), pq.ParquetFile(self._path) as file:
            yield file


def _filled(cells: Sequence[str]) -> int:
    """Return how many cells there are up to the last that is not blank."""
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)


def _excel_value(cell: Any) -> Any:
    """Return what a person sees: a number shown as 00042 is that text, a day without a time is a day."""
    value = cell.value
    if value is None or cell.data_type == "e":  # #N/A and its like
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and re.fullmatch(r"0{2,}", str(cell.number_format)):
        return str(value).zfill(len(cell.number_format))
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    return value
