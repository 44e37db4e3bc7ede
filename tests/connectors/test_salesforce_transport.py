"""The Salesforce connector over real HTTP against an org that misbehaves as scripted: tokens, limits, faults, parts."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from salesforce_wire import (
    CANARY,
    COMPOSITE,
    ORG,
    SECRET,
    TOKEN,
    TOKENS,
    Stored,
    connector_to,
    lead,
    reading,
    refusal,
    row,
    rows_written,
    scripted,
    update,
)

from connectors.contract import Deferred, Written
from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, ReadingRests, Unavailable
from sandbox.wire import Fault, Request, Response

# --- tokens ----------------------------------------------------------------------------------------------------------


def test_one_token_serves_all_calls_and_is_fetched_when_first_needed() -> None:
    """Logins are limited per hour, and a connector that is only built must not call anyone."""
    with scripted() as (org, sf, server):
        assert server.board.total() == 0
        for number in range(3):
            sf.write([lead(number)])
        assert org.tokens == 1
        assert {r.headers["authorization"] for r in org.requests[1:]} == {f"Bearer {TOKEN}-1"}


def test_a_token_that_dies_is_renewed_once_and_the_call_replayed() -> None:
    """Salesforce may end a session at any time; no row may notice."""
    with scripted() as (org, sf, server):
        sf.write([lead(1)])
        org.dead_tokens.add(f"{TOKEN}-1")
        assert sf.write([lead(2)]) == [Written("00Q000000000000AAA", True)]
        assert (org.tokens, server.board.total(COMPOSITE)) == (2, 3)


def test_many_threads_that_meet_a_dead_token_log_in_once() -> None:
    """A stampede of logins would run into the login limit."""
    with scripted() as (org, sf, _):
        sf.write([lead(0)])
        org.dead_tokens.add(f"{TOKEN}-1")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: sf.write([lead(n)])[0], range(16)))
        assert all(isinstance(answer, Written) for answer in answers)
        assert org.tokens == 2


def test_a_token_refused_again_after_renewal_pauses_the_system() -> None:
    """A second 401 is no expiry; logging in again and again would lock the user out."""
    with scripted() as (org, sf, _):
        org.dead_tokens |= {f"{TOKEN}-{n}" for n in range(1, 9)}
        with pytest.raises(AuthExpired):
            sf.write([lead(1)])
        assert org.tokens == 2


def test_limits_that_may_not_be_read_are_a_note_and_not_a_problem() -> None:
    """The right is optional; an API that is switched off is not."""
    with scripted() as (org, sf, _):
        org.plain = lambda request: Response(403, refusal("INSUFFICIENT_ACCESS"))
        ready = sf.check()
        assert (ready.problems, sf.account()) == ((), ORG)
        assert "View Setup and Configuration" in ready.notes[0]
        org.plain = lambda request: Response(403, refusal("API_DISABLED_FOR_ORG"))
        assert "API Enabled" in sf.check().problems[0]


def test_an_org_that_issues_the_dead_token_again_pauses_the_system() -> None:
    """Identical logins may return the same session; it is tried once, and not again and again."""
    with scripted() as (org, sf, _):
        org.token_answer = Response(200, {"access_token": TOKEN, "id": f"https://x/id/{ORG}/005xx000001SwiUAAS"})
        org.dead_tokens.add(TOKEN)
        with pytest.raises(AuthExpired, match="refused a token it had just issued"):
            sf.write([lead(1)])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_client_id", r"the client id or secret was refused by http.*check auth\.client_id"),
        ("invalid_client", r"the client id or secret was refused by http.*check auth\.client_secret"),
        ("invalid_grant", "enable the client credentials flow"),
        ("inactive_user", "activate the run-as user"),
    ],
)
def test_a_refused_login_says_what_to_mend_and_not_the_secret(code: str, words: str) -> None:
    """The operator reads this sentence first; it is also what `check` reports."""
    with scripted() as (org, sf, _):
        org.token_answer = Response(400, {"error": code, "error_description": f"no {SECRET}"})
        with pytest.raises(AuthExpired, match=words) as caught:
            sf.write([lead(1)])
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        assert sf.check().problems == (caught.value.message,)


def test_too_many_logins_is_a_wait() -> None:
    """The only refusal of the token endpoint that passes by itself."""
    with scripted() as (org, sf, _):
        org.token_answer = Response(400, {"error": "invalid_grant", "error_description": "login rate exceeded"})
        with pytest.raises(Unavailable) as caught:
            sf.write([lead(1)])
        assert caught.value.retry_after == 900


def test_another_org_is_never_read_or_written() -> None:
    """A copied config that points at production must not touch it."""
    with scripted(org_id="00Dxx0000009999") as (_, sf, server):
        with pytest.raises(ConfigProblem, match="belongs to org 00Dxx0000001gPLEAY, not to org_id"):
            sf.write([lead(1)])
        with pytest.raises(ConfigProblem):
            list(sf.changes([reading()], Stored()))
        assert server.board.total() == server.board.total(TOKENS)


def test_a_session_id_is_used_as_it_is_and_ends_with_words() -> None:
    """It cannot be renewed, so its end is a person's business."""
    with scripted(auth={"session_id": f"{ORG[:15]}!{TOKEN}"}, org_id=ORG) as (org, sf, _):
        sf.write([lead(1)])
        assert (org.tokens, org.requests[0].headers["authorization"]) == (0, f"Bearer {ORG[:15]}!{TOKEN}")
        org.dead_tokens.add(f"{ORG[:15]}!{TOKEN}")
        with pytest.raises(AuthExpired, match=r"set a fresh auth\.session_id"):
            sf.write([lead(1)])


