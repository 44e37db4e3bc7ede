"""The documentation's pages as tests read them: their text, their fenced blocks, their tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = ROOT / "docs" / "mappings.md"


def words(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@dataclass(frozen=True)
class Fence:
    """One fenced block: the word after the fence, what follows it, the content."""

    language: str
    rest: str
    text: str


@dataclass(frozen=True)
class Row:
    """One row of a table, by the table's column names; the cells as they stand."""

    line: int
    cells: Mapping[str, str]


def fences(page: Path) -> list[Fence]:
    found = re.findall(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Fence(*one) for one in found]


def rows(page: Path, *header: str) -> list[Row]:
    """Return the rows of every table with exactly these columns."""
    found: list[Row] = []
    columns: list[str] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("|"):
            columns = None
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if columns is None:
            columns = cells
        elif tuple(columns) == header and set("".join(cells)) != {"-", " "} and set("".join(cells)) != {"-"}:
            assert len(cells) == len(header), f"line {number}: a row of {len(cells)} cells"
            found.append(Row(number, dict(zip(header, cells, strict=True))))
    return found


def code(cell: str) -> str:
    """Return what stands between the first pair of backticks."""
    found = re.search(r"`([^`]+)`", cell)
    assert found is not None, f"no `code` in {cell!r}"
    return found[1]
