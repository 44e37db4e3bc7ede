"""Whatever lies in the folder - cut off, binary, half a set - what is in force goes on, with one problem at most."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import pytest
from small_world import FILES, SYSTEMS, SmallWorld
from support.long import times

from syncd.daemon.live import Live
from syncd.edits.force import Running
from syncd.edits.passing import Folder, Limits
from syncd.store.inbox import list_problems


def watched(template: Path, tmp_path: Path) -> tuple[SmallWorld, Running, Live, Path]:
    made = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    folder = tmp_path / "mappings"
    folder.mkdir()
    restore(folder)
    running = Running(made.engine, made.running, lambda _: None)
    nothing = Limits(records=0, creates=0, overwrites=0, clears=0, flips=0)
    where = Folder(path=folder, systems=SYSTEMS, limits=nothing, look=1.0, worker="here")
    return made, running, Live(made.engine, running, {}, where, threading.Event()), folder


def restore(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / name
        if path.is_dir():
            path.rmdir()
        path.write_text(text, encoding="utf-8")


def spoil(path: Path, random: Random) -> None:
    raw = path.read_bytes()
    at = random.randrange(len(raw))
    match random.randrange(6):
        case 0:
            path.write_bytes(raw[:at])
        case 1:
            path.write_bytes(random.randbytes(400))
        case 2:
            path.write_bytes(raw[:at] + random.randbytes(3) + raw[at:])
        case 3:
            path.unlink()
        case 4:
            path.unlink()
            path.mkdir()
        case _:
            path.write_bytes(raw[:at] + random.choice([b": ", b"{", b"- ", b"&a *a", b"\x00", b'"', b"\t"]) + raw[at:])


@pytest.mark.parametrize("seed", range(times(40, 1_000)))
def test_spoiled_files_change_nothing_and_are_told_once(template: Path, tmp_path: Path, seed: int) -> None:
    """And all is forgotten when they are mended."""
    made, running, live, folder = watched(template, tmp_path)
    try:
        random = Random(seed)
        for name in random.sample(list(FILES), random.randint(1, 3)):
            spoil(folder / name, random)
        for _ in range(3):
            live.look()
        with made.engine.connect() as connection:
            problems = list_problems(connection)
        assert len(problems) <= 1
        assert all("cannot be looked at" not in one.message for one in problems), "a defect of ours"
        assert running.mappings.digest == made.running.digest or not problems
        restore(folder)
        for _ in range(2):
            live.look()
        with made.engine.connect() as connection:
            assert [one for one in list_problems(connection) if one.kind == "files"] == []
    finally:
        made.engine.dispose()


def test_a_defect_while_looking_is_told_and_the_daemon_goes_on(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, running, live, folder = watched(template, tmp_path)

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("syncd.daemon.live.compile_files", broken)
    try:
        (folder / "hub.yaml").write_text(FILES["hub.yaml"] + "# edited\n", encoding="utf-8")
        live.look()
        live.look()
        with made.engine.connect() as connection:
            (problem,) = list_problems(connection)
        assert problem.message.startswith(f"{folder}:1:1: cannot be looked at (RuntimeError); see the log")
        assert running.mappings.digest == made.running.digest
    finally:
        made.engine.dispose()


def test_every_worker_on_a_state_goes_by_the_version_that_one_let_through(template: Path, tmp_path: Path) -> None:
    """At its next unit of work, not within one."""
    made, first, _, _ = watched(template, tmp_path)
    other = Running(made.engine, made.running, lambda _: None)
    from small_world import compiled

    edited = compiled({**FILES, "definition.yaml": FILES["definition.yaml"].replace("points: 30", "points: 31")})
    before = made.running.digest
    try:
        with other.unit() as held:
            made.put_in_force(made.plan(edited), edited)
            assert (held.digest, other.mappings.digest) == (before, before)
        for one in (first, other):
            with one.unit() as now:
                assert now.digest == edited.digest
    finally:
        made.engine.dispose()