def test_plain_http_to_another_machine_must_be_asked_for() -> None:
    """A token in the clear is an accident unless the operator said so."""
    with scripted() as (_, _, server), pytest.raises(ConfigProblem, match="insecure_http"):
        connector_to(server, instance_url="http://sf.example.test")


def test_the_path_of_a_proxy_stands_before_every_call_and_in_none_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is behind the proxy knows nothing of it."""
    with scripted() as (org, _, server):
        paths, handle = [], org.handle

        def behind(request: Request) -> Response:
            paths.append(request.path)
            return handle(replace(request, path=request.path.removeprefix("/sales")))

        monkeypatch.setattr(org, "handle", behind)
        sf = connector_to(server, instance_url=f"{server.url}/sales/")
        assert [type(one) for one in sf.write([lead(1)])] == [Written]
        assert paths == ["/sales/services/oauth2/token", "/sales/services/data/v66.0/composite"]
        assert org.calls[0][0]["url"].startswith("/services/data/v66.0/")


# --- headers ---------------------------------------------------------------------------------------------------------


def test_every_write_switches_assignment_rules_off() -> None:
    """The default of REST is to run them, and they may move the owner on every update."""
    with scripted() as (org, sf, _):
        sf.write([lead(1), update(2, "00Q000000000001AAA", Company="B")])
        sent = org.requests[-1].headers
        assert (sent["sforce-auto-assign"], sent["sforce-call-options"]) == ("FALSE", "client=syncd")
        assert "x-prettyprint" not in sent
        assert [part["httpHeaders"]["Sforce-Auto-Assign"] for part in org.calls[0]] == ["FALSE"] * 2


def test_assignment_rules_run_when_asked_for() -> None:
    """`auto_assign: true` reaches the call and its parts."""
    with scripted(auto_assign=True) as (org, sf, _):
        sf.write([lead(1)])
        assert org.requests[-1].headers["sforce-auto-assign"] == "TRUE"
        assert org.calls[0][0]["httpHeaders"] == {"Sforce-Auto-Assign": "TRUE"}


# --- limits ----------------------------------------------------------------------------------------------------------


def test_the_limit_header_becomes_usage_and_a_share_of_the_day() -> None:
    """The org's own figure is the truth; syncd's part of it is its budget."""
    with scripted(budget={"share": 0.5}) as (org, sf, _):
        org.headers = {"Sforce-Limit-Info": "api-usage=4/10; per-app-api-usage=3/250(appName=x)"}
        sf.write([lead(1)])
        usage = sf.usage()
        assert (usage.used, usage.allowed, usage.source) == (4, 10, "Sforce-Limit-Info")
        assert (usage.details["own_used"], usage.details["own_allowed"]) == (2, 5)
        for number in range(3):
            sf.write([lead(number)])
        with pytest.raises(Unavailable, match="budget of 5 calls a day"):
            sf.write([lead(9)])


def test_near_the_orgs_limit_syncd_steps_back_without_a_call() -> None:
    """The rest of the day belongs to the other integrations."""
    with scripted() as (org, sf, server):
        org.headers = {"Sforce-Limit-Info": "api-usage=96/100"}
        sf.write([lead(1)])
        calls = server.board.total()
        with pytest.raises(Unavailable, match=r"budget\.stop_at \(95%\)") as caught:
            list(sf.changes([reading()], Stored()))
        assert server.board.total() == calls
        assert 0 < (caught.value.retry_after or 0) <= 900


def test_reading_stops_when_the_org_has_used_four_fifths_and_writing_goes_on() -> None:
    """All that is not urgent leaves the rest of the day to others; a share of one's own changes nothing about it."""
    with scripted(budget={"reserve": 0}) as (org, sf, server):
        org.headers = {"Sforce-Limit-Info": "api-usage=81/100"}
        sf.write([lead(1)])
        calls = server.board.total()
        with sf.session.reading(), pytest.raises(ReadingRests, match=r"budget\.reading_stops_at \(80%\)"):
            list(sf.changes([reading()], Stored()))
        assert server.board.total() == calls
        assert isinstance(sf.write([lead(2)])[0], Written)


