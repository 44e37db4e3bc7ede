"""The page of a plan that one mails, in a real browser: it opens from a file, drills down, and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import BROWSER, DRIVER, MISSING, browser
from support.commands import say
from support.world import COMPLETE, World, world

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("process_as_before"),
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING),
]
HOSTILE = '<img src="http://127.0.0.1:9/x.png" onerror="document.title = 1"> VP'
LOADED = "return performance.getEntriesByType('resource').map(one => one.name)"


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """Five leads in the CRM, one of whom has a title that is a piece of HTML; and an edit of titles in the files."""
    with world(tmp_path, sqlite_url) as one:
        for number, title in enumerate((HOSTILE, "Plant manager", "Buyer", "Chief", "Engineer")):
            own = {"email": f"p{number}@works{number}.example", "mobilephone": f"(312) 555-014{number}"}
            one.contacts([{**COMPLETE, **own, "jobtitle": title}])
        one.settle()
        path = one.folder / "mappings" / "hubspot.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("title: {from: jobtitle}", "title: {from: jobtitle, as: upper}"))
        yield one


def test_the_page_opens_drills_down_and_loads_nothing(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    file = made.folder / "plan.html"
    assert say(capsys, "plan", "--html", str(file), "--config", str(made.config)).code == 0
    with browser(made.folder) as window:
        window.open(file.as_uri())
        assert window.run("return document.title").startswith("syncd plan ")
        shown = "return [...document.querySelectorAll('details')].filter(one => one.innerText.includes('PLANT'))"
        assert window.run(f"{shown}.length") == 0
        for at in range(len(window.all("details"))):
            window.click(f"details:nth-of-type({at + 1}) > summary")
        assert window.run(f"{shown}.length") >= 1
        text = window.run("return document.body.innerText")
        assert text.count("<IMG SRC=") >= 1
        assert " more: " not in text
        assert window.run("return document.querySelectorAll('img, script, link, iframe').length") == 0
        assert window.run(LOADED) == []
        assert window.complaints() == []
