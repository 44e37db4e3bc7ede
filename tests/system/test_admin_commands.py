"""What an admin types while editing mappings: checked against what is there, cases from records, a first mapping."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from support.commands import say
from support.world import COMPLETE, World, laid_out, world

from syncd.config.yaml import parse
from syncd.store import inbox
from syncd.store.database import open_store

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with laid_out(tmp_path, sqlite_url) as one:
        yield one


def mend(made: World, file: str, old: str, new: str) -> None:
    path = made.folder / "mappings" / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_offline_goes_by_what_was_last_seen(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the systems gone, the same finding as with them, and how old what it rests on is."""
    with world(tmp_path, sqlite_url) as made:
        made.cycle()
        config = str(made.config)
        assert say(capsys, "check", "-c", config).out.endswith("files and systems are in order\n")
        mend(made, "salesforce.yaml", "\nLead:\n", "\nLeads:\n")
        for command in ("check", "--offline"), ("plan",):
            slip = say(capsys, *command, "-c", config)
            assert slip.code == 2
            assert "salesforce has no kind 'Leads'; did you mean 'Lead'?" in slip.out + slip.err
        mend(made, "salesforce.yaml", "\nLeads:\n", "\nLead:\n")
        mend(made, "hubspot.yaml", "{from: jobtitle}", "{from: jobtitel}")
        mend(made, "hubspot.yaml", "{from: firstname}", "{from: firstnam}")
        case = "- {name: a name, kind: contact, given: {firstname: Ann}, expect: {first_name: Ann}}\n"
        cases = made.folder / "mappings" / "cases" / "hubspot.yaml"
        cases.parent.mkdir(exist_ok=True)
        cases.write_text(case, encoding="utf-8")
        mend(made, "salesforce.yaml", "{to: LeadSource}", "{to: LeadSource, values: {Web: website, Fair: fair}}")
        made.salesforce.define_field("Lead", "LeadSource", "picklist", picklist=["Web", "Fair"], restricted=True)
        made.salesforce.add_record_type("Lead", "Inbound", picklists={"LeadSource": ["Web"]}, default=True)
        live = say(capsys, "check", "-c", config)
        for server in made.servers.values():
            server.stop()
        seen = say(capsys, "check", "--offline", "-c", config)
    assert (seen.code, live.code) == (2, 2)
    assert seen.err == live.err
    assert "salesforce Lead.LeadSource does not allow the choice 'Fair' in the record type Inbound" in seen.err
    assert "hubspot contacts has no field 'jobtitel'; did you mean 'jobtitle'?\n" in seen.err
    assert "the mapping does not read 'firstname'; mend the mapping first\n" in seen.err
    notes = [line for line in seen.out.splitlines() if line.startswith("note: hubspot")]
    assert len(notes) == 1
    assert notes[0].startswith("note: hubspot as it was described at 20")
    assert notes[0].endswith(" minutes ago")


