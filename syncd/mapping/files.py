"""The admins' files as they stood at one moment, and what tells that they changed since.

What the files mean is syncd.mapping.loader's.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 5_000_000  # of one file; what may be larger is told by who reads it
MOST_FILES = 500
DEEPEST = 4  # folders below the mappings folder: a link that leads back up must not be followed for ever
DEFINITION = "definition.yaml"
CASES = "cases/"

Print = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """Names below the folder, with slashes, and their bytes. `unread`: those that cannot be read, and why."""

    folder: str  # as messages show it
    files: Mapping[str, bytes] = field(repr=False)
    unread: Mapping[str, str] = field(default_factory=dict)
    there: bool = True  # False: there is no such folder

    def path(self, name: str) -> str:
        """Return a file's name as messages show it."""
        return f"{self.folder}/{name}" if self.folder else name

    def top(self) -> list[str]:
        """Return the names of the YAML files of the folder itself, sorted."""
        names = (*self.files, *self.unread)
        return sorted(name for name in names if "/" not in name and name.endswith((".yaml", ".yml")))

    def only(self, tables: Collection[str]) -> FileSet:
        """Return the set without what says nothing here: all but definition, mappings, cases and these tables."""
        wanted = {*self.top(), *tables}
        kept = {name: raw for name, raw in self.files.items() if name in wanted or name.startswith(CASES)}
        return FileSet(folder=self.folder, files=kept)

    def says(self, other: FileSet) -> bool:
        """Return whether it would be compiled to the same as another that was kept by `only`."""
        return not self.unread and self.only(other.files) == other

    def texts(self) -> dict[str, str]:
        return {name: raw.decode("utf-8-sig", "replace") for name, raw in sorted(self.files.items())}


NO_FILES = FileSet(folder="", files={})


def of_texts(folder: str, texts: Mapping[str, str]) -> FileSet:
    return FileSet(folder=folder, files={name: text.encode() for name, text in texts.items()})


def inside(name: str) -> str | None:
    """Return a file's name in its plain form; None when it lies outside the folder."""
    plain = posixpath.normpath(name)
    return None if plain.startswith(("..", "/")) else plain


def read_files(folder: Path) -> FileSet:
    """Read every file below the folder; hidden ones, which editors and Kubernetes keep for themselves, are left out."""
    files: dict[str, bytes] = {}
    unread: dict[str, str] = {}
    if not folder.is_dir():
        return FileSet(folder=str(folder), files={}, there=False)
    root = os.path.realpath(folder)
    for name, path in _below(folder):
        if not _lies_in(root, path):
            unread[name] = "it is a link, and what it names is not there or lies outside the mappings folder"
            continue
        try:
            with open(path, "rb") as stream:
                files[name] = stream.read(MAX_BYTES + 1)
        except OSError as error:
            unread[name] = error.strerror or "cannot be opened"
    return FileSet(folder=str(folder), files=files, unread=unread)


def fingerprint(folder: Path) -> Print:
    """Return what changes with any edit, rename, swap of a link or change of rights, without reading a file."""
    found: dict[str, tuple[int, ...]] = {}
    for name, path in _below(folder):
        try:
            seen = os.stat(path)
        except OSError as error:
            found[name] = (error.errno or 0,)
            continue
        found[name] = (seen.st_ino, seen.st_dev, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _below(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, path) of at most MOST_FILES files; links to folders are followed, as Kubernetes lays out volumes."""
    count = 0
    for where, folders, names in os.walk(folder, followlinks=True):
        below = posixpath.normpath(os.path.relpath(where, folder).replace(os.sep, "/"))
        depth = 0 if below == "." else below.count("/") + 1
        folders[:] = sorted(one for one in folders if not one.startswith(".")) if depth < DEEPEST else []
        for name in sorted(names):
            if name.startswith(".") or name.endswith("~"):
                continue
            count += 1
            if count > MOST_FILES:
                return
            yield (name if depth == 0 else f"{below}/{name}"), os.path.join(where, name)


def _lies_in(root: str, path: str) -> bool:
    real = os.path.realpath(path)
    return real == root or real.startswith(root + os.sep)
