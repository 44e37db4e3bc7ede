"""The admins' files on the disk as a version would have them: what differs, as a patch, and writing them.

Reading them is syncd.mapping.files'; whether they may be written, the caller's.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import count
from pathlib import Path

from syncd.mapping.files import FileSet, read_files


def patch(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return what leads from one set of files to the other, as `patch -p1` takes it."""
    parts = []
    for name in sorted({*old, *new}):
        before, after = (StringIO(texts.get(name, ""), newline="\n").readlines() for texts in (old, new))
        sides = (f"a/{name}" if name in old else "/dev/null", f"b/{name}" if name in new else "/dev/null")
        for line in difflib.unified_diff(before, after, *sides):
            parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def texts_on_disk(folder: Path) -> dict[str, str]:
    """Return the files that would make a version."""
    return texts_of(read_files(folder))


def texts_of(files: FileSet) -> dict[str, str]:
    """Return the texts that would make a version: tables are those that any mapping could name."""
    return files.only([name for name in files.files if name.endswith(".csv")]).texts()


def write_version(folder: Path, texts: Mapping[str, str], keep: Sequence[str] = ()) -> list[str]:
    """Write a version's files, each whole or not at all; return what is there anew.

    Mappings that it does not have are set aside as .off; of those in `keep` what stood there stays as .edited.
    """
    written = []
    for name in keep:
        path = folder / name
        copy = next(one for number in count(1) if not (one := path.with_name(f"{path.name}.{number}.edited")).exists())
        write_file(copy, path.read_bytes())
        written.append(copy.relative_to(folder).as_posix())
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in texts:
            os.replace(path, path.with_suffix(".yaml.off"))
            written.append(f"{path.name}.off")
    for name, text in texts.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8-sig") == text:
            continue
        write_file(path, text.encode())
        written.append(name)
    return written


def write_file(path: Path, raw: bytes) -> None:
    """Put a file in place, whole or not at all; its rights stay, a link goes on to point at what is written."""
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    rights = path.stat().st_mode & 0o777 if path.exists() else 0o644
    # Hidden, so that nobody takes it for one of the files.
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(fresh, rights)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
