"""HubSpot in trouble: what is waited out, what is told to the operator, and that no value is ever in a message."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hubspot_bench import FIELDS, TOKEN, Bench, bench, old, people
from support.tls import certified

from connectors.contract import Deferred, FieldType, FieldWanted, Policy, Rejected, WriteRequest, Written
from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, NoEntry, Unavailable, WrongAddress
from connectors.hubspot import Settings, connect
from connectors.hubspot.client import dated_path
from connectors.hubspot.judge import HubSpotJudge
from sandbox.wire import Fault, Request, Response

SEARCH, UPDATE = "POST contacts/search", "POST contacts/batch/update"
ROLLING = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "policyName": "TEN_SECONDLY_ROLLING",
}
TEN_SECONDS = {"status": "error", "message": "You have reached your limit.", "policyName": "TEN_SECONDLY"}
DAILY = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
SEARCHES = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}


def patience(fault: dict[str, Any]) -> dict[str, Any]:
    """Return time-outs shorter than a hanging server; a busy machine may need longer for everything else."""
    return {"timeouts": {"read": 0.5}} if fault["kind"] == "hang" else {}


def touch(desk: Bench, ids: list[str], value: str = "x") -> list[Any]:
    return list(
        desk.connector.write(
            [
                WriteRequest(token=i, kind="contacts", policy=Policy.UPDATE, fields={"firstname": value}, id=i)
                for i in ids
            ]
        )
    )


FAULTS = [
    {"kind": "status", "status": 429, "body": ROLLING},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": b"<html>Bad gateway</html>"},
    {"kind": "status", "status": 423},
    {"kind": "status", "status": 524},
    {"kind": "lost"},
    {"kind": "truncated"},
    {"kind": "html"},
    {"kind": "hang", "seconds": 0.7},
    {"kind": "reset"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f['kind']}{f.get('status', '')}")
@pytest.mark.parametrize("call", [SEARCH, UPDATE])
def test_a_fault_that_passes_is_waited_out(fault: dict[str, Any], call: str) -> None:
    with bench(settings=patience(fault)) as desk:
        ids = desk.sim.seed("contacts", people(450), modified=old())
        added = desk.server.board.add(Fault(match=call, first=2, times=2, **fault))
        if call == SEARCH:
            desk.poll()
            assert desk.wrong() == []
            assert added.fired == 2
            assert len(desk.slept) == 2 or (fault["kind"] == "hang" and len(desk.slept) > 2)
        elif fault.get("status") in (423, 429):
            assert {type(r) for r in touch(desk, ids)} == {Written}
            assert len(desk.slept) == 2
        else:
            assert_not_sent_again(desk, ids)


def assert_not_sent_again(desk: Bench, ids: list[str]) -> None:
    """What may have been written waits for the next look: a person may have changed it since."""
    told = touch(desk, ids)
    assert [type(r) for r in told] == [Written] * 100 + [Deferred] * (len(ids) - 100)
    assert (desk.slept, desk.server.board.total(UPDATE)) == ([], 2)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f['kind']}{f.get('status', '')}")
def test_a_fault_that_stays_ends_a_poll_as_unavailable_and_loses_nothing(fault: dict[str, Any]) -> None:
    with bench(settings=patience(fault)) as desk:
        desk.sim.seed("contacts", people(450), modified=old())
        desk.server.board.add(Fault(match=SEARCH, first=2, times=4, **fault))
        with pytest.raises(Unavailable) as caught:
            desk.poll()
        assert "example.com" not in str(caught.value)
        desk.poll()
        assert desk.wrong() == []


@pytest.mark.parametrize(
    ("body", "headers", "waits"),
    [
        (ROLLING, {}, 10.0),
        (ROLLING, {"Retry-After": "3"}, 3.0),
        (ROLLING, {"Retry-After": "0"}, 10.0),
        (TEN_SECONDS, {}, 10.0),
        (SEARCHES, {}, 1.0),
        (b"error code: 1015", {}, 1.0),
    ],
)
def test_a_burst_limit_is_waited_for_as_long_as_it_lasts(body: Any, headers: dict[str, str], waits: float) -> None:
    with bench() as desk:
        desk.server.board.add(Fault(kind="status", status=429, match=SEARCH, body=body, headers=headers))
        desk.poll()
        assert desk.slept == [waits]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "5"}])
def test_a_daily_limit_is_not_waited_for_but_says_when_it_ends(headers: dict[str, str]) -> None:
    with bench() as desk:
        desk.connector.account()
        desk.server.board.add(Fault(kind="status", status=429, body=DAILY, headers=headers, times=99))
        with pytest.raises(Unavailable, match="daily") as caught:
            desk.poll()
        there = HubSpotJudge()
        there.utc_offset = timedelta(0)
        assert desk.slept == []
        assert caught.value.retry_after == pytest.approx(there.until_reset(), abs=60)
        assert desk.server.board.total() == 2


def test_a_day_that_is_spent_at_the_start_is_asked_about_each_hour() -> None:
    """When it ends only the account tells, which is not to be had that day; UTC's midnight may be most of a day off."""
    with bench() as desk:
        desk.server.board.add(Fault(kind="status", status=429, body=DAILY, times=99))
        with pytest.raises(Unavailable, match="daily") as caught:
            desk.connector.account()
        assert caught.value.retry_after == 3600


