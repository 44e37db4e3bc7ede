"""What an admin types while editing mappings: checked against what is there, cases from records, a first mapping."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import process_as_before, say
from support.world import World, laid_out, world

__all__ = ["process_as_before"]
pytestmark = [pytest.mark.system, pytest.mark.usefixtures("process_as_before")]


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with laid_out(tmp_path, sqlite_url) as one:
        yield one


def mend(made: World, file: str, old: str, new: str) -> None:
    path = made.folder / "mappings" / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_offline_goes_by_what_was_last_seen(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the systems gone, the same finding as with them, and how old what it rests on is."""
    with world(tmp_path, sqlite_url) as made:
        made.cycle()
        config = str(made.config)
        assert say(capsys, "check", "-c", config).out == "files and systems are in order\n"
        mend(made, "hubspot.yaml", "{from: jobtitle}", "{from: jobtitel}")
        live = say(capsys, "check", "-c", config)
        for server in made.servers.values():
            server.stop()
        seen = say(capsys, "check", "--offline", "-c", config)
    assert (seen.code, live.code) == (2, 2)
    assert seen.err == live.err
    assert seen.err.endswith("hubspot contacts has no field 'jobtitel'; did you mean 'jobtitle'?\n")
    notes = [line for line in seen.out.splitlines() if line.startswith("note: hubspot")]
    assert len(notes) == 1
    assert notes[0].startswith("note: hubspot as it was described at 20")
    assert notes[0].endswith(" minutes ago")


def test_offline_says_so_when_nothing_was_ever_seen(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """No state comes into being, and nobody takes silence for a comparison."""
    said = say(capsys, "check", "--offline", "-c", str(made.config))
    assert said.code == 0
    assert "note: hubspot was never described, so nothing was compared" in said.out
    assert not (made.folder / "state.db").exists()
