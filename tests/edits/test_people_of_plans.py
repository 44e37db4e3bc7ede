"""A plan looks at other leads as the same person only where a create hangs on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_world import FILES, OURS, PROPERTIES, SmallWorld, compiled
from sqlalchemy import event

from syncd.store.likeness import DOUBLE

UPPER = {**FILES, "hub.yaml": FILES["hub.yaml"].replace("{from: company}", "{from: company, as: upper}")}
WAITS = "version: 1\nmatching: {lead: {creates_wait: true}}"


@pytest.fixture
def made(template: Path, tmp_path: Path) -> Iterator[SmallWorld]:
    """Two leads that nobody has decided yet: nothing is kept of how they are found."""
    made = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    said = {"lastname": "Ray", "company": "Ax", "employees": "500", "budget": "5", "phone": "(312) 555-0142"}
    rows = {f"{n}": {**dict.fromkeys((*OURS, *PROPERTIES)), **said, "email": f"ann{n}@x.example"} for n in (1, 2)}
    made.hears("hub", "contacts", rows)
    yield made
    made.engine.dispose()


def test_nobody_is_looked_at_as_a_person_where_nothing_hangs_on_it(made: SmallWorld) -> None:
    with looks_at_people(made) as looked:
        assert made.plan(compiled(UPPER)).totals["leads"] == 2
    assert looked == []


def test_where_creates_wait_for_an_answer_a_plan_looks(made: SmallWorld) -> None:
    with looks_at_people(made) as looked:
        made.plan(compiled({**UPPER, "definition.yaml": FILES["definition.yaml"].replace("version: 1", WAITS)}))
    assert looked != []


@contextmanager
def looks_at_people(made: SmallWorld) -> Iterator[list[str]]:
    """Collect the statements that ask which leads may be which others."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Sequence[object], *_: object) -> None:
        found.extend([statement] if DOUBLE in parameters else [])

    event.listen(made.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(made.engine, "before_cursor_execute", note)