def test_a_move_between_regions_pauses_the_account_for_as_long_as_told() -> None:
    with bench() as desk:
        desk.server.board.add(Fault(kind="status", status=477, headers={"Retry-After": "7200"}))
        with pytest.raises(Unavailable) as caught:
            desk.poll()
        assert caught.value.retry_after == 7200
        assert desk.slept == []


def test_an_edge_block_is_unavailable_and_no_missing_right() -> None:
    with bench() as desk:
        desk.server.board.add(Fault(kind="status", status=403, body=b"<html>Blocked</html>"))
        with pytest.raises(Unavailable, match="403"):
            desk.poll()


def test_a_wrong_token_is_one_sentence_that_says_what_to_do() -> None:
    with bench(settings={"access_token": "pat-na1-wrong"}) as desk:
        (problem,) = desk.connector.check().problems
        assert "create a new token" in problem
        assert "pat-na1" not in problem
        with pytest.raises(AuthExpired):
            desk.poll()


def test_a_missing_scope_is_named() -> None:
    with bench(scopes=["crm.objects.contacts.read"]) as desk:
        (problem,) = desk.connector.check().problems
        assert "crm.schemas.contacts.read" in problem
        (record_id,) = desk.sim.seed("contacts", people(1))
        (result,) = touch(desk, [record_id])
        assert isinstance(result, Deferred)
        assert result.stuck
        assert "crm.objects.contacts.write" in result.reason


def test_a_kind_that_may_not_be_read_is_told_at_each_poll_and_asked_about_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """HubSpot counts refused calls too, and wants them to be few."""
    with bench(scopes=["crm.objects.contacts.read"]) as desk:
        desk.sim.seed("contacts", people(1))
        for calls in (1, 1, 1, 2):
            if calls == 2:
                monkeypatch.setattr("connectors.hubspot.source.ASK_AGAIN_SECONDS", 0.0)
            with pytest.raises(ConfigProblem, match=r"crm\.objects\.companies\.read") as caught:
                desk.poll("companies")
            assert caught.value.kinds == ("companies",)
            assert desk.server.board.total("companies") == calls
        desk.poll()
        assert desk.wrong() == []


def test_a_right_to_write_that_is_missing_costs_one_call_and_holds_up_no_other_kind() -> None:
    with bench() as desk:
        ids = desk.sim.seed("companies", [{"name": f"Works {n}"} for n in range(250)])
        (contact,) = desk.sim.seed("contacts", people(1))
        body = {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["crm.companies"]}}]}
        forbidding = desk.server.board.add(Fault("status", "companies/batch/update", times=9, status=403, body=body))
        asked = [("companies", id, {"name": "Mills"}) for id in ids] + [("contacts", contact, {"firstname": "Ann"})]
        requests = [
            WriteRequest(token=f"{kind}{id}", kind=kind, policy=Policy.UPDATE, fields=fields, id=id)
            for kind, id, fields in asked
        ]
        *stuck, done = desk.connector.write(requests)
        assert all(isinstance(result, Deferred) and result.stuck for result in stuck)
        assert isinstance(done, Written)
        assert forbidding.fired == 1


def test_a_wrong_address_is_told_as_such() -> None:
    settings = Settings(access_token=TOKEN, base_url="http://127.0.0.1:9", budget={"burst": None})
    with pytest.raises(Unavailable, match="connection refused"):
        connect("hubspot", settings, sleep=lambda _: None).check()
    with pytest.raises(ConfigProblem, match="https"):
        connect("hubspot", Settings(access_token=TOKEN, base_url="http://crm.example.com"))


