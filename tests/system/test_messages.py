"""What a newcomer reads when something is wrong: what, where, what became of the data, what to do; never a traceback.

Everything is said by the real command line against the simulators, and compared word for word.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import Said, say
from support.world import ROOT, TOKEN, World, add_branch, laid_out, world

from sandbox.wire import Fault

pytestmark = pytest.mark.usefixtures("process_as_before")

WRONG_TOKEN = "pat-na1-00000000-wrong"
WRONG_SECRET = "0000-not-the-secret"
PASSWORD = "hunter2-of-the-database"
NOTHING_DONE = "syncd: 1 problem; nothing was read or written"
EXAMPLE = (ROOT / "config.example.yaml").read_text(encoding="utf-8").splitlines()
ERP = EXAMPLE.index("  erp:") + 1  # lines of the config
ENABLED = EXAMPLE.index("web:") + 2


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with laid_out(tmp_path, sqlite_url) as one:
        yield one


def mend(path: Path, old: str, new: str) -> None:
    """Change the first such text of a file, or break it."""
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def config(old: str, new: str) -> Callable[[World], None]:
    return lambda made: mend(made.config, *(_filled(text, made) for text in (old, new)))


def mapping(file: str, old: str, new: str) -> Callable[[World], None]:
    return lambda made: mend(made.folder / "mappings" / file, old, new)


def _filled(text: str, made: World) -> str:
    for word, value in {
        "{hubspot}": made.servers["hubspot"].url,
        "{hubspot over https}": made.servers["hubspot"].url.replace("http:", "https:"),
        "{salesforce}": made.servers["salesforce"].url,
        "{folder}": str(made.folder),
        "{state}": made.state,
    }.items():
        text = text.replace(word, value)
    return text


def _is_clean(said: Said, made: World) -> None:
    for forbidden in ("Traceback", WRONG_TOKEN, WRONG_SECRET, PASSWORD, TOKEN, "sandbox-secret"):
        assert forbidden not in said.out + said.err
    assert made.writes() == Counter()


@dataclass(frozen=True)
class Case:
    """One mistake and what `syncd check` says to it on stderr."""

    mistake: Callable[[World], None]
    says: str


FILES = {
    "a config that is not there": Case(
        lambda made: made.config.unlink(),
        "{folder}/config.yaml:1:1: cannot be read: No such file or directory; name yours with --config or "
        "SYNCD_CONFIG, or begin with a copy of config.example.yaml",
    ),
    "a config whose indentation slipped": Case(
        config("    connector: hubspot", "   connector: hubspot"),
        "{folder}/config.yaml:18:9: a colon where none can stand; put the text in quotes if it holds ': '",
    ),
    "a key misspelt in the config": Case(
        config("access_token:", "acess_token:"),
        "{folder}/config.yaml:20:5: unknown key 'acess_token'; did you mean 'access_token'?",
    ),
    "a key given twice": Case(
        config("web:\n", "web:\n  enabled: false\n"),
        f"{{folder}}/config.yaml:{ENABLED + 1}:3: duplicate key 'enabled', first given at line {ENABLED}, column 3; "
        "keep one of the two",
    ),
    "a value of the wrong type": Case(
        config("poll: 5s", "poll: often"),
        "{folder}/config.yaml:18:11: expected a duration, got text; write it as 15s, 60m, 24h or 180d",
    ),
    "a secret that is not set": Case(
        config("${HUBSPOT_TOKEN:-pat-na1-sandbox}", "${A_TOKEN_NOBODY_SET}"),
        "{folder}/config.yaml:20:19: the environment variable A_TOKEN_NOBODY_SET is not set; set it where syncd "
        "starts, or use ${file:/path}",
    ),
    "a secret file that is not there": Case(
        config("${HUBSPOT_TOKEN:-pat-na1-sandbox}", "${file:/no/such/secret}"),
        "{folder}/config.yaml:20:19: the secret file /no/such/secret cannot be read: No such file or directory; "
        "mount it, or correct the path and its rights",
    ),
    "an unknown connector": Case(
        config("connector: hubspot", "connector: hubspott"),
        "{folder}/config.yaml:17:16: unknown connector 'hubspott'; did you mean 'hubspot'?",
    ),
    "a state that is no database": Case(
        config("{state}", "mysql://u@host/x"),
        "{folder}/config.yaml:10:8: not a database URL; write sqlite:///path/state.db or postgresql://user@host/name",
    ),
    "an address without https://": Case(
        config("{hubspot}", "api.hubapi.com"),
        "{folder}/config.yaml:16:3: hubspot: the address must begin with https:// and name a host, such as "
        "https://api.example.com",
    ),
    "an address of Salesforce that is none": Case(
        config("{salesforce}", "acme"),
        "{folder}/config.yaml:27:19: instance_url must be an address such as https://acme.my.salesforce.com",
    ),
    "http:// to another machine": Case(
        config("{hubspot}", "http://api.hubapi.com"),
        "{folder}/config.yaml:16:3: hubspot: http://api.hubapi.com is not https; a token would travel in the clear. "
        "Use https, or set `insecure_http: true` for a test system on a network you trust",
    ),
    "a folder of mappings that is not there": Case(
        lambda made: shutil.rmtree(made.folder / "mappings"),
        "{folder}/mappings:1:1: no such folder; correct 'mappings' in the config",
    ),
    "a bracket left open in a mapping": Case(
        mapping("salesforce.yaml", "first_name: {to: FirstName}", "first_name: {to: FirstName"),
        "{folder}/mappings/salesforce.yaml:11:14: a bracket that is never closed, or a missing comma; close it with "
        "] or }",
    ),
    "a key misspelt in a mapping": Case(
        mapping("salesforce.yaml", "{to: FirstName}", "{too: FirstName}"),
        "{folder}/mappings/salesforce.yaml:10:18: unknown key 'too'; did you mean 'to'?",
    ),
    "a condition on an unknown field": Case(
        mapping("definition.yaml", "has(budget) && has(authority)", "has(bugdet) && has(authority)"),
        "{folder}/mappings/definition.yaml:96:41: unknown name 'bugdet'; did you mean 'budget'?\n"
        "    - {name: sql, owner: sales, when: has(bugdet) && has(authority) && has(problem) && has(decision_date\n"
        "                                          ^",
    ),
    "a condition on an unknown field in a mapping": Case(
        mapping("salesforce.yaml", "create_when: handoff.passed", "create_when: handof.passed"),
        "{folder}/mappings/salesforce.yaml:7:16: unknown name 'handof.passed'; did you mean 'handoff.passed'?\n"
        "    create_when: handof.passed # incomplete leads never reach a rep\n"
        "                 ^",
    ),
}

SYSTEMS = {
    "a wrong token of HubSpot": Case(
        config("pat-na1-sandbox", WRONG_TOKEN),
        "{folder}/config.yaml:16:3: hubspot: the token was refused; create a new token in HubSpot (service key or "
        "private app), set access_token to it and start again",
    ),
    "a wrong client secret of Salesforce": Case(
        config("sandbox-secret", WRONG_SECRET),
        "{folder}/config.yaml:24:3: salesforce: the client id or secret was refused by "
        "{salesforce}/services/oauth2/token (invalid_client); check auth.client_secret",
    ),
    "an address at which something else answers": Case(
        config("{hubspot}", "{salesforce}"),
        "{folder}/config.yaml:16:3: hubspot: {salesforce} does not answer like HubSpot (HTTP 404); correct base_url",
    ),
    "an address of Salesforce at which something else answers": Case(
        config("{salesforce}", "{hubspot}"),
        "{folder}/config.yaml:24:3: salesforce: {hubspot}/services/oauth2/token does not exist; instance_url must be "
        "the org's My Domain address",
    ),
    "https where only http is spoken": Case(
        config("{hubspot}", "{hubspot over https}"),
        "{folder}/config.yaml:16:3: hubspot: what answers at {hubspot over https} does not speak https; correct the "
        "address or its port",
    ),
    "an ERP that is not there": Case(
        config("{folder}/erp.db", "{folder}/no/erp.db"),
        f"{{folder}}/config.yaml:{ERP}:3: erp: the database file cannot be opened; check the path in `url` and that it "
        "may be read (it is never created)",
    ),
    "a table that the ERP lacks": Case(
        mapping("erp.yaml", "from ship_to s", "from shipto s"),
        f"{{folder}}/config.yaml:{ERP}:3: erp, kind ship_to: the database does not accept the query: no such table: "
        "shipto",
    ),
    "a mapped field that Salesforce lacks": Case(
        mapping("salesforce.yaml", "{to: Problem__c}", "{to: Problm__c}"),
        "{folder}/mappings/salesforce.yaml:27:5: salesforce Lead has no field 'Problm__c'; did you mean 'Problem__c'?",
    ),
    "a mapped property that HubSpot lacks": Case(
        mapping("hubspot.yaml", "{from: jobtitle}", "{from: jobtitel}"),
        "{folder}/mappings/hubspot.yaml:12:5: hubspot contacts has no field 'jobtitel'; did you mean 'jobtitle'?",
    ),
}
# What `check` tells of a HubSpot that answers.
KEPT = "note: hubspot: branches are kept as custom object 2-7000004: branches: auto, and the object is there\n"


@pytest.mark.parametrize("name", [*FILES, *SYSTEMS])
def test_check_says_what_is_wrong_and_where(made: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """One sentence with its place and its remedy, exit code 2, nothing stored and nothing written."""
    case = {**FILES, **SYSTEMS}[name]
    case.mistake(made)
    said = say(capsys, "check", "--config", str(made.config))
    assert (said.code, said.err, said.out.removeprefix(KEPT)) == (2, _filled(case.says, made) + "\n", "1 problem\n")
    _is_clean(said, made)
    assert not (made.folder / "state.db").exists()


@pytest.mark.parametrize("name", FILES)
def test_the_daemon_does_not_start_on_wrong_files(made: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The same sentence, and that nothing was done; no state comes into being."""
    FILES[name].mistake(made)
    said = say(capsys, "run", "--config", str(made.config))
    assert (said.code, said.err) == (2, f"{_filled(FILES[name].says, made)}\n{NOTHING_DONE}\n")
    _is_clean(said, made)
    assert not (made.folder / "state.db").exists()