def test_offline_says_so_when_nothing_was_ever_seen(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """No state comes into being, and nobody takes silence for a comparison."""
    said = say(capsys, "check", "--offline", "-c", str(made.config))
    assert said.code == 0
    assert "note: hubspot was never described, so nothing was compared" in said.out
    assert not (made.folder / "state.db").exists()


SECRETS = ("Marguerite", "Vandenberghe", "acmepumps", "Industriepark", "4417", "7788", "60607", "Trommel")


def test_a_case_made_of_a_real_lead_names_nobody_and_holds(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names, mails, phones, addresses and free text are made up, the same by the same; what is asked of it stays.

    A file that is a link is written where it points, and keeps its rights.
    """
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact(
            firstname="Marguerite",
            lastname="Vandenberghe",
            email="m.vandenberghe@acmepumps.com",
            mobilephone="(312) 876-4417 ext. 93",
            phone="312-876-4417",
            jobtitle="VP Operations",
            company="Trommel Pumps",
            website="https://www.acmepumps.com/about-marguerite",
            address="Industriepark 7788",
            zip="60607",
            problem="<p>Marguerite says: call 312-876-4417 or m.vandenberghe@acmepumps.com</p>",
            budget_amount="10-20k",
        )
        made.cycle()
        config = str(made.config)
        before = say(capsys, "test", "-c", config).out.splitlines()[-1]
        file = made.folder / "mappings" / "cases" / "hubspot.yaml"
        shared = file.rename(made.folder / "mappings" / "tables" / "hubspot.yaml")
        shared.chmod(0o660)
        file.symlink_to(shared)
        said = say(capsys, "case", f"hubspot:contacts:{contact}", "--name", "a range: no budget", "-c", config)
        assert file.is_symlink()
        assert shared.stat().st_mode & 0o777 == 0o660
        after = say(capsys, "test", "-c", config)
        text = file.read_text(encoding="utf-8")
        made_case = text[text.index('- name: "a range: no budget"') :]
        assert (said.code, after.code) == (0, 0), said.err + after.out
        assert int(after.out.splitlines()[-1].split()[0]) == int(before.split()[0]) + 1
        assert [word for word in SECRETS if word.casefold() in made_case.casefold()] == []
        given = parse(made_case.encode(), "case").data[0]["given"]
        assert given["mobilephone"] == "(312) 555-0101 ext. 11"
        assert given["phone"] == "312-555-0101"
        assert given["email"] == "person1@company1.example"
        assert given["website"] == "https://www.company1.example/page"
        assert given["firstname"] in given["problem"]
        assert "call 312-555-0101" not in given["problem"]
        assert given["problem"].endswith(
            " 312-555-0101 " + given["problem"].split()[-2] + " person1@company1.example</p>"
        )
        assert (given["country"], given["numberofemployees"], given["jobtitle"].split()[0]) == ("USA", "500", "VP")
        expected = parse(made_case.encode(), "case").data[0]
        assert (expected["stage"], expected["refused"]) == ("mql", ["budget"])
        assert expected["expect_problem"] == ["budget"]


def test_a_case_can_only_be_printed(tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No file changes; a lead that nobody knows is said to be unknown."""
    with world(tmp_path, sqlite_url) as made:
        made.contact()
        made.cycle()
        file = made.folder / "mappings" / "cases" / "hubspot.yaml"
        before = file.read_bytes()
        said = say(capsys, "case", COMPLETE["email"], "--system", "hubspot", "--print", "-c", str(made.config))
        assert said.out.startswith("- name: a contact as hubspot holds it\n  kind: contact\n  given:\n")
        assert file.read_bytes() == before
        unknown = say(capsys, "case", "nobody@works.example", "-c", str(made.config))
        assert unknown.code == 2
        assert "nothing is stored under 'nobody@works.example'" in unknown.err


def test_a_case_that_fails_is_shown_as_a_difference(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What was expected above what is, also for stages and refusals; exit code 1."""
    path = made.folder / "mappings" / "cases" / "hubspot.yaml"
    path.write_text(
        "- name: nobody\n  given: {email: ann@works.example, phone: call me}\n"
        "  expect: {email: bob@works.example, title: VP}\n  stage: mql\n  refused: [budget]\n",
        encoding="utf-8",
    )
    said = say(capsys, "test", "-c", str(made.config))
    assert said.code == 1
    lines = re.sub(
        r"  by mappings/hubspot\.yaml:\d+:5$", "  by its line", said.out.replace(f"{made.folder}/", ""), flags=re.M
    )
    lines = lines.split("\n")
    assert [line for line in lines if not line.startswith("ok")][:13] == [
        "FAILED  nobody  (mappings/cases/hubspot.yaml:1:3)",
        "      email  by its line",
        "        - expected  bob@works.example",
        "        + is        ann@works.example",
        "      title  by its line",
        "        - expected  VP",
        "        + is        nothing",
        "      stage",
        "        - expected  mql",
        "        + is        inquiry",
        "      refused",
        "        - expected  [budget]",
        "        + is        not before the gate: inquiry",
    ]


def test_check_tells_of_the_systems_also_where_a_case_cannot_be_run(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text written onto HubSpot's options, in a line that a case leans on: both are told at once."""
    mend(
        made, "hubspot.yaml", "problem: {from: problem, as: html}", "problem: {from: problem, to: authority, as: html}"
    )
    mend(made, "hubspot.yaml", "{from: authority, to: authority, conflict: newest}", "{from: authority}")
    said = say(capsys, "check", "-c", str(made.config))
    assert said.code == 2
    assert "hubspot contacts.authority takes only its 5 options, and problem writes any text" in said.err
    assert "'authority' is not written by contact" in said.err


def test_a_first_mapping_enables_nothing_and_overwrites_nothing(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder gets a definition and like-named fields behind marks; taken away, the lines load and fit."""
    folder = made.folder / "mappings"
    shutil.rmtree(folder)
    config = str(made.config)
    said = say(capsys, "init", "-c", config)
    assert said.code == 0, said.err
    assert sorted(one.name for one in folder.iterdir()) == ["definition.yaml", "hubspot.yaml", "salesforce.yaml"]
    text = (folder / "hubspot.yaml").read_text(encoding="utf-8")
    assert parse(text.encode(), "hubspot.yaml").data == {"system": "hubspot"}
    for line in (
        "#     email: {from: email} # Email (text)",
        "#     first_name: {from: firstname}",
        "#     phone: {from: [mobilephone, phone]}",
        "#     opted_out: {from: hs_email_optout}",
        "# company:",
        "#     domain: {from: domain}",
    ):
        assert line in text, line
    assert say(capsys, "check", "-c", config).code == 0
    for file in (folder / "hubspot.yaml", folder / "salesforce.yaml"):
        written = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"(?m)^# ", "", written[written.index("system:") :]), encoding="utf-8")
    kinds = parse((folder / "salesforce.yaml").read_bytes(), "salesforce.yaml").data
    assert kinds["Lead"]["fields"]["last_name"] == kinds["Contact"]["fields"]["last_name"] == {"from": "LastName"}
    enabled = say(capsys, "check", "-c", config)
    assert enabled.code == 0, enabled.err
    kept = (folder / "hubspot.yaml").read_bytes()
    again = say(capsys, "init", "-c", config)
    assert again.out.count("is there, and stays as it is") == 2
    assert (folder / "hubspot.yaml").read_bytes() == kept


def test_an_editor_is_told_the_fields_that_are_there(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Names with label, type and options to read and write; the shipped file is valid, a wrong key is not."""
    said = say(capsys, "schema", "hubspot", "--live", "-c", str(made.config))
    schema = json.loads(said.out)
    readable, writable = (schema["$defs"][f"contact {part}"]["anyOf"][0] for part in ("readable", "writable"))
    words = dict(zip(readable["enum"], readable["markdownEnumDescriptions"], strict=True))
    assert words["authority"].endswith("(choice; one of decides, recommends, uses, blocks, pays)")
    assert {"email", "budget_amount"} <= {*writable["enum"]} < {*readable["enum"]}
    assert schema["$defs"]["contact line"]["properties"]["to"]["$ref"] == "#/$defs/contact writable"
    lines = schema["$defs"]["contact kind"]["properties"]["fields"]["properties"]
    assert lines["budget"]["description"] == "budget: money"
    assert lines["refusal"]["description"] == "what syncd knows: text"
    validator = jsonschema.Draft202012Validator(schema)
    data = parse((made.folder / "mappings" / "hubspot.yaml").read_bytes(), "hubspot.yaml").data
    assert [error.message for error in validator.iter_errors(data)] == []
    data["contact"]["fields"]["email"] = {"form": "email"}
    assert [list(error.absolute_path)[:3] for error in validator.iter_errors(data)] == [["contact", "fields", "email"]]


def test_problems_are_told_by_kind_and_listed_when_asked(
    made: World, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rarest kind first, the latest three of each; a kind by its name, all of them on demand."""
    config = ("-c", str(made.config))
    made.begin()
    engine = open_store(sqlite_url)
    with engine.begin() as connection:
        for number in range(5):
            inbox.open_problem(connection, key=f"m{number}", kind="put off", message=f"branch {number}", now=number)
        inbox.open_problem(connection, key="files", kind="files", message="a mistake", now=9)
    engine.dispose()
    grouped = say(capsys, "problems", *config)
    assert grouped.code == 1
    assert [re.sub(r"  1970-\S+ \S+ UTC  ", " ", line).strip() for line in grouped.out.splitlines()] == [
        "files: 1", "6 a mistake", "put off: 5", "5 branch 4", "4 branch 3", "3 branch 2",
        "and 2 more: syncd problems put off", "6 open",
    ]  # fmt: skip
    one = say(capsys, "problems", "put", "off", "--limit", "4", *config).out.splitlines()
    assert (one[0], len(one), one[-1]) == ("put off: 5", 6, "5 open, the latest 4 of them shown (--limit)")
    assert len(say(capsys, "problems", "--all", *config).out.splitlines()) == 9
    none = say(capsys, "problems", "gap", *config)
    assert (none.code, none.out) == (0, "no open problem of the kind 'gap'; there are files, put off\n")
    slip = say(capsys, "problems", "putoff", *config)
    assert slip.code == 2
    assert "no problem is of the kind 'putoff'; did you mean 'put off'?" in slip.err
    rows = json.loads(say(capsys, "problems", "--json", *config).out)
    assert [row["kind"] for row in rows] == ["files", *["put off"] * 5]


@pytest.mark.system
def test_a_command_that_only_looks_does_not_wait_for_the_daemons_engine(made: World) -> None:
    """DBOS and what hangs on it take most of a second to load."""
    made.begin()
    run = f"from syncd.cli import run_command_line as run; code = run(['problems', '-c', {str(made.config)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{run}\nprint(code, 'dbos' in sys.modules, 'syncd.daemon' in sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["no open problems", "0 False False"]
