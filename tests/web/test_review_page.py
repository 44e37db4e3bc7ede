"""The Review page over real HTTP: sides beside each other, each answer obeyed, undone, and taken from nobody else."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.twins import seed_twins
from support.world import World, world

from syncd.cli.common import make_desk
from syncd.health import Health
from syncd.lead.decision import Likely
from syncd.lead.definition import EntityKind
from syncd.matching.evidence import Sign
from syncd.pipeline.reviewing import Review, Side, side_by_side
from syncd.store.tables import entity, link, pairing
from syncd.web.serve import Running, start


class Reviewer:
    """Somebody with the page open."""

    def __init__(self, made: World, server: Running) -> None:
        self.world, self.url = made, f"{server.url}review/"

    def get(self, query: str = "") -> str:
        with urllib.request.urlopen(self.url + query) as answer:
            return unescape(answer.read().decode())

    def press(self, action: str, page: str | None = None, /, **changes: str) -> str:
        """Press a button of the page as a browser does; return the page that follows."""
        page = page or self.get()
        fields = {
            "token": str(re.search(r'name="token" value="([^"]+)"', page)[1]),  # type: ignore[index]
            "number": str(re.search(r'name="number" value="([^"]+)"', page)[1]),  # type: ignore[index]
            "by": "Ann Lee",
            "action": action,
        } | changes
        body = urllib.parse.urlencode(fields).encode()
        return self.send(body, "same-origin")

    def send(self, body: bytes, site: str) -> str:
        """Return the page that follows; "refused with STATUS" where nothing was done."""
        request = urllib.request.Request(self.url, body, {"Sec-Fetch-Site": site})
        try:
            with urllib.request.urlopen(request) as answer:
                return unescape(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return f"refused with {error.code}"

    def said(self) -> list[tuple[bool, str]]:
        with self.world.app.engine.connect() as connection:
            return [(row.same, row.by) for row in connection.execute(sa.select(pairing).order_by(pairing.c.same))]

    def account(self) -> str | None:
        with self.world.app.engine.connect() as connection:
            query = sa.select(entity.c["values"]).join(link, link.c.entity == entity.c.id)
            values = connection.execute(query.where(link.c.record_id == "C9/S1")).scalar_one()
            return values.get("account")


@pytest.fixture
def reviewer(tmp_path: Path, sqlite_url: str) -> Iterator[Reviewer]:
    """A branch that may be of either of two accounts."""
    with world(tmp_path, sqlite_url) as made:
        seed_twins(made, "Voltaform <i>Casting</i> LLC")
        made.settle()
        server = start(made.app.engine, Health(), "127.0.0.1", 0, make_desk(made.app))
        try:
            yield Reviewer(made, server)
        finally:
            server.stop()


def accepts(page: str) -> list[str]:
    return re.findall(r'value="(accept [0-9A-Z]{26})"', page)


def test_both_candidates_stand_side_by_side_with_what_differs_marked(reviewer: Reviewer) -> None:
    with urllib.request.urlopen(reviewer.url) as answer:
        raw = answer.read().decode()
    assert "1 question only a person can answer" in raw
    assert "&lt;i&gt;Casting&lt;/i&gt;" in raw  # a name is text
    assert raw.count("<mark>") >= 3  # both names and both streets are spelled otherwise
    assert "erp ship_to C9/S1" in raw
    assert len(accepts(raw)) == 2


def test_what_the_signs_call_the_same_is_not_marked() -> None:
    """A postcode with and without its +4; where the signs do not say so, it is."""

    def side(postcode: str) -> Side:
        return Side(id=postcode, record="", values={"postcode": postcode})

    def likely(*signs: str) -> Likely:
        return Likely(id="A", weight=1.0, signs=tuple((sign, 1.0) for sign in signs))

    found = Review(
        number=1,
        kind=EntityKind.BRANCH,
        about=EntityKind.ACCOUNT,
        who=side("60914"),
        candidates=[(side("60914-3799"), likely(Sign.POSTCODE_SAME.value)), (side("60915"), likely())],
    )
    (line,) = side_by_side(found)
    assert line.cells == (("60914", False), ("60914-3799", False), ("60915", True))


def test_what_is_accepted_is_obeyed_and_can_be_undone_from_the_page(reviewer: Reviewer) -> None:
    """The second of the two; then nothing is left to review, and one press takes it back."""
    action = accepts(reviewer.get())[1]
    after = reviewer.press(action)
    assert "Accepted." in after
    assert "Nothing to review" in after
    assert reviewer.said() == [(False, "Ann Lee (page)"), (True, "Ann Lee (page)")]
    reviewer.world.settle()
    assert reviewer.account() == action.partition(" ")[2]
    assert "Taken back" in reviewer.press("undo", after)
    reviewer.world.settle()
    assert (reviewer.said(), reviewer.account()) == ([], None)
    assert "1 question only" in reviewer.get()


def test_what_is_rejected_is_out_of_question(reviewer: Reviewer) -> None:
    page = reviewer.get()
    assert "may still be asked" in reviewer.press(accepts(page)[0].replace("accept", "reject"))
    assert reviewer.said() == [(False, "Ann Lee (page)")]
    reviewer.world.settle()
    assert reviewer.account() == accepts(page)[1].partition(" ")[2]  # the other one is sure now


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"token": "guessed"}, 403), ({"by": " "}, 400), ({"number": "9999"}, 409), ({"action": "delete"}, 409)],
)
def test_what_no_page_of_ours_sent_and_what_makes_no_sense_does_nothing(
    reviewer: Reviewer, changes: dict[str, str], status: int
) -> None:
    page = reviewer.get()
    assert reviewer.press("neither", page, **changes) == f"refused with {status}"
    assert reviewer.said() == []


def test_a_form_of_another_site_and_a_page_that_may_only_read_change_nothing(reviewer: Reviewer) -> None:
    assert reviewer.send(b"action=neither", "cross-site") == "refused with 403"
    desk = make_desk(reviewer.world.app)
    assert desk is not None
    desk.approves = False
    server = start(reviewer.world.app.engine, Health(), "127.0.0.1", 0, desk)
    try:
        reader = Reviewer(reviewer.world, server)
        page = reader.get()
        assert accepts(page) == []
        assert reader.press("neither", page) == "refused with 403"
    finally:
        server.stop()
    assert reviewer.said() == []
