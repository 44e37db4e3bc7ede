"""Trouble with one query of a poll that asks for several kinds at once: what passes asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.world import World, world

pytestmark = pytest.mark.slow


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        one.contact()
        one.settle()
        yield one


def fail_a_part(made: World, code: str, status: int, times: int) -> None:
    """Answer the first query of the next polls with an error, as Salesforce does inside a composite answer."""
    handle, left = made.salesforce.handle, iter(range(times))

    def odd(request: Any) -> Any:
        answer = handle(request)
        if request.path.endswith("/composite") and b"queryAll" in request.body and next(left, None) is not None:
            part = answer.body["compositeResponse"][0]  # type: ignore[index]
            part["httpStatusCode"], part["body"] = status, [{"message": "An unexpected error", "errorCode": code}]
        return answer

    made.salesforce.handle = odd  # type: ignore[method-assign]


@pytest.mark.parametrize(("code", "status"), [("UNKNOWN_EXCEPTION", 500), ("UNABLE_TO_LOCK_ROW", 400)])
def test_what_passes_asks_nobody_and_what_stays_asks_as_late_as_for_a_whole_system(
    made: World, code: str, status: int
) -> None:
    fail_a_part(made, code, status, times=6)
    asked = []
    for _ in range(7):
        made.cycle()
        asked.append([text for text in made.problems() if "salesforce Lead cannot be read" in text])
    assert [len(one) for one in asked] == [0, 0, 0, 0, 1, 1, 0]


def test_a_day_that_a_part_says_is_spent_rests_the_whole_system(made: World) -> None:
    fail_a_part(made, "REQUEST_LIMIT_EXCEEDED", 403, times=1)
    made.cycle()
    made.calls()
    made.work.poll("salesforce")
    assert made.calls()["salesforce"] == {}
    (problem,) = made.problems()
    assert problem.startswith("salesforce cannot be used: the org has spent its daily API calls")
