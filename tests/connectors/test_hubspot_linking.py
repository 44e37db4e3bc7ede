"""Associating records in HubSpot: no link is lost without a word, and the bad one is found alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from hubspot_bench import Bench, bench, people

from connectors.contract import Deferred, Policy, Rejected, WriteRequest, Written
from sandbox.hubspot import HubSpot
from sandbox.wire import Fault

LABEL = "Sits at this branch"


@pytest.fixture
def desk() -> Iterator[Bench]:
    with bench() as made:
        made.sim.define_object("branch", "contacts", "companies")
        made.sim.define_property("branch", "name")
        made.sim.define_label("contacts", "branch", LABEL, "Works here")
        yield made


def sit(contact: str, branch: str, before: str | None = None) -> WriteRequest:
    fields = {"associations.branch": [branch, before]}
    return WriteRequest(token=contact, kind="contacts", policy=Policy.UPDATE, fields=fields, id=contact)


def under(branch: str, company: str) -> WriteRequest:
    fields = {"associations.companies": [company, None]}
    return WriteRequest(token=branch, kind="branch", policy=Policy.UPDATE, fields=fields, id=branch)


def answering_207(
    monkeypatch: pytest.MonkeyPatch, sim: HubSpot, bad: Collection[str], category: str, *, times: int = 1000
) -> None:
    """Let batches of associations leave out the pairs whose first id is `bad`, and say so in a 2xx with `errors`."""
    handle = sim.handle
    left = [times]

    def partly(request: Any) -> Any:
        if not request.path.endswith(("/batch/create", "/batch/associate/default")) or not left[0]:
            return handle(request)
        rows = request.json()["inputs"]
        kept = [row for row in rows if row["from"]["id"] not in bad]
        if len(kept) == len(rows):
            return handle(request)
        left[0] -= 1
        request.body = json.dumps({"inputs": kept}).encode()
        answer = handle(request)
        error = {"status": "error", "category": category, "message": "canary"}
        answer.status = 207 if request.path.endswith("create") else 200  # as HubSpot's OpenAPI documents declare it
        answer.body |= {"numErrors": 1, "errors": [error]}
        return answer

    monkeypatch.setattr(sim, "handle", partly)


@pytest.mark.parametrize("kind", ["contacts", "branch"])
def test_pairs_that_a_207_reports_as_failed_are_refused_each_alone_and_the_others_stand(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """By a label as plainly; a 207 has settled all that was sent, so 2 bad ones of 40 cost no further call."""
    (company,) = desk.sim.seed("companies", [{"name": "Works"}])
    ids = desk.sim.seed("contacts", people(40))
    sites = desk.sim.seed("branch", [{"name": f"Works {n}"} for n in range(40)])
    one, other = (ids, "branch") if kind == "contacts" else (sites, "companies")
    answering_207(monkeypatch, desk.sim, [one[7], one[31]], "VALIDATION_ERROR")
    asked = [sit(ids[n], sites[n]) if kind == "contacts" else under(sites[n], company) for n in range(40)]
    results = desk.connector.write(asked)
    assert [n for n, result in enumerate(results) if isinstance(result, Rejected)] == [7, 31]
    assert sum(isinstance(result, Written) for result in results) == 38
    assert [n for n in range(40) if not desk.sim.linked(kind, one[n], other)] == [7, 31]
    assert desk.server.board.total(f"POST associations/{kind}") == 1
    assert "canary" not in repr(results)


def test_a_pair_that_fails_for_now_in_a_207_is_put_off_and_made_by_the_next_attempt(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = desk.sim.seed("contacts", people(5))
    (site,) = desk.sim.seed("branch", [{"name": "Works"}])
    answering_207(monkeypatch, desk.sim, [ids[3]], "INTERNAL_ERROR", times=1)
    asked = [sit(contact, site) for contact in ids]
    assert [type(result) for result in desk.connector.write(asked)] == [Written] * 3 + [Deferred, Written]
    assert [type(result) for result in desk.connector.write(asked)] == [Written] * 5
    assert all(desk.sim.linked("contacts", contact, "branch") == {site: [LABEL]} for contact in ids)


GONE = {
    "category": "VALIDATION_ERROR",
    "message": "One or more associations are invalid",
    "context": {"INVALID_OBJECT_IDS": ["BRANCH=42 is not valid"]},
}
NO_SCOPE = {
    "category": "MISSING_SCOPES",
    "message": "no",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.custom.write"]}}],
}


def test_what_an_answer_names_as_gone_costs_one_more_call(desk: Bench) -> None:
    """600 of 1,000 sites were deleted: refused each alone, the others made, in two calls and not 1,200."""
    ids = desk.sim.seed("contacts", people(1000))
    sites = desk.sim.seed("branch", [{"name": f"Works {n}"} for n in range(1000)])
    for site in sites[:600]:
        desk.sim.archive("branch", site)
    results = desk.connector.write([sit(*pair) for pair in zip(ids, sites, strict=True)])
    assert [isinstance(one, Rejected) for one in results] == [True] * 600 + [False] * 400
    assert all(isinstance(one, Written) for one in results[600:])
    assert desk.server.board.total("POST associations/contacts/branch/batch/create") == 2


def test_an_id_that_is_named_for_one_end_blames_no_link_with_that_id_at_the_other(desk: Bench) -> None:
    """Ids are unique within a kind only."""
    ids = desk.sim.seed("contacts", people(2))
    site = desk.sim.seed("branch", [{"name": f"Works {n}"} for n in range(3)])[-1]
    assert site not in ids
    body = {**GONE, "context": {"INVALID_OBJECT_IDS": [f"CONTACT={site} is not valid"]}}
    desk.server.board.add(Fault(kind="status", status=400, match="branch/batch/create", times=1, body=body))
    results = desk.connector.write([sit(contact, site) for contact in ids])
    assert [type(one) for one in results] == [Written] * 2


def test_a_refusal_that_names_nobody_takes_no_more_than_forty_calls_a_try(desk: Bench) -> None:
    """Whoever is not looked at by then waits; each try goes on where the one before it ended."""
    ids = desk.sim.seed("contacts", people(500))
    (site,) = desk.sim.seed("branch", [{"name": "Works"}])
    body = {"category": "VALIDATION_ERROR", "message": "no"}
    desk.server.board.add(Fault(kind="status", status=400, match="branch/batch/create", times=9999, body=body))
    results = desk.connector.write([sit(contact, site) for contact in ids])
    assert desk.server.board.total("POST associations/contacts/branch/batch/create") == 40
    assert {type(one) for one in results} == {Rejected, Deferred}
    assert not any(one.at_large for one in results if isinstance(one, Deferred))


def test_a_former_branch_that_is_gone_does_not_keep_its_people_from_the_new_one(desk: Bench) -> None:
    """The call that takes associations away is refused for records that are not there any more; so are these."""
    ids = desk.sim.seed("contacts", people(3))
    before, after = desk.sim.seed("branch", [{"name": "Works"}, {"name": "Works Gary"}])
    desk.connector.write([sit(contact, before) for contact in ids])
    desk.sim.archive("branch", before)
    desk.server.board.add(Fault(kind="status", status=400, match="branch/batch/archive", times=9, body=GONE))
    results = desk.connector.write([sit(contact, after, before) for contact in ids])
    assert [type(result) for result in results] == [Written] * 3
    assert all(after in desk.sim.linked("contacts", contact, "branch") for contact in ids)


def test_an_unlinking_that_is_refused_for_another_reason_is_told(desk: Bench) -> None:
    (contact,) = desk.sim.seed("contacts", people(1))
    before, after = desk.sim.seed("branch", [{"name": "Works"}, {"name": "Works Gary"}])
    body = {**GONE, "context": {}}
    desk.server.board.add(Fault(kind="status", status=400, match="branch/batch/archive", times=9, body=body))
    (result,) = desk.connector.write([sit(contact, after, before)])
    assert isinstance(result, Rejected)
    assert result.code == "VALIDATION_ERROR"


@pytest.mark.parametrize("call", ["contacts/branch/labels", "contacts/branch/batch/create"])
def test_a_right_that_the_token_lacks_is_told_with_what_to_do(desk: Bench, call: str) -> None:
    """Nobody would look for it in a log, and waiting does not mend it."""
    ids = desk.sim.seed("contacts", people(2))
    (site,) = desk.sim.seed("branch", [{"name": "Works"}])
    desk.server.board.add(Fault(kind="status", status=403, match=call, times=9, body=NO_SCOPE))
    results = desk.connector.write([sit(contact, site) for contact in ids])
    assert all(isinstance(result, Deferred) and result.stuck for result in results)
    assert all("crm.objects.custom.write" in result.reason for result in results if isinstance(result, Deferred))
