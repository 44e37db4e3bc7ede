"""Log lines: facts with keys, one JSON object each; no secret, nothing of what an exception says or holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from syncd import log

SECRET = "pat-na1-canary-0123"
PERSON = "zuzana.canary@example.com"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards logging is as it was before."""
    root, syncd = logging.getLogger(), logging.getLogger("syncd")
    before = (root.handlers[:], root.level, syncd.level)
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:], root.level, syncd.level = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(one) for one in stream.getvalue().splitlines()]


def fail(email: str) -> None:
    raise ValueError(f"no such person: {email}")


def test_a_line_is_one_json_object_with_its_facts_as_keys(stream: io.StringIO) -> None:
    log.set_up("info", "json", stream=stream)
    log.logger().info("handoff", action="handoff", refused=3, name="a\nb")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "handoff", "action": "handoff", "refused": 3, "name": "a\nb", "level": "info"}


def test_a_secret_is_masked_wherever_it_stands(stream: io.StringIO) -> None:
    """In the phrase, in a fact, in what a library logs with arguments."""
    log.set_up("info", "json", [SECRET], stream)
    log.logger().info(f"token {SECRET} refused", header=f"Bearer {SECRET}")
    logging.getLogger("some.dependency").warning("called %s", f"https://x.example/?key={SECRET}")
    assert SECRET not in stream.getvalue()
    assert [line["event"] for line in lines(stream)] == ["token *** refused", "called https://x.example/?key=***"]
    assert lines(stream)[0]["header"] == "Bearer ***"


@pytest.mark.parametrize("held", [[SECRET], {"a": {"b": SECRET}}, (SECRET, 1), {SECRET: 1}])
def test_a_secret_is_masked_inside_lists_and_dictionaries(stream: io.StringIO, held: Any) -> None:
    log.set_up("info", "json", [SECRET], stream)
    log.logger().info("request", held=held)
    assert SECRET not in stream.getvalue()


def test_a_secret_that_holds_another_is_masked_whole(stream: io.StringIO) -> None:
    """Twenty pairs, so that no order of a set happens to be the right one."""
    short = [f"canary-{n:02}" for n in range(20)]
    log.set_up("info", "json", [*short, *(f"{one}-tail" for one in short)], stream)
    log.logger().info("x", said=" ".join(f"{one}-tail" for one in short))
    assert "tail" not in stream.getvalue()


def test_a_word_too_short_to_be_a_secret_is_left(stream: io.StringIO) -> None:
    log.set_up("info", "json", ["crm"], stream)
    log.logger().info("poll", system="crm")
    assert lines(stream)[0]["system"] == "crm"


def test_an_exception_is_logged_by_type_and_place_and_never_by_its_text_or_locals(stream: io.StringIO) -> None:
    log.set_up("info", "json", stream=stream)
    try:
        fail(PERSON)
    except ValueError as error:
        log.logger().exception("a handoff failed")
        log.logger().error("again", exc_info=error)
        logging.getLogger("some.dependency").exception("and theirs")
    found = lines(stream)
    assert [line["error"] for line in found] == ["ValueError"] * 3
    assert all(line["at"].endswith(" fail") and "test_log.py:" in line["at"] for line in found)
    assert "canary" not in stream.getvalue()
    assert "Traceback" not in stream.getvalue()


def test_a_line_about_no_exception_names_none(stream: io.StringIO) -> None:
    log.set_up("info", "json", stream=stream)
    log.logger().error("x", exc_info=True)
    assert "error" not in lines(stream)[0]


def test_the_level_is_ours_and_of_libraries_only_what_is_wrong_is_told(stream: io.StringIO) -> None:
    log.set_up("debug", "json", stream=stream)
    log.logger().debug("ours")
    logging.getLogger("dbos").info("theirs")
    logging.getLogger("dbos").warning("their trouble")
    assert [line["event"] for line in lines(stream)] == ["ours", "their trouble"]


def test_what_is_below_the_level_is_not_told(stream: io.StringIO) -> None:
    log.set_up("warning", "json", stream=stream)
    log.logger().info("x")
    assert stream.getvalue() == ""


def test_people_get_words_and_programs_get_json(stream: io.StringIO) -> None:
    """A stream that is no terminal counts as a program."""
    log.set_up("info", "console", [SECRET], stream)
    log.logger().info("poll", system="crm", token=SECRET)
    assert "poll" in stream.getvalue()
    assert SECRET not in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        lines(stream)
    other = io.StringIO()
    log.set_up("info", "auto", stream=other)
    log.logger().info("poll")
    assert lines(other)[0]["event"] == "poll"
