"""The Mappings page in a real browser, on the simulated systems: by keyboard, with problems beside lines, unscripted.

With SYNCD_PICTURES set to a folder, pictures of each page are left there to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import (
    BACKSPACE,
    BROWSER,
    CONTROL,
    DELETE,
    DRIVER,
    END,
    ENTER,
    F8,
    LEFT,
    MISSING,
    SHIFT,
    TAB,
    Browser,
    browser,
)
from support.world import World, world

from syncd.cli.common import make_desk
from syncd.health import Health
from syncd.store import versions
from syncd.web.serve import start

pytestmark = [pytest.mark.system, pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)]
PICTURES = os.environ.get("SYNCD_PICTURES")
MAY_WRITE = {"  # mappings: approve": "  mappings: write"}


class Site:
    """The page of a world with a few leads, and the daemon's look at the files."""

    def __init__(self, made: World) -> None:
        self.world = made
        self.file = made.folder / "mappings" / "hubspot.yaml"
        desk = make_desk(made.app)
        assert desk is not None
        self.server = start(made.app.engine, Health(), "127.0.0.1", 0, desk)
        self.url = f"{self.server.url}mappings/"

    def in_force(self) -> str | None:
        with self.world.app.engine.connect() as connection:
            return versions.running_version(connection)

    def daemon_looks(self) -> None:
        assert self.world.work.live is not None
        self.world.work.live.settle()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with world(folder, f"sqlite:///{folder}/state.db", MAY_WRITE) as made:
        for number in range(4):
            made.contact(
                email=f"ann{number}@works.example", lastname=f"Lee{number}", jobtitle=f"VP Operations {number}"
            )
        made.settle()
        site = Site(made)
        try:
            yield site
        finally:
            site.server.stop()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        made.size(1300, 1000)
        yield made


@pytest.fixture(autouse=True)
def _as_it_was(site: Site, window: Browser) -> Iterator[None]:
    """Each test finds the file as shipped, and no page open."""
    text = site.file.read_text(encoding="utf-8")
    window.open("about:blank")
    yield
    site.file.write_text(text, encoding="utf-8")


def test_an_edit_goes_from_the_text_to_being_in_force_and_back_by_keyboard_alone(site: Site, window: Browser) -> None:
    before = site.in_force()
    window.open(f"{site.url}file?name=hubspot.yaml#line-12")
    assert active(window) == "text"
    assert line_of_caret(window) == "    title: {from: jobtitle}"
    window.strike(END, LEFT, *[BACKSPACE] * len("jobtitle"), *"company")
    window.press(CONTROL, ENTER)
    window.until(lambda: window.all("#would"))
    assert "Once saved it would wait for approval" in window.text("#outcome")
    assert "Title" in window.text("main")
    picture(window, "plan")
    window.press(CONTROL, "s")
    window.until(lambda: "done=saved" in window.url)
    assert "title: {from: company}" in site.file.read_text(encoding="utf-8")
    site.daemon_looks()
    window.until(lambda: window.text("h1") == "An edit waits for approval")
    picture(window, "waits")
    tab_to(window, "Look at plan")
    window.press(ENTER)
    window.until(lambda: window.all("#approves"))
    picture(window, "held")
    tab_to(window, "by")
    window.strike(*"Ann", ENTER)
    window.until(lambda: "done=approved" in window.url)
    assert site.in_force() != before
    picture(window, "approved")
    window.open(f"{site.url}version?id={before}")
    tab_to(window, "Show what going back would do")
    window.press(ENTER)
    window.until(lambda: window.all("#goes"))
    picture(window, "back")
    tab_to(window, "by")
    window.strike(*"Ann", ENTER)
    window.until(lambda: "done=rolled" in window.url)
    assert site.in_force() == before
    assert "title: {from: jobtitle}" in site.file.read_text(encoding="utf-8")
    window.open(f"{site.url}history")
    assert "rolled back by Ann (page)" in window.text("main")
    picture(window, "history")
    assert window.complaints() == []


