"""What each path below /mappings/ answers: reading for anyone who may see the pages, acting for forms of our own.

The work itself is syncd.web.desk's, the words syncd.web.mapping_page's.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from syncd.edits.passing import Moved, NotPassed
from syncd.web import mapping_page as page
from syncd.web.desk import Changed, Checked, Desk, Draft, Opened, Planned, Refused, is_ours
from syncd.web.forms import Act, Foreign, Form, Token, posted
from syncd.web.mapping_page import Outcome

# Forms are sent to ourselves only. `same-origin`: without a referrer browsers hide the origin of a form.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# A plan that took no longer is worked out anew whenever its page is opened.
QUICK_SECONDS = 3.0
LONGEST_NAME = 60


def mapping_routes(desk: Desk) -> list[BaseRoute]:
    answers = MappingAnswers(desk)

    def form(path: str, act: Act) -> Route:
        return Route(path, posted(answers.token, act), methods=["POST"])

    return [
        Route("/mappings/", answers.overview),
        Route("/mappings/file", answers.open),
        form("/mappings/file", answers.edit),
        Route("/mappings/plan", answers.held),
        form("/mappings/plan", answers.judge),
        Route("/mappings/history", answers.history),
        Route("/mappings/version", answers.version),
        form("/mappings/version", answers.go_back),
        Route("/mappings/patch", answers.patch),
    ]


def refused(_: Request, error: Exception) -> Response:
    """Answer what was refused with the reason, as a page."""
    status = error.status if isinstance(error, Foreign) else HTTPStatus.CONFLICT
    return _html(page.render_refused(str(error)), status)


def who_says(form: Form) -> str:
    """Return who says so, as the history shows it; empty when nobody is named."""
    name = " ".join("".join(one if one.isprintable() else " " for one in form.get("by")).split())[:LONGEST_NAME]
    return f"{name} (page)" if name else ""


class MappingAnswers:
    """The answers on one desk; they run in threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.token = Token()

    # --- the folder

    def overview(self, request: Request) -> Response:
        outcome = page.DONE.get(request.query_params.get("done", ""))
        return _html(page.render_overview(self._desk, self._desk.standing(), outcome))

    def open(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        if "new" in request.query_params:
            if not is_ours(name):
                raise Refused(
                    f"{name!r} is no name for a file here: write hubspot.yaml, tables/titles.csv or cases/hubspot.yaml"
                )
            if name in self._desk.check(asking=False).files.files:
                raise Refused(f"there is a file {name} already; open it instead")
            opened = Opened(name=name, text="", digest="")
        else:
            opened = self._desk.open(name)
        if opened.why_not:
            return _html(page.render_unreadable(opened))
        draft = Draft(name=name, text=opened.text, was=opened.digest)
        checked = self._desk.check(draft, asking=False) if opened.digest else None
        return self._file(draft, checked, page.DONE.get(request.query_params.get("done", "")))

    def edit(self, form: Form) -> Response:
        draft = Draft(name=form.get("name"), text=_plain_lines(form.get("text")), was=form.get("was"))
        at = form.get("at")
        if not form.ours:
            stale = "this page was opened before syncd was started again; nothing was done. Press the button once more"
            return self._file(draft, None, Outcome(text=stale, bad=True), at=at, status=HTTPStatus.FORBIDDEN)
        match form.get("action"):
            case "patch":
                return _download(self._desk.patch(draft), draft.name)
            case "plan":
                return self._plan(draft, form.get("closer"), at)
            case "save":
                return self._save(draft, at, anyway=False)
            case "save anyway":
                return self._save(draft, at, anyway=True)
            case _:
                checked = self._desk.check(draft)
                return self._file(draft, checked, page.checked_words(checked, draft.name), at=at)

    def _plan(self, draft: Draft, closer: str, at: str) -> Response:
        checked = self._desk.check(draft)
        if checked.problems or not checked.changes:
            return self._file(draft, checked, page.checked_words(checked, draft.name), at=at)
        try:
            planned = self._desk.plan(checked, closer)
        except Refused as error:
            return self._file(draft, checked, Outcome(text=str(error), bad=True), at=at, status=HTTPStatus.CONFLICT)
        return self._file(draft, checked, page.planned_words(planned, self._desk), planned=planned, at=at)

    def _save(self, draft: Draft, at: str, *, anyway: bool) -> Response:
        checked = self._desk.check(draft)
        if checked.problems and not anyway:
            told = page.checked_words(checked, draft.name)
            outcome = Outcome(text=f"{told.text} It was not saved", bad=True)
            return self._file(draft, checked, outcome, at=at, anyway=True, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            self._desk.save(draft)
        except Changed as error:
            outcome = Outcome(text=str(error), bad=True)
            return self._file(
                draft, checked, outcome, at=at, difference=self._desk.patch(draft), status=HTTPStatus.CONFLICT
            )
        except OSError as error:
            text = f"{draft.name} cannot be written: {error.strerror}; nothing was saved. What you wrote stands below"
            return self._file(draft, checked, Outcome(text=text, bad=True), at=at, status=HTTPStatus.CONFLICT)
        return _see(f"./?{urlencode({'done': 'saved with mistakes' if checked.problems else 'saved'})}")

    def _file(
        self,
        draft: Draft,
        checked: Checked | None,
        outcome: Outcome | None = None,
        *,
        planned: Planned | None = None,
        difference: str = "",
        at: str = "",
        anyway: bool = False,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        told = page.FilePage(
            desk=self._desk,
            token=self.token.text,
            draft=draft,
            checked=checked,
            outcome=outcome,
            planned=planned,
            difference=difference,
            at=at,
            anyway=anyway,
        )
        return _html(page.render_file(told), status)

    # --- a plan that waits

    def held(self, request: Request) -> Response:
        return self._plan_page(request.query_params.get("id", ""))

    def judge(self, form: Form) -> Response:
        named = form.get("id")
        if not form.ours:
            return self._plan_page(named, page.STALE, HTTPStatus.FORBIDDEN)
        if form.get("action") != "approve":
            return self._plan_page(named, closer=form.get("closer"), working=True)
        by = who_says(form)
        if not by:
            return self._plan_page(named, page.NAMELESS, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            self._desk.approve(named, by)
        except Moved as error:
            return self._plan_page(error.plan.id, Outcome(text=str(error), bad=True), HTTPStatus.CONFLICT)
        except NotPassed as error:
            return self._plan_page(named, Outcome(text=str(error), bad=True), HTTPStatus.CONFLICT)
        return _see("./?done=approved")

    def _plan_page(
        self,
        named: str,
        outcome: Outcome | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        closer: str = "",
        working: bool = False,
    ) -> Response:
        stored = self._desk.find_plan(named)
        before, after = self._desk.texts(stored.base), self._desk.texts(stored.target)
        waits = stored.packed is not None and self._desk.standing().checked.running.digest == stored.base
        planned = None
        if waits and (working or stored.summary.get("took", 0) <= QUICK_SECONDS):
            planned = self._desk.plan_to(stored.target, closer)
        return _html(
            page.render_plan(
                self._desk, self.token.text, stored, page.difference(before, after), planned, outcome, waits=waits
            ),
            status,
        )

    # --- versions

    def history(self, _: Request) -> Response:
        return _html(page.render_history(self._desk.history()))

    def version(self, request: Request) -> Response:
        asked = request.query_params
        return self._version_page(
            asked.get("id", ""), asked.get("to", ""), outcome=page.DONE.get(asked.get("done", ""))
        )

    def go_back(self, form: Form) -> Response:
        version = form.get("id")
        if not form.ours:
            return self._version_page(version, outcome=page.STALE, status=HTTPStatus.FORBIDDEN)
        if form.get("action") != "rollback":
            return self._version_page(version, working=True, closer=form.get("closer"))
        by = who_says(form)
        if not by:
            return self._version_page(
                version, outcome=page.NAMELESS, status=HTTPStatus.UNPROCESSABLE_ENTITY, working=True
            )
        try:
            self._desk.roll_back(version, by, write=bool(form.get("write")), over=bool(form.get("over")))
        except (NotPassed, OSError) as error:
            outcome = Outcome(text=str(error), bad=True)
            return self._version_page(version, outcome=outcome, status=HTTPStatus.CONFLICT, working=True)
        return _see(f"version?{urlencode({'id': version, 'done': 'rolled back'})}")

    def _version_page(
        self,
        version: str,
        other: str = "",
        *,
        outcome: Outcome | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        working: bool = False,
        closer: str = "",
    ) -> Response:
        texts = self._desk.texts(version)
        running = self._desk.standing().checked.running.digest
        to = other or running
        planned = self._desk.plan_to(version, closer) if working and version != running else None
        told = page.VersionPage(
            desk=self._desk,
            token=self.token.text,
            version=version,
            running=running,
            other=to,
            texts=texts,
            difference=page.difference(self._desk.texts(to), texts),
            on_disk=page.difference(self._desk.texts_on_disk(), texts),
            edited=self._desk.never_in_force(version) if planned is not None and self._desk.writes else [],
            planned=planned,
            outcome=outcome,
        )
        return _html(page.render_version(told), status)

    def patch(self, request: Request) -> Response:
        version = request.query_params.get("to", "")
        return _download(self._desk.patch_to(version), f"to-{version}")


# ---------------------------------------------------------------------------------------------------------------------


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(text, status, HEADERS, media_type="text/html")


def _see(where: str) -> Response:
    return RedirectResponse(where, HTTPStatus.SEE_OTHER, HEADERS)


def _download(text: str, name: str) -> Response:
    plain = quote(name.replace("/", "-"), safe="")
    headers = {**HEADERS, "Content-Disposition": f"attachment; filename={plain}.patch"}
    return Response(text, headers=headers, media_type="text/x-diff")


def _plain_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