def test_files_and_systems_in_order_are_said_to_be(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The twin of all the above: without a mistake `check` finds nothing."""
    said = say(capsys, "check", "--config", str(made.config))
    assert (said.code, said.out, said.err) == (0, f"{KEPT}files and systems are in order\n", "")


def test_a_right_that_describing_lacks_is_told_as_such(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind is there, and nobody should look for it under another name."""
    body = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]
    made.servers["salesforce"].board.add(Fault("status", "sobjects/Lead/describe", 403, body, times=9))
    said = say(capsys, "check", "--config", str(made.config))
    assert said.err == _filled(
        "{folder}/mappings/salesforce.yaml:4:1: salesforce: object Lead: the integration user lacks a right; assign "
        "the permission set syncd to it (INSUFFICIENT_ACCESS)\n",
        made,
    )


def test_an_address_where_nothing_listens(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    made.servers["hubspot"].stop()
    said = say(capsys, "check", "--config", str(made.config))
    assert said.err == _filled(
        "{folder}/config.yaml:16:3: hubspot at {hubspot} did not answer (connection refused); if it stays so, check "
        "the address in the config and the network in between\n",
        made,
    )
    assert said.code == 2


STATES = {
    "in a place where nothing can be": (
        lambda made: None,
        "sqlite:///{folder}/config.yaml/state.db",
        "syncd: the state file {folder}/config.yaml/state.db cannot be created (Not a directory); nothing was read or "
        "written. Give this user the right to write there, or name another place under `state`\n",
    ),
    "that is a folder": (
        lambda made: None,
        "sqlite:///{folder}",
        "syncd: the state file {folder} is a folder; nothing was read or written. Name a file in it under `state`, "
        "such as sqlite:///{folder}/state.db\n",
    ),
    "that is some other file": (
        lambda made: _private(made.folder / "notes.txt", "shopping list\n" * 100),
        "sqlite:///{folder}/notes.txt",
        "syncd: the state database sqlite:///{folder}/notes.txt cannot be used (file is not a database); nothing was "
        "read or written. Check that it is there and is syncd's, that no other process locks it, and that its disk "
        "has room\n",
    ),
    "that others can read": (
        lambda made: _private(made.folder / "open.db", "", 0o644),
        "sqlite:///{folder}/open.db",
        "syncd: the state file {folder}/open.db can be read by other users (mode 0644) and holds personal data; run: "
        "chmod 600 {folder}/open.db\n",
    ),
    "on a PostgreSQL that is not there": (
        lambda made: None,
        f"postgresql://syncd:{PASSWORD}@127.0.0.1:1/syncd",
        "syncd: the state database postgresql://syncd:***@127.0.0.1:1/syncd cannot be used (connection failed: "
        'connection to server at "127.0.0.1", port 1 failed: Connection refused); nothing was read or written. Check '
        "that it is there and is syncd's, that no other process locks it, and that its disk has room\n",
    ),
}


def _private(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_cannot_be_used(made: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Before any system is asked anything: which state, why, what to do; a password in its address is not shown."""
    prepare, url, says = STATES[name]
    prepare(made)
    mend(made.config, made.state, _filled(url, made))
    said = say(capsys, "run", "--config", str(made.config))
    assert (said.code, said.err) == (2, _filled(says, made))
    _is_clean(said, made)
    assert made.calls() == {"hubspot": Counter(), "salesforce": Counter()}


def test_a_port_in_use(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mend(made.config, "listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}")
        said = say(capsys, "run", "--config", str(made.config))
    assert (said.code, said.err.splitlines()[-1]) == (
        2,
        f"syncd: the status page cannot be served on 127.0.0.1:{port}: another process uses that port, perhaps a "
        "syncd that still runs; syncd did not start. Name another host:port under `web.listen` in the config, or set "
        "`web.enabled: false`",
    )
    assert made.calls() == {"hubspot": Counter(), "salesforce": Counter()}


@pytest.mark.parametrize("command", ["run", "once"])
def test_a_second_syncd_on_one_sqlite(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """It is told which process has the state, and does nothing; commands that only look go on working."""
    with world(tmp_path, sqlite_url) as made:
        said = say(capsys, command, "--config", str(made.config))
        holder = (tmp_path / "state.db.lock").read_text()
        assert (said.code, said.err) == (
            2,
            f"syncd: another syncd (process {holder}) works on {tmp_path}/state.db already; nothing was done. Stop it "
            "first, or use PostgreSQL as `state` for several workers\n",
        )
        assert say(capsys, "status", "--config", str(made.config)).code == 0
        assert made.calls() == {"hubspot": Counter(), "salesforce": Counter()}


QUESTIONS = {
    "a lead that nobody knows": (
        ("explain", "nobody@nowhere.example"),
        "Error: nothing is stored under 'nobody@nowhere.example'; give a lead's own id, a record id (51, hubspot:51 "
        "or hubspot:contacts:51), or an e-mail address\n",
    ),
    "a system that is not configured": (
        ("setup", "salesfroce"),
        "Error: no system 'salesfroce' in {folder}/config.yaml; there are hubspot, salesforce, erp\n",
    ),
    "a system that is only read": (("setup", "erp"), "Error: erp is only read; there is nothing to set up\n"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_about_something_unknown(made: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What there is stands in the answer."""
    (command, argument), says = QUESTIONS[name]
    made.begin()
    said = say(capsys, command, "--config", str(made.config), argument)
    assert (said.code, said.out, said.err) == (2, "", _filled(says, made))


def test_a_command_misspelt(capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "rum")
    assert said.code == 2
    assert "No such command 'rum'. Did you mean 'run'?" in said.err


def test_an_unknown_file_format(capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "schema", "leads")
    assert (said.code, said.err) == (
        2,
        "Error: there is no schema 'leads'; there are config, definition, mapping, cases\n",
    )


def test_once_says_which_system_failed_and_does_the_rest(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """With a wrong secret of Salesforce HubSpot is read all the same, the lead waits, and somebody is asked for."""
    made.contact()
    mend(made.config, "sandbox-secret", WRONG_SECRET)
    said = say(capsys, "once", "--config", str(made.config))
    refused = _filled(
        "the client id or secret was refused by {salesforce}/services/oauth2/token (invalid_client); check "
        "auth.client_secret",
        made,
    )
    assert said.code == 1
    assert said.out == (
        "read:    1 hubspot\nleads:   1 deferred\nwrites:  none\nasks:    1 open for a person, see `syncd problems`\n"
    )
    *lines, last = said.err.splitlines()
    assert last == f"salesforce: {refused}"
    assert [json.loads(line)["action"] for line in lines] == ["start", "pause", "handoff"]
    _is_clean(said, made)
    problems = say(capsys, "problems", "--config", str(made.config))
    assert problems.code == 1
    assert (
        f"salesforce cannot be used: {refused}. Its data waits, nothing is lost; it goes on by itself once this is "
        "mended" in problems.out
    )


def test_a_mapped_field_that_salesforce_lacks_stops_leads_and_nothing_else(tmp_path: Path, sqlite_url: str) -> None:
    """Somebody starts the daemon without `syncd check`: that kind waits, a person is asked once, branches still arrive.

    When the admin has made the field, the lead goes through and the question is closed.
    """
    with laid_out(tmp_path, sqlite_url) as made:
        mend(tmp_path / "mappings" / "salesforce.yaml", "{to: Problem__c}", "{to: Pains__c}")
        made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
        add_branch(made, "S1", "Works Chicago")
        contact = made.contact()
        with made.running():
            for _ in range(3):
                made.cycle()
            assert (len(made.leads()), len(made.salesforce.all("Branch__c"))) == (0, 1)
            assert made.told(contact) == {}
            (problem,) = made.problems()
            assert problem == (
                "salesforce Lead cannot be read: Lead has no field Pains__c that syncd's user may see. Correct the "
                "mapping, or grant the field in the permission set (a field that nobody was granted looks like a "
                "missing one). Their data waits, nothing is lost; the other kinds go on, but no new Lead is made: "
                "whoever it is might be there already, out of sight. All of it goes on by itself once this is mended"
            )
            made.salesforce.define_field("Lead", "Pains__c", "textarea", length=32_768)
            made.cycle()
            made.wait_is_over()
            made.settle()
            assert [lead["Pains__c"] for lead in made.leads()] == ["Downtime of the paint line"]
            assert made.problems() == []


def test_a_mapped_property_that_hubspot_lacks_stops_contacts_and_nothing_else(tmp_path: Path, sqlite_url: str) -> None:
    """It is never taken for an empty one: no lead is refused for a fact that nobody could see."""
    with laid_out(tmp_path, sqlite_url) as made:
        mend(tmp_path / "mappings" / "hubspot.yaml", "{from: problem, as: html}", "{from: pains, as: html}")
        contact = made.contact()
        (company,) = made.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])
        with made.running():
            for _ in range(2):
                made.cycle()
            assert (made.leads(), made.told(contact)) == ([], {})
            assert made.stored("hubspot") == {"companies": [company]}
            (problem,) = made.problems()
            assert problem.startswith(
                "hubspot contacts cannot be read: HubSpot contacts has no property pains; create it (`syncd setup`), "
                "or correct the mapping. Their data waits, nothing is lost"
            )


def test_a_question_about_a_system_is_closed_by_a_start_that_works(tmp_path: Path, sqlite_url: str) -> None:
    """Mended by an edit of the config and a restart, as most are."""
    with laid_out(tmp_path, sqlite_url) as made:
        mend(made.config, "sandbox-secret", WRONG_SECRET)
        with made.running():
            made.cycle()
            assert len(made.problems()) == 1
        mend(made.config, WRONG_SECRET, "sandbox-secret")
        with made.running():
            made.cycle()
            assert made.problems() == []
