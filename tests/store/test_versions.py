"""Versions and plans as stored, on both databases."""

from __future__ import annotations

from sqlalchemy import Engine

from syncd.mapping.files import of_texts
from syncd.store import versions
from syncd.store.versions import StoredPlan

FILES = of_texts("mappings", {"definition.yaml": "version: 1\n", "tables/a.csv": "theirs,ours\n"})
MARKS: versions.Marks = {"01J": (("crm Lead Title",), b"\x0a\x1b")}


def a_plan(name: str, state: str, at: int, marks: versions.Marks | None = None) -> StoredPlan:
    packed = versions.pack_marks(marks) if marks is not None else None
    return StoredPlan(id=name, base="one", target="two", at=at, state=state, summary={"leads": 1}, packed=packed)


def test_the_latest_row_is_in_force_and_its_files_come_back_whole(engine: Engine) -> None:
    with engine.begin() as connection:
        for at, name in enumerate(("one", "two", "one")):
            versions.save_set(connection, name, FILES, {"hub": "hubspot"}, at, "start")
            versions.put_in_force(connection, name, previous=None, how="edit", by="ann", plan_id=None, now=at)
        stored = versions.load_set(connection, "one")
        assert versions.running_version(connection) == "one"
        assert [row.version for row in versions.list_reigns(connection)] == ["one", "two", "one"]
        assert versions.find_set(connection, "o") == ["one"]
    assert stored is not None
    assert (stored.files.texts(), dict(stored.systems), stored.at) == (FILES.texts(), {"hub": "hubspot"}, 0)


def test_what_waits_is_what_starts_from_the_version_in_force(engine: Engine) -> None:
    with engine.begin() as connection:
        versions.save_plan(connection, a_plan("p1", versions.HELD, 1, MARKS))
        assert versions.waiting_version(connection) is None
        versions.put_in_force(connection, "one", previous=None, how="start", by="start", plan_id=None, now=1)
        assert versions.waiting_version(connection) == "two"
        assert versions.read_plans(connection, "p")[0].marks == MARKS
        versions.close_plan(connection, "p1", versions.APPLIED)
        assert versions.waiting_version(connection) is None
        assert versions.read_plans(connection, "p1")[0].packed is None


def test_only_so_many_plans_are_kept_and_never_one_fewer_that_is_held(engine: Engine) -> None:
    with engine.begin() as connection:
        versions.save_plan(connection, a_plan("held", versions.HELD, 0, MARKS))
        for number in range(versions.KEPT_PLANS + 5):
            versions.save_plan(connection, a_plan(f"shown{number}", versions.SHOWN, number + 1))
        kept = [one.id for one in versions.read_plans(connection)]
    assert len(kept) == versions.KEPT_PLANS + 1
    assert {"held", f"shown{versions.KEPT_PLANS + 4}"} <= set(kept)
