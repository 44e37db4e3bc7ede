"""The Review page: what only a person can tell about who belongs where and who is who, one key for each answer.

What an answer does is syncd.pipeline.reviewing's, as for `syncd review`.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from syncd.pipeline import reviewing
from syncd.pipeline.reviewing import NoQuestion, Review
from syncd.store.database import now_ms
from syncd.store.figures import reads_only
from syncd.web.desk import Desk
from syncd.web.forms import Form, Token, posted
from syncd.web.mapping_answers import HEADERS, who_says
from syncd.web.mapping_page import Outcome
from syncd.web.page import render

MOST = 200
_DONE = {
    "accept": "Accepted.",
    "reject": "Rejected: the others may still be asked about.",
    "neither": "It is none of those shown.",
    "made": "It is made in the CRM.",
    "not made": "It is not made in the CRM.",
    "undo": "Taken back; it is decided again at the next handoff.",
}


def review_routes(desk: Desk) -> list[BaseRoute]:
    answers = ReviewAnswers(desk)
    return [
        Route("/review/", answers.show),
        Route("/review/", posted(answers.token, answers.judge), methods=["POST"]),
    ]


class ReviewAnswers:
    """The answers on one desk; they run in threads. Whoever may approve an edit here may answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.token = Token()

    def show(self, request: Request) -> Response:
        asked = request.query_params
        done = _DONE.get(asked.get("done", ""))
        was = _number(asked.get("was", "")) if done and asked.get("done") != "undo" else 0
        return self._page(
            _number(asked.get("number", "")),
            Outcome(text=f"Question {was}: {done}" if was else done) if done else None,
            by=asked.get("by", ""),
            was=was,
        )

    def judge(self, form: Form) -> Response:
        number = _number(form.get("number"))
        action, _, candidate = form.get("action").partition(" ")
        done = action
        trouble, status = "", HTTPStatus.CONFLICT
        if not form.ours:
            trouble, status = (
                "This page is older than this run of syncd; press the button once more.",
                HTTPStatus.FORBIDDEN,
            )
        elif not self._desk.approves:
            trouble, status = "Nothing is answered here: `web.mappings` in the config is `read`.", HTTPStatus.FORBIDDEN
        elif not (by := who_says(form)):
            trouble, status = "Say who answers; nothing was done.", HTTPStatus.BAD_REQUEST
        else:
            try:
                done = self._answer(number, action, candidate, by)
            except NoQuestion as error:
                trouble = str(error)
        if trouble:
            return self._page(number, Outcome(text=trouble, bad=True), by=form.get("by"), status=status)
        told: dict[str, Any] = {"done": done, "was": number, "by": form.get("by")}
        if action == "undo":
            told["number"] = number
        where = f"./?{urlencode(told)}#outcome"
        return RedirectResponse(where, HTTPStatus.SEE_OTHER, HEADERS)

    def _answer(self, number: int, action: str, candidate: str, by: str) -> str:
        """Return what was done, a word of `_DONE`."""
        running, now = self._desk.running(), now_ms()
        with self._desk.engine.begin() as connection:
            if action == "undo":
                reviewing.undo(connection, number, now)
                return action
            found = reviewing.read_review(connection, running, number, now)
            if action == "accept":
                reviewing.accept(connection, found, candidate or None, by, now)
            elif action == "reject":
                reviewing.reject(connection, found, candidate or None, by, now)
            elif action == "neither":
                reviewing.reject_all(connection, found, by, now)
            else:
                raise NoQuestion(f"there is no answer {action!r}")
        if not found.making:
            return action
        return "made" if action == "accept" else "not made"

    def _page(
        self, number: int, outcome: Outcome | None, *, by: str, was: int = 0, status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        running, now = self._desk.running(), now_ms()
        with reads_only(self._desk.engine) as connection:
            rows = reviewing.open_questions(connection, MOST)
            wanted = [number] if number in [row.id for row in rows] else []
            found = None
            for one in [*wanted, *(row.id for row in rows if row.id != number)]:
                try:
                    found = reviewing.read_review(connection, running, one, now)
                    break
                except NoQuestion:
                    continue  # settled, but not decided again yet
        text = render(
            "review.html", up="../", page="review", mappings=True, rows=rows, found=found, lines=_lines(found),
            outcome=outcome, token=self.token.text, by=by, was=was, approves=self._desk.approves,
            following=_following(rows, found), asked=reviewing.asked_words,
        )  # fmt: skip
        return Response(text, status, HEADERS, media_type="text/html")


# ---------------------------------------------------------------------------------------------------------------------


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _lines(found: Review | None) -> Sequence[reviewing.Line]:
    return reviewing.side_by_side(found) if found is not None else ()


def _following(rows: Sequence[Any], found: Review | None) -> int:
    """Return the question after this one, round about; 0 where there is no other."""
    numbers = [row.id for row in rows]
    if found is None or found.number not in numbers or len(numbers) < 2:
        return 0
    return int(numbers[(numbers.index(found.number) + 1) % len(numbers)])