def test_a_secure_connection_that_breaks_off_is_waited_out_like_any_other(tmp_path: Path) -> None:
    authorities, tls = certified(tmp_path)
    with bench(settings={"ca": authorities}, tls=tls) as desk:
        desk.sim.seed("contacts", people(3))
        desk.server.broken_handshakes = 2
        desk.poll()
        assert desk.slept == [0.5, 1.0]
        assert desk.wrong() == []
        desk.connector.session.close()
        desk.server.broken_handshakes = 99
        with pytest.raises(Unavailable, match="the secure connection broke off"):
            desk.poll()


def test_a_certificate_that_is_not_believed_is_told_and_not_tried_again(tmp_path: Path) -> None:
    with bench(tls=certified(tmp_path)[1]) as desk:
        with pytest.raises(WrongAddress, match="set `ca`"):
            desk.connector.fetch("contacts", ["1"], FIELDS)
        assert desk.slept == []


def test_check_costs_two_calls() -> None:
    with bench() as desk:
        assert desk.connector.check().problems == ()
        assert desk.server.board.total() == 2
        usage = desk.connector.usage()
        assert usage.allowed == 625_000
        assert usage.source == "HubSpot's own count"


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_both_api_versions_serve_every_call(version: str) -> None:
    with bench(settings={"api_version": version}) as desk:
        ids = desk.sim.seed("contacts", people(2))
        assert desk.connector.check().problems == ()
        desk.poll()
        assert desk.wrong() == []
        assert {type(r) for r in touch(desk, ids)} == {Written}
        assert len(desk.connector.fetch("contacts", ids, FIELDS)) == 2
        assert desk.connector.people()
        wanted = FieldWanted(kind="contacts", name="syncd_a", label="A", type=FieldType.TEXT)
        assert desk.connector.prepare([wanted], apply=True) == ["contacts.syncd_a: created"]
        assert desk.server.board.total("unknown") == 0


def test_an_area_without_a_dated_form_is_not_sent_to_v3_by_chance() -> None:
    with pytest.raises(ConnectorError):
        dated_path("/crm/v3/lists/search", "2026-09")
    assert dated_path("/crm/v3/objects/contacts/search", "2026-09") == "/crm/objects/2026-09/contacts/search"


def test_a_rule_of_an_admin_is_told_with_the_property_that_it_requires() -> None:
    """A line of a 207 has no code for it: only its text names the property."""
    with bench(settings={"api_version": "2026-09"}) as desk:
        (record_id,) = desk.sim.seed("contacts", people(1))
        desk.sim.require("contacts", "lastname", when="firstname")
        (result,) = touch(desk, [record_id])
        assert isinstance(result, Rejected)
        assert result.field == "lastname"
        assert result.code == "MISSING_CONDITIONAL_REQUIRED_PROPERTY"
        assert "rule" in result.message


def test_no_value_and_no_secret_is_in_any_error_or_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-value-5e1d"
    with bench() as desk:
        (record_id,) = desk.sim.seed("contacts", people(1))
        handle = desk.sim.handle
        errors = [
            {"message": canary, "category": "VALIDATION_ERROR", "errors": [{"message": canary, "code": canary}]},
            {"message": f'Property values were not valid: [{{"name": "{canary}", "error": "{canary}"}}]'},
            {"message": canary, "category": canary, "context": {"ids": [canary], "propertyName": [canary]}},
            {"message": [canary], "errors": canary, "context": canary},
        ]
        texts = [repr(desk.connector), repr(Settings(access_token=TOKEN)), repr(vars(desk.connector))]
        for body in errors:
            for status in (400, 403, 404, 409, 500):

                def refuse(request: Any, body: Any = body, status: int = status) -> Any:
                    answer = handle(request)
                    answer.status, answer.body = status, body
                    return answer

                monkeypatch.setattr(desk.sim, "handle", refuse)
                for call in (lambda: touch(desk, [record_id], canary), desk.poll):
                    try:
                        texts.append(repr(call()))
                    except ConnectorError as error:
                        texts += [str(error), repr(error), repr(vars(error))]
        assert all(canary not in text and TOKEN not in text for text in texts)


def test_a_setting_that_is_wrong_is_told_without_what_was_typed() -> None:
    for wrong in (
        {"access_token": 5150},
        {"acess_token": TOKEN},
        {"access_token": " "},
        {},
        {"access_token": TOKEN, "oauth": {}},
    ):
        with pytest.raises(ValueError) as caught:
            Settings(**wrong)
        assert TOKEN not in str(caught.value)
        assert "5150" not in str(caught.value)


