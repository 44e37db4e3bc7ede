"""A mappings folder as Kubernetes mounts a ConfigMap: links into `..data`, itself a link that a rename replaces."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

_numbers = count(2)


def as_config_map(folder: Path) -> None:
    """Lay a plain folder out as kubelet does."""
    first = folder / "..2026_11_22_01"
    inner = list(folder.iterdir())
    first.mkdir()
    for path in inner:
        shutil.move(path, first / path.name)
    (folder / "..data").symlink_to(first.name)
    for path in first.iterdir():
        (folder / path.name).symlink_to(Path("..data") / path.name)


def swap(folder: Path, file: str, old: str, new: str) -> None:
    """Change a file as kubelet does: a new folder beside the old, and all links at once."""
    before = folder / os.readlink(folder / "..data")
    after = folder / f"..2026_11_22_{next(_numbers):02}"
    shutil.copytree(before, after)
    path = after / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    (folder / "..data_tmp").symlink_to(after.name)
    os.replace(folder / "..data_tmp", folder / "..data")
    shutil.rmtree(before)
