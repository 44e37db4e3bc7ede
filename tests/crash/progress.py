"""What a long run has done already, so that it can be taken up again; the short runs of the suite keep nothing."""

from __future__ import annotations

import os
from pathlib import Path

from support.long import LONG


class Progress:
    """A file of lines in the folder that SYNCD_PROGRESS names."""

    def __init__(self, name: str) -> None:
        folder = os.environ.get("SYNCD_PROGRESS")
        self._path = Path(folder) / f"{name}.txt" if folder and LONG else None
        self._done: set[str] = set()
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists():
                self._done = set(self._path.read_text(encoding="utf-8").splitlines())

    def __len__(self) -> int:
        return len(self._done)

    def has(self, what: str) -> bool:
        return what in self._done

    def add(self, what: str) -> None:
        self._done.add(what)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{what}\n")