def test_problems_stand_beside_their_lines_and_keys_go_from_one_to_the_next(site: Site, window: Browser) -> None:
    window.open(f"{site.url}file?name=hubspot.yaml")
    replace(window, "{from: jobtitle}", "{form: jobtitle}")
    replace(window, "values: tables/levels.csv", "valeus: tables/levels.csv")
    window.click("#check")
    window.until(lambda: window.all("#beside"))
    assert active(window) == "text"
    notes = window.run(
        "return told.map(one => [Number(one.dataset.line), one.getBoundingClientRect().top, "
        "code.children[one.dataset.line - 1].getBoundingClientRect().top, one.getBoundingClientRect().left])"
    )
    right = window.run("return text.getBoundingClientRect().right")
    assert [line for line, *_ in notes] == [12, 13]
    assert abs(notes[0][1] - notes[0][2]) < 4
    assert all(left >= right for *_, left in notes)
    picture(window, "problems")
    window.press(F8)
    assert line_of_caret(window).startswith("    level:")
    window.press(SHIFT, F8)
    assert line_of_caret(window).startswith("    title:")
    window.press(CONTROL, "s")
    window.until(lambda: "It was not saved" in window.text("#outcome"))
    assert "{from: jobtitle}" in site.file.read_text(encoding="utf-8")
    # The browser's own word on the answer 422 is no complaint about the page.
    assert [one for one in window.complaints() if "status of 422" not in one] == []


def test_what_is_painted_is_what_is_typed(site: Site, window: Browser) -> None:
    """After typing, joining and pasting the coloured lines are the text's, at the same height and breadth."""
    window.open(f"{site.url}file?name=hubspot.yaml")
    window.run("go(9, 1)")
    window.strike(ENTER, *'x: "<b>', ENTER, BACKSPACE, BACKSPACE, DELETE)
    replace(window, "system: hubspot\n\n", "system: hubspot\n# 日本語 \t tab\n\n\n")
    painted, typed = window.run("return [[...code.children].map(one => one.textContent).join('\\n'), text.value]")
    assert painted == typed
    colours = window.run(
        "const of = (kind) => [...code.querySelectorAll(kind)].map(one => getComputedStyle(one).color)[0];"
        "return [of('.key'), of('.comment'), getComputedStyle(code).color]"
    )
    assert None not in colours
    assert len(set(colours)) == 3
    height, wanted = window.run("return [code.getBoundingClientRect().height, text.scrollHeight]")
    assert abs(height - wanted) < 40
    numbered = window.run("return numbers.lastChild.textContent")
    assert int(numbered) == typed.count("\n") + 1


def test_the_page_fits_a_phone_and_the_dark(site: Site, window: Browser) -> None:
    """Nothing is wider than the window but the text, which scrolls in its own."""
    window.size(420, 900)
    with window.dark():
        for name, path in {"folder": "", "file": "file?name=hubspot.yaml", "versions": "history"}.items():
            window.open(f"{site.url}{path}")
            wide, inner = window.run("return [document.documentElement.scrollWidth, window.innerWidth]")
            assert wide <= inner, name
            assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
            picture(window, f"phone-{name}")
        window.open(f"{site.url}file?name=hubspot.yaml")
        replace(window, "{from: jobtitle}", "{form: jobtitle}")
        window.click("#check")
        window.until(lambda: window.all("#beside"))
        picture(window, "phone-problems")
    window.size(1300, 1000)


def test_without_scripts_everything_still_works(site: Site, window: Browser) -> None:
    with window.unscripted():
        window.open(f"{site.url}file?name=hubspot.yaml")
        assert window.all(".paint") == []
        assert window.value("#text") == site.file.read_text(encoding="utf-8")
        window.type("#text", "\n  oops: 1\n")
        window.click("#check")
        window.until(lambda: window.all("#beside"))
        assert "oops" in window.text("#beside")
        picture(window, "unscripted")
        window.open(site.url)
        window.click('a[href="file?name=salesforce.yaml"]')
        window.until(lambda: window.text("h1") == "salesforce.yaml")


# ---------------------------------------------------------------------------------------------------------------------


def active(window: Browser) -> str:
    return str(window.run("return document.activeElement.id"))


def line_of_caret(window: Browser) -> str:
    return str(window.run("return text.value.split('\\n')[lineOfCaret() - 1]"))


def tab_to(window: Browser, what: str) -> None:
    """Press Tab until the focus is on what is called so, by its words or its name."""
    for _ in range(80):
        window.press(TAB)
        if str(window.run("const it = document.activeElement; return it.name || it.textContent")).startswith(what):
            return
    raise AssertionError(f"Tab never comes to {what!r}")


def replace(window: Browser, old: str, new: str) -> None:
    done = window.run(
        "const [old, fresh] = arguments; const at = text.value.indexOf(old); text.focus();"
        "text.setSelectionRange(at, at + old.length); document.execCommand('insertText', false, fresh); return at",
        old,
        new,
    )
    assert done >= 0, old


def picture(window: Browser, name: str) -> None:
    if PICTURES:
        window.picture(Path(PICTURES) / f"{name}.png")
