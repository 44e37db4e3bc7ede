"""Two workers on one PostgreSQL, each with a folder of its own: one version for both, and no going back and forth."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_world import FILES, SYSTEMS, compiled
from sqlalchemy import Engine

from syncd.daemon import live as live_module
from syncd.daemon.live import Live
from syncd.edits import passing
from syncd.edits.force import Running
from syncd.edits.passing import Folder, Limits
from syncd.store import workers
from syncd.store.database import now_ms, open_store
from syncd.store.inbox import list_problems
from syncd.store.versions import list_reigns

NOTHING = Limits(records=0, creates=0, overwrites=0, clears=0, flips=0)


@dataclass
class Worker:
    """One of them: what it goes by, and its folder."""

    name: str
    engine: Engine
    running: Running
    live: Live
    folder: Path

    def looks(self) -> None:
        """Look as often as files must stand still, and once more."""
        for _ in range(3):
            self.live.look()

    def gets(self, points: int) -> None:
        """Have its folder hold the files that give so many points."""
        for name, text in files(points).items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def points(self) -> int:
        self.running.follow()
        return self.running.mappings.definition.fit[0].points


def files(points: int) -> dict[str, str]:
    return {**FILES, "definition.yaml": FILES["definition.yaml"].replace("points: 30", f"points: {points}")}


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    made = open_store(postgres_url, migrate=False)
    with made.begin() as connection:
        passing.begin(connection, compiled(FILES), SYSTEMS)
        for name in ("one", "two"):
            workers.beat(connection, name, now_ms(), now_ms(), "1")
    yield made
    made.dispose()


def worker(engine: Engine, tmp_path: Path, name: str, points: int = 30) -> Worker:
    folder = tmp_path / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    running = Running(engine, compiled(FILES), lambda _: None)
    where = Folder(path=folder, systems=SYSTEMS, limits=NOTHING, look=1.0, worker=name)
    made = Worker(name, engine, running, Live(engine, running, {}, where, threading.Event()), folder)
    made.gets(points)
    made.looks()
    return made


def reigns(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(list_reigns(connection))


def told(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [one.message for one in list_problems(connection)]


def test_a_folder_that_lags_behind_takes_nothing_back(engine: Engine, tmp_path: Path) -> None:
    """Two edits reach one folder before the first of them reaches the other, as two rollouts of a ConfigMap may."""
    one, two = worker(engine, tmp_path, "one"), worker(engine, tmp_path, "two")
    for points in (31, 32):
        one.gets(points)
        one.looks()
    for points in (30, 31, 32):
        two.gets(points)
        for each in (two, one, two):
            each.looks()
            assert (one.points(), two.points(), reigns(engine)) == (32, 32, 3)
    assert told(engine) == []


def test_folders_that_differ_for_good_never_take_turns_and_are_told(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both go by one version; the other folder's worker is named until the folders are the same."""
    monkeypatch.setattr(live_module, "APART_SECONDS", 0.0)
    one, two = worker(engine, tmp_path, "one", 31), worker(engine, tmp_path, "two", 32)
    before = reigns(engine)
    for each in (one, two, one, two):
        each.looks()
        assert (one.points(), two.points(), reigns(engine)) == (32, 32, before)
    (problem,) = told(engine)
    assert problem.startswith(f"the files of worker one in {one.folder} are version ")
    assert "Nothing of these files takes effect. Give all workers the same files" in problem
    one.gets(32)
    one.looks()
    assert told(engine) == []


def test_whoever_edits_what_is_in_force_may_go_back(engine: Engine, tmp_path: Path) -> None:
    one, two = worker(engine, tmp_path, "one"), worker(engine, tmp_path, "two")
    for points in (31, 30):
        for each in (one, two):
            each.gets(points)
            each.looks()
    assert (one.points(), two.points(), reigns(engine), told(engine)) == (30, 30, 3, [])


def test_a_mistake_in_one_folder_is_told_while_the_other_is_in_order(engine: Engine, tmp_path: Path) -> None:
    """Also when the other's files were found in order since, as at its start."""
    one = worker(engine, tmp_path, "one")
    (one.folder / "hub.yaml").write_text("nonsense: [", encoding="utf-8")
    one.looks()
    worker(engine, tmp_path, "two")
    one.looks()
    (problem,) = told(engine)
    assert f"{one.folder}/hub.yaml" in problem


def test_what_one_folder_asks_is_not_forgotten_when_another_worker_starts(engine: Engine, tmp_path: Path) -> None:
    """An edit that waits for a person waits on; the worker that starts has the files that are in force."""
    one = worker(engine, tmp_path, "one")
    kind = "other:\n  is: account\n  kind: companies\n  fields:\n    name: {from: name}\n"
    (one.folder / "hub.yaml").write_text(FILES["hub.yaml"] + kind, encoding="utf-8")
    one.looks()
    worker(engine, tmp_path, "two")
    (problem,) = told(engine)
    assert "is held" in problem
