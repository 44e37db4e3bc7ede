"""`create: review` on the whole road: asked in a terminal and on the page, answered in either, made once."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from support.commands import say
from support.world import World, laid_out

from syncd.cli.common import make_desk
from syncd.health import Health
from syncd.web.serve import start

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with laid_out(tmp_path, sqlite_url) as one:
        file = one.folder / "mappings" / "salesforce.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("  create: allowed\n", "  create: review\n", 1), encoding="utf-8")
        with one.running():
            yield one


def numbers(made: World, capsys: pytest.CaptureFixture[str]) -> list[int]:
    told = json.loads(say(capsys, "review", "--json", "--config", str(made.config)).out)
    return sorted(one["number"] for one in told)


def test_each_complete_lead_is_asked_about_and_made_where_a_person_said_yes(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = made.contact()
    bob = made.contact(email="bob@works.example", firstname="Bob", lastname="Jones", mobilephone="(312) 555-0143")
    made.settle()
    assert made.leads() == []
    config = ("--config", str(made.config))
    for command in ("status", "refusals"):
        assert "2 complete; not made: a person decides" in say(capsys, command, *config).out.replace("  ", " ")
    first, second = numbers(made, capsys)
    shown = say(capsys, "review", "show", str(first), *config).out
    assert f"question {first}: is this lead made in the CRM?" in shown
    assert ("Ann" in shown) != ("Bob" in shown)
    assert "is made in the CRM; undo: " in say(capsys, "review", "accept", str(first), *config).out
    made.settle()
    (lead,) = made.leads()
    told, asked = (ann, bob) if lead["FirstName"] == "Ann" else (bob, ann)
    assert made.told(told)["syncd_handoff_status"] == "handed over"
    assert made.told(asked)["syncd_handoff_status"] == "complete; not made: a person decides, in syncd review"
    assert "is made in the CRM (undo" in say(capsys, "explain", f"hubspot:contacts:{told}", *config).out
    assert numbers(made, capsys) == [second]


def test_the_page_asks_the_same_and_takes_a_no_and_takes_it_back(made: World) -> None:
    made.contact()
    made.settle()
    server = start(made.app.engine, Health(), "127.0.0.1", 0, make_desk(made.app))
    url = f"{server.url}review/"

    def press(action: str, page: str) -> str:
        names = ("token", "number")
        fields = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in names}  # type: ignore[index]
        body = urllib.parse.urlencode({**fields, "by": "Ann Lee", "action": action}).encode()
        request = urllib.request.Request(url, body, {"Sec-Fetch-Site": "same-origin"})
        with urllib.request.urlopen(request) as answer:
            return unescape(answer.read().decode())

    try:
        with urllib.request.urlopen(url) as answer:
            page = unescape(answer.read().decode())
        assert "is this lead made in the CRM?" in page
        assert "together" not in page  # nothing to compare it with
        after = press("reject", page)
        assert "It is not made in the CRM." in after
        made.settle()
        assert made.leads() == []
        assert "Taken back" in press("undo", after)
        made.settle()
        with urllib.request.urlopen(url) as answer:
            page = unescape(answer.read().decode())
        assert "It is made in the CRM." in press("accept", page)
        made.settle()
        assert len(made.leads()) == 1
    finally:
        server.stop()