def test_the_daily_limit_is_not_knocked_at_again() -> None:
    """Every further call would be refused too, and capacity comes back slowly."""
    with scripted() as (_, sf, server):
        server.board.add(
            Fault("status", COMPOSITE, 403, refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), times=9)
        )
        with pytest.raises(Unavailable, match="daily API calls") as caught:
            list(sf.changes([reading()], Stored()))
        assert caught.value.retry_after == 900
        assert server.board.total(COMPOSITE) == 1


def test_too_many_long_calls_at_once_is_a_short_wait() -> None:
    """The same code as the daily limit, told apart by its text."""
    waits: list[float] = []
    with scripted() as (_, _, server):
        sf = connector_to(server, waits.append)
        body = refusal("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
        server.board.add(Fault("status", COMPOSITE, 403, body))
        assert isinstance(sf.write([lead(1)])[0], Written)
        assert waits == [5.0]


@pytest.mark.parametrize("body", [b"<html>Blocked</html>", b""])
def test_an_edge_block_is_waited_out_and_no_missing_right(body: bytes) -> None:
    with scripted(healthy) as (org, sf, server):
        org.plain = plain
        server.board.add(Fault("status", "/describe", 403, body, times=2))
        assert [field.name for field in sf.fields("Lead")] == ["Email"]
        server.board.add(Fault("status", "/describe", 403, body, times=99))
        with pytest.raises(Unavailable, match="403"):
            sf.fields("Lead")


# --- faults ----------------------------------------------------------------------------------------------------------

FAULTS = ("status", "lost", "reset", "truncated", "html", "hang")


def all_roads(sf: Any) -> list[Any]:
    """Use every endpoint once and return what a caller gets."""
    return [
        sf.check().problems,
        [field.name for field in sf.fields("Lead")],
        [record.id for page in sf.changes([reading()], Stored()) for record in page.records],
        [record.id for record in sf.fetch("Lead", ["00Q000000000001AAA"], ["Email"])],
        [record.id for record in sf.find("Lead", "Email", ["a@b.test"], ["Email"])],
        sf.write([lead(1)]),
    ]


def healthy(part: dict[str, Any]) -> tuple[int, Any]:
    if part["method"] == "PATCH":
        return rows_written(part)
    return 200, {"totalSize": 1, "done": True, "records": [row(1, Email="a@b.test")]}


def plain(request: Request) -> Response:
    if request.path.endswith("/describe"):
        return Response(200, {"fields": [{"name": "Email", "label": "Email", "type": "email"}]})
    if request.path.endswith("/limits"):
        return Response(200, {"DailyApiRequests": {"Max": 100, "Remaining": 99}})
    return Response(200, [row(1, Email="a@b.test")])


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("match", [TOKENS, COMPOSITE, "/describe", "/limits", "composite/sobjects"])
def test_a_passing_fault_is_not_seen_by_the_caller(kind: str, match: str) -> None:
    """Two bad answers in a row at any endpoint, then a good one: the outcome is that of a quiet day."""
    with scripted(healthy, timeouts={"read": 0.4 if kind == "hang" else 10}) as (org, sf, server):
        org.plain = plain
        quiet = all_roads(connector_to(server))
        server.board.clear()
        fault = server.board.add(Fault(kind, match, 503, b"<html>down</html>", seconds=0.6, times=2))
        assert all_roads(sf) == quiet
        assert fault.fired == 2


@pytest.mark.parametrize("kind", FAULTS)
def test_a_lasting_fault_is_unavailable_for_reads_and_deferred_for_writes(kind: str) -> None:
    """A read can be asked again; a write may have been applied, so each row is put off by name."""
    with scripted(healthy, timeouts={"read": 0.2 if kind == "hang" else 10}) as (_, sf, server):
        sf.find("Lead", "Email", ["x"], [])
        server.board.add(Fault(kind, COMPOSITE, 503, b"<html>down</html>", seconds=0.3, times=99))
        with pytest.raises(Unavailable):
            list(sf.changes([reading()], Stored()))
        answers = sf.write([lead(n) for n in range(3)])
        assert [type(answer) for answer in answers] == [Deferred] * 3


def test_an_answer_lost_after_the_first_call_leaves_the_earlier_rows_written() -> None:
    """1,100 rows take two calls; what the first one confirmed stays confirmed."""
    with scripted() as (_, sf, server):
        server.board.add(Fault("lost", COMPOSITE, first=2, times=9))
        answers = sf.write([lead(n) for n in range(1100)])
        kinds = [type(answer) for answer in answers]
        assert (kinds.count(Written), kinds.count(Deferred)) == (1000, 100)


def test_no_secret_and_no_value_is_in_any_error() -> None:
    """Tracebacks end in logs: they may hold neither the token nor the person that was looked for."""
    with scripted(lambda part: (400, refusal("MALFORMED_QUERY", f"... Email IN ('{CANARY}')"))) as (org, sf, server):
        org.plain = lambda request: Response(400, refusal("STRANGE", f"{CANARY} {TOKEN}"))
        told = []
        for ask in (
            lambda: sf.find("Lead", "Email", [CANARY], []),
            lambda: sf.fetch("Lead", ["00Q000000000001AAA"], ["Email"]),
            lambda: sf.fields("Lead"),
        ):
            with pytest.raises(ConnectorError) as caught:
                ask()
            told.append("".join(traceback.format_exception(caught.value)))
        server.board.add(Fault("reset", times=99))
        with pytest.raises(Unavailable) as caught:
            sf.find("Lead", "Email", [CANARY], [])
        told.append("".join(traceback.format_exception(caught.value)))
        told.append(repr(sf.write([lead(1, Email=CANARY)])))
        assert not any(secret in text for text in told for secret in (CANARY, TOKEN, SECRET))