def test_a_lone_surrogate_or_a_huge_number_does_not_hold_up_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as desk:
        desk.sim.seed("contacts", people(3), modified=old())
        handle = desk.sim.handle

        def odd(request: Any) -> Any:
            answer = handle(request)
            text = json.dumps(answer.body).replace('"first1"', '"\\ud800"').replace('"first2"', "1" + "0" * 400)
            answer.body = text.encode()
            return answer

        monkeypatch.setattr(desk.sim, "handle", odd)
        desk.poll()
        assert [record.fields["firstname"] for record in desk.store.records.values()][:2] == ["first0", "?"]


def test_oauth_tokens_are_renewed_before_they_end_and_once_after_a_401() -> None:
    with bench() as desk:
        app = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}
        access = desk.sim.access
        for name in app:
            app[name] = getattr(access, name, app[name])
        settings = Settings(oauth=app, base_url=desk.server.url, budget={"burst": None, "search_per_second": None})
        connector = connect("hubspot", settings, sleep=lambda _: None)
        assert connector.check().problems == ()
        assert desk.server.board.total("oauth") == 1
        desk.server.board.add(Fault(kind="status", status=401, match="GET account-info", body={"category": "EXPIRED"}))
        assert connector.check().problems == ()
        assert desk.server.board.total("oauth") == 2
        connector.session.close()


@pytest.mark.parametrize(
    ("word", "of", "says"),
    [
        ("BAD_REFRESH_TOKEN", AuthExpired, "install the app again and set oauth.refresh_token"),
        ("BAD_HUB", AuthExpired, "no longer has the account"),
        ("BAD_CLIENT_ID", NoEntry, "correct oauth.client_id"),
    ],
)
def test_a_refused_refresh_token_says_what_to_do(word: str, of: type[ConnectorError], says: str) -> None:
    with bench() as desk:
        app = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}
        body = {"status": word, "error": "invalid_grant"}
        desk.server.board.add(Fault(kind="status", status=400, match="oauth", body=body, times=2))
        connector = connect("hubspot", Settings(oauth=app, base_url=desk.server.url))
        (problem,) = connector.check().problems
        assert word in problem
        assert says in problem
        with pytest.raises(of):
            connector.fields("contacts")
        connector.session.close()


def test_a_refresh_token_that_hubspot_replaces_is_used_and_told() -> None:
    """The next renewal goes by the new one; an operator hears of it before a restart is refused, and reads no token."""
    with bench() as desk:
        access, real = desk.sim.access, desk.sim.handle
        app = {name: getattr(access, name) for name in ("client_id", "client_secret", "refresh_token")}

        def handle(request: Request) -> Response:
            answer = real(request)
            if "oauth" in request.path and answer.status == 200:
                access.refresh_token = f"canary-{desk.server.board.total('oauth')}"
                answer.body["refresh_token"] = access.refresh_token
            return answer

        desk.sim.handle = handle  # type: ignore[method-assign]
        connector = connect("hubspot", Settings(oauth=app, base_url=desk.server.url), sleep=lambda _: None)
        desk.server.board.add(Fault(kind="status", status=401, match="GET account-info", body={"category": "EXPIRED"}))
        told = connector.check()
        assert desk.server.board.total("oauth") == 2
        assert told.problems == ()
        assert "set oauth.refresh_token" in told.notes[-1]
        assert "canary" not in str(told)
        connector.session.close()


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_error_page_in_place_of_a_token_is_waited_out_and_refuses_nobody(status: int) -> None:
    with bench() as desk:
        app = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}
        desk.server.board.add(Fault(kind="status", status=status, match="oauth", body=b"<html>One moment</html>"))
        connector = connect("hubspot", Settings(oauth=app, base_url=desk.server.url), sleep=lambda _: None)
        with pytest.raises(Unavailable) as caught:
            connector.fetch("contacts", ["1"], FIELDS)
        assert caught.value.retry_after == 60
        connector.session.close()


def test_a_deferred_write_keeps_the_time_that_hubspot_named() -> None:
    with bench() as desk:
        (record_id,) = desk.sim.seed("contacts", people(1))
        desk.server.board.add(Fault(kind="status", status=429, body=DAILY, headers={"Retry-After": "500"}))
        (result,) = touch(desk, [record_id])
        assert isinstance(result, Deferred)
        assert result.retry_after == 500
