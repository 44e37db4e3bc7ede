"""Edits of the admins' files while the daemon runs: let through, held, refused, approved, taken back; never half."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.commands import say
from support.folders import as_config_map, swap
from support.world import COMPLETE, ROOT, World, add_branch, laid_out, world

from syncd.store.tables import entity, in_force, intent, plan, record

pytestmark = pytest.mark.usefixtures("process_as_before")
TITLE, LOUD = "title: {from: jobtitle}", "title: {from: jobtitle, as: upper}"


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """Twelve leads handed over, and quiet; the shipped cases would speak against most edits made here."""
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        shutil.rmtree(one.folder / "mappings" / "cases")
        crowd(one, 12)
        one.settle()
        one.cycle()
        yield one


def crowd(made: World, count: int, **fields: str) -> list[str]:
    return made.contacts(
        [
            {**COMPLETE, "email": f"p{n}@works{n}.example", "lastname": f"Roe{n}", "mobilephone": f"(312) 555-{n:04d}"}
            | fields
            for n in range(count)
        ]
    )


def edit(made: World, file: str, old: str, new: str) -> None:
    path = made.folder / "mappings" / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def titles(made: World) -> set[str]:
    return {lead["Title"] for lead in made.leads()}


def versions(made: World) -> list[str]:
    """How each version came into force, the first first."""
    with made.app.engine.connect() as connection:
        return list(connection.execute(sa.select(in_force.c.how).order_by(in_force.c.id)).scalars())


def held_plan(made: World) -> str:
    with made.app.engine.connect() as connection:
        return str(connection.execute(sa.select(plan.c.id).where(plan.c.state == "held")).scalar_one())


def shout(made: World) -> None:
    edit(made, "hubspot.yaml", TITLE, LOUD)


# --- let through, held, refused


def test_a_harmless_edit_takes_effect_in_the_next_cycle_without_a_restart(made: World) -> None:
    shout(made)
    assert made.cycle().fates == {"updated": 12}
    assert titles(made) == {"VP OPERATIONS"}
    assert (versions(made), made.problems()) == (["start", "edit"], [])


def test_an_edit_of_comments_is_no_new_version_and_decides_nobody(made: World) -> None:
    edit(made, "hubspot.yaml", "# HubSpot.", "# Our HubSpot.")
    assert made.cycle().fates == {}
    assert versions(made) == ["start"]


def test_an_edit_beyond_the_limits_is_held_with_the_two_commands_that_help(tmp_path: Path, sqlite_url: str) -> None:
    """Nothing of it happens, also not after a restart; the problem names the plan."""
    with laid_out(tmp_path, sqlite_url, {"records: 100 #": "records: 5 #"}) as made:
        crowd(made, 6)
        with made.running():
            made.settle()
            shout(made)
            made.cycle()
            (problem,) = made.problems()
            name = held_plan(made)
        for _ in range(2):
            with made.running():
                made.cycle()
                assert (titles(made), versions(made)) == ({"VP Operations"}, ["start"])
                assert made.problems() == [problem]
                assert held_plan(made) == name
        assert problem.startswith(f"plan {name} is held: 6 leads change (")
        assert "6 records written (at once: 5)" in problem
        assert f"syncd plan {name}" in problem
        assert f"syncd approve {name}" in problem


@pytest.mark.parametrize(
    ("file", "how", "first", "last"),
    [("hubspot.yaml", "from", "firstname", "lastname"), ("salesforce.yaml", "to", "FirstName", "LastName")],
)
def test_two_swapped_fields_are_held_for_what_they_overwrite_however_few_records_that_is(
    made: World, capsys: pytest.CaptureFixture[str], file: str, how: str, first: str, last: str
) -> None:
    """Swapped where they are read or where they are written; `syncd plan` says so before anybody saves the files."""
    before = {(lead["FirstName"], lead["LastName"]) for lead in made.leads()}
    edit(made, file, f"first_name: {{{how}: {first}}}", f"first_name: {{{how}: {last}}}")
    edit(made, file, f"last_name: {{{how}: {last}}}", f"last_name: {{{how}: {first}}}")
    shown = say(capsys, "plan", "--config", str(made.config)).out
    assert "24 values overwritten (at once: 20)" in shown
    assert "would be held for approval" in shown
    made.cycle()
    (problem,) = made.problems()
    assert "; 24 values overwritten (at once: 20). Nothing of the edit is in force" in problem
    assert {(lead["FirstName"], lead["LastName"]) for lead in made.leads()} == before
    assert say(capsys, "approve", held_plan(made), "--config", str(made.config)).code == 0
    made.settle()
    assert {(lead["LastName"], lead["FirstName"]) for lead in made.leads()} == before


def test_a_misspelt_field_shows_in_the_plan_by_what_was_last_seen_and_by_asking(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the daemon sees the files; a field that was made since the systems were last described is asked for."""
    config = ("--config", str(made.config))
    edit(made, "hubspot.yaml", TITLE, "title: {from: jobtitel}")
    untold = say(capsys, "plan", *config).out
    assert "not compared with the system: hubspot contacts was never described (--live asks it)" in untold
    say(capsys, "check", *config)  # keeps what the systems described
    shown = say(capsys, "plan", *config)
    line = (
        f"{made.folder}/mappings/hubspot.yaml:12:5: hubspot contacts has no field 'jobtitel'; did you mean 'jobtitle'?"
    )
    assert (shown.code, line in shown.out) == (2, True)
    assert "would be refused, nothing of it would take effect" in shown.out
    made.hubspot.define_property("contacts", "jobtitel", "string")
    assert say(capsys, "plan", *config).code == 0
    made.servers["hubspot"].stop()
    assert "would be refused" in say(capsys, "plan", *config).out
    assert "hubspot contacts does not answer now" in say(capsys, "plan", "--live", *config).out


def test_going_back_to_a_field_that_is_stored_no_more_reads_it_anew_and_clears_nothing(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The version between did not read it, so a record that changed meanwhile came without it."""
    contact = made.contact(email="ann@works99.example", mobilephone="312 555 9999", city="Chicago")
    made.settle()
    with made.app.engine.connect() as connection:
        first = connection.execute(sa.select(in_force.c.version)).scalar_one()
    edit(made, "hubspot.yaml", "    city: {from: city}\n", "")
    made.settle()
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert (stored_fields(made, contact).keys() & {"city"}, cities(made)) == (set(), {"Chicago"})
    made.calls()
    assert say(capsys, "rollback", first, "--write", "--config", str(made.config)).code == 0
    for _ in range(3):
        made.cycle()
        assert cities(made) == {"Chicago"}
    assert stored_fields(made, contact)["city"] == "Chicago"
    with made.app.engine.connect() as connection:
        values = connection.execute(sa.select(entity.c["values"]).where(entity.c.kind == "lead")).scalars()
        assert {one.get("city") for one in values} == {"Chicago", None}


def stored_fields(made: World, contact: str) -> dict[str, str]:
    with made.app.engine.connect() as connection:
        query = sa.select(record.c.fields).where(record.c.system == "hubspot", record.c.id == contact)
        return dict(connection.execute(query).scalar_one())


def cities(made: World) -> set[str]:
    return {lead["City"] for lead in made.leads() if lead.get("City")}


def test_widening_the_gate_is_held_for_the_leads_it_would_pass(made: World) -> None:
    contact = made.contact(email="no.budget@works99.example", mobilephone="312 555 9999", budget_amount="")
    made.settle()
    before = len(made.leads())
    edit(made, "definition.yaml", "buying_group, budget, competitors", "buying_group, competitors")
    made.cycle()
    (problem,) = made.problems()
    assert "1 created" in problem
    assert "1 newly passed" in problem
    assert len(made.leads()) == before
    assert made.told(contact)["syncd_handoff_status"] == "refused"


def test_a_mistake_is_told_with_its_place_once_and_closes_when_mended(made: World) -> None:
    """The version before goes on; an edit over there still arrives."""
    edit(made, "hubspot.yaml", "title: {from: jobtitle}", "title: {form: jobtitle}")
    for _ in range(3):
        made.cycle()
    (problem,) = made.problems()
    assert problem.startswith(
        f"{made.folder}/mappings/hubspot.yaml:12:13: unknown key 'form'; did you mean 'from'? Nothing of the edit is"
    )
    (contact, *_) = made.stored("hubspot")["contacts"]
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert "Plant manager" in titles(made)
    edit(made, "hubspot.yaml", "title: {form: jobtitle}", "title: {from: jobtitle}")
    made.cycle()
    assert made.problems() == []


def test_a_mistake_at_a_restart_does_not_keep_the_daemon_down(tmp_path: Path, sqlite_url: str) -> None:
    with laid_out(tmp_path, sqlite_url) as made:
        with made.running():
            made.cycle()
        edit(made, "salesforce.yaml", "system: salesforce", "system: [")
        made.contact()
        with made.running():
            made.settle()
            assert len(made.leads()) == 1
            (problem,) = made.problems()
            assert "salesforce.yaml:5:5: a bracket that is never closed" in problem


def test_a_property_that_hubspot_lacks_is_refused_before_it_is_in_force(made: World) -> None:
    """The polls go on with what is there: no kind stands still for a name that was typed wrongly."""
    edit(made, "hubspot.yaml", "title: {from: jobtitle}", "title: {from: jobtitel}")
    made.contact(email="new@works77.example", mobilephone="312 555 7777")
    made.cycle()
    (problem,) = made.problems()
    assert "hubspot.yaml:12:5: hubspot contacts has no field 'jobtitel'; did you mean 'jobtitle'?" in problem
    assert len(made.leads()) == 13


def test_a_case_that_does_not_hold_any_more_holds_the_edit(made: World) -> None:
    shutil.copytree(ROOT / "mappings" / "cases", made.folder / "mappings" / "cases")
    edit(made, "hubspot.yaml", "phone: {from: [mobilephone, phone]", "phone: {from: [phone, mobilephone]")
    made.cycle()
    (problem,) = made.problems()
    assert "does not hold" in problem
    assert "cases/hubspot.yaml:" in problem


def test_a_whole_new_kind_is_held_since_nobody_can_tell_what_comes_of_it(made: World) -> None:
    """What made 60,000 duplicates elsewhere: records of a kind that was never read."""
    path = made.folder / "mappings" / "hubspot.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\ndeal:\n  is: branch\n  fields:\n    name: {from: dealname}\n")
    made.cycle()
    (problem,) = made.problems()
    assert "hubspot deals" in problem
    assert versions(made) == ["start"]


# --- all files or none


def test_files_count_only_once_they_stood_still_for_two_looks(made: World) -> None:
    """A half-written set - one file of two - is never in force."""
    live = made.work.live
    assert live is not None
    live.look()
    live.look()
    edit(made, "definition.yaml", "  title: {type: text, personal: true}\n", "")
    live.look()
    edit(made, "hubspot.yaml", "    title: {from: jobtitle}\n", "")
    live.look()
    edit(made, "salesforce.yaml", "    title: {to: Title, truncate: 128}\n", "")
    edit(made, "salesforce.yaml", "    title: {from: Title}\n", "")
    live.look()
    assert (versions(made), made.problems()) == (["start"], [])
    live.look()
    assert (versions(made), made.problems()) == (["start", "edit"], [])


def test_the_swap_of_a_config_map_is_seen_as_one_edit(tmp_path: Path, sqlite_url: str) -> None:
    """Kubernetes mounts links into ..data, itself a link that is replaced by a rename."""
    with laid_out(tmp_path, sqlite_url) as made:
        shutil.rmtree(made.folder / "mappings" / "cases")
        as_config_map(made.folder / "mappings")
        crowd(made, 3)
        with made.running():
            made.settle()
            live = made.work.live
            assert live is not None
            live.look()
            live.look()
            swap(made.folder / "mappings", "hubspot.yaml", "{from: jobtitle}", "{from: jobtitle, as: upper}")
            live.look()
            live.look()
            made.settle()
            assert (titles(made), versions(made)) == ({"VP OPERATIONS"}, ["start", "edit"])


def test_an_editor_that_writes_a_new_file_over_the_old_is_seen(made: World) -> None:
    """Of the same size and with the time of the old one, as some tools do."""
    live = made.work.live
    assert live is not None
    live.look()
    live.look()
    path = made.folder / "mappings" / "hubspot.yaml"
    before = path.stat()
    fresh = path.with_name("hubspot.yaml~tmp")
    text = path.read_text(encoding="utf-8")
    fresh.write_text(text.replace("title: {from: jobtitle}", "title: {from: lastname}"), encoding="utf-8")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(fresh, path)
    live.look()
    live.look()
    assert versions(made) == ["start", "edit"]


# --- approve, roll back


def test_approve_lets_exactly_the_held_plan_through(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    shout(made)
    with_limits(made, 0)
    made.cycle()
    name = held_plan(made)
    said = say(capsys, "approve", name, "--config", str(made.config))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"plan {name} is in force: version ")
    assert made.cycle().fates == {"updated": 12}
    assert titles(made) == {"VP OPERATIONS"}
    assert (versions(made), made.problems()) == (["start", "approve"], [])
    again = say(capsys, "approve", name, "--config", str(made.config))
    assert (again.code, "is in force already" in again.err) == (2, True)


def with_limits(made: World, records: int) -> None:
    from dataclasses import replace

    live = made.work.live
    assert live is not None
    live._folder = replace(live._folder, limits=replace(live._folder.limits, records=records))


def test_approve_refuses_when_the_world_moved_and_says_what(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A title was changed in between: that lead and field are named, and the plan that counts now."""
    shout(made)
    with_limits(made, 0)
    made.cycle()
    name = held_plan(made)
    (contact, *_) = made.stored("hubspot")["contacts"]
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    said = say(capsys, "approve", name, "--config", str(made.config))
    now = held_plan(made)
    assert (said.code, now == name, versions(made)) == (1, False, ["start"])
    assert "moved for 1 lead since" in said.err
    assert "Title" in said.err
    assert f"syncd approve {now}" in said.err
    assert say(capsys, "approve", now, "--config", str(made.config)).code == 0
    made.settle()
    assert titles(made) == {"VP OPERATIONS", "PLANT MANAGER"}


def test_what_moved_goes_along_where_it_is_little_and_somebody_said_so(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where leads change all the time no plan would ever stand still long enough."""
    shout(made)
    with_limits(made, 0)
    made.cycle()
    name = held_plan(made)
    first, *others = made.stored("hubspot")["contacts"]
    made.hubspot.edit("contacts", first, {"jobtitle": "Plant manager"})
    made.settle()
    refused = say(capsys, "approve", name, "--config", str(made.config))
    assert (refused.code, "--though-moved lets it through" in refused.err) == (1, True)
    assert refused.err.index("--though-moved") < refused.err.index("Moved:")
    again = say(capsys, "plan", name, "--config", str(made.config))
    assert f"what plan {name} would do moved since it was made: it is plan {held_plan(made)} now" in again.err
    assert "moved since it was made" not in say(capsys, "plan", held_plan(made), "--config", str(made.config)).err
    for contact in others:
        made.hubspot.edit("contacts", contact, {"jobtitle": "Head of plant"})
    made.settle()
    config = made.config.read_text(encoding="utf-8")
    made.config.write_text(config.replace("records: 100 #", "records: 5 #"), encoding="utf-8")
    much = say(capsys, "approve", held_plan(made), "--though-moved", "--config", str(made.config))
    assert (much.code, "What moved is too much to go along: " in much.err) == (1, True)
    made.config.write_text(config, encoding="utf-8")
    made.hubspot.edit("contacts", first, {"jobtitle": "Buyer"})
    made.settle()
    said = say(capsys, "approve", held_plan(made), "--though-moved", "--config", str(made.config))
    assert (said.code, said.err) == (0, "")
    made.settle()
    assert titles(made) == {"HEAD OF PLANT", "BUYER"}


def test_a_mapping_that_is_deleted_is_asked_about_and_comes_back_whole(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it said counts no longer once that was approved; gone back to, its records are looked at again."""
    first = made.work.mappings.digest
    site = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601"}
    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "Website": "works.example"}])
    contact = made.contact(**site)
    add_branch(made, "S1", "Works Chicago")
    made.settle()

    def sites() -> str:
        return made.told(contact)["syncd_branch"]

    assert sites() == "Works Chicago"
    (made.folder / "mappings" / "erp.yaml").unlink()
    made.cycle()
    (problem,) = made.problems()
    assert problem.count("erp.yaml") == 1
    assert "erp.yaml is gone: what erp ship_to said counts no longer" in problem
    assert (versions(made), sites()) == (["start"], "Works Chicago")
    assert say(capsys, "approve", held_plan(made), "--config", str(made.config)).code == 0
    made.settle()
    said = say(capsys, "rollback", first, "--write", "--config", str(made.config))
    assert (said.code, "; 1 to be decided again" in said.out) == (0, True)
    made.settle()
    assert (made.problems(), sites()) == ([], "Works Chicago")


def test_approving_a_name_that_is_none_says_so(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "approve", "ffffffffffff", "--config", str(made.config))
    assert (said.code, said.err) == (
        2,
        "Error: there is no plan 'ffffffffffff'; `syncd plan` shows what the files would do, with its id\n",
    )


def test_rollback_goes_back_at_once_and_the_files_on_disk_do_not_come_back_by_themselves(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first = made.work.mappings.digest
    shout(made)
    made.cycle()
    assert titles(made) == {"VP OPERATIONS"}
    said = say(capsys, "rollback", first[:8], "--config", str(made.config))
    assert said.code == 0
    assert f"-    {LOUD}" in said.out
    assert f"+    {TITLE}" in said.out
    made.settle()
    assert (titles(made), versions(made)) == ({"VP Operations"}, ["start", "edit", "rollback"])
    (problem,) = made.problems()
    assert "which was rolled back" in problem
    with_files = say(capsys, "rollback", first[:8], "--write", "--config", str(made.config))
    assert with_files.code == 0
    assert with_files.out.endswith("wrote hubspot.yaml\n")
    made.cycle()
    assert (made.problems(), versions(made)) == ([], ["start", "edit", "rollback"])


def test_rollback_writes_over_no_edit_that_was_never_in_force(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the file and does nothing; where a person says so, a copy of the edit stays."""
    first, config = made.work.mappings.digest, ("--config", str(made.config))
    shout(made)
    made.cycle()
    edit(made, "hubspot.yaml", LOUD, "title: {from: jobtitle, as: lower}")
    file = made.folder / "mappings" / "hubspot.yaml"
    edited = file.read_bytes()
    refused = say(capsys, "rollback", first, "--write", *config)
    assert (refused.code, refused.err) == (
        2,
        "Error: nothing was done: hubspot.yaml was edited and was never in force, and would be overwritten. Save the "
        "edit elsewhere or take it back; or add --yes: then a copy stays beside each, as NAME.1.edited\n",
    )
    assert (file.read_bytes(), versions(made)) == (edited, ["start", "edit"])
    done = say(capsys, "rollback", first, "--write", "--yes", *config)
    assert done.out.endswith("wrote hubspot.yaml.1.edited, hubspot.yaml\n")
    assert (file.parent / "hubspot.yaml.1.edited").read_bytes() == edited
    assert TITLE in file.read_text(encoding="utf-8")
    made.cycle()
    assert (made.problems(), versions(made)) == ([], ["start", "edit", "rollback"])


def test_versions_lists_what_ran_and_shows_what_differs(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    first = made.work.mappings.digest
    shout(made)
    made.cycle()
    second = made.work.mappings.digest
    config = ("--config", str(made.config))
    latest, what, start = say(capsys, "versions", *config).out.splitlines()
    assert [line.split()[:2] for line in (latest, start)] == [["*", second], [first, start.split()[1]]]
    assert "edit by live, plan " in latest
    count = len(made.leads())
    assert what == f"      hubspot.yaml +1 -1; {count} leads changed, {count} records written"
    told = json.loads(say(capsys, "versions", *config, "--json").out)
    assert [(one["files"], one["leads"]) for one in told] == [
        ({"hubspot.yaml": {"added": 1, "removed": 1}}, count),
        ({}, None),
    ]
    shown = say(capsys, "versions", first, second, *config).out
    assert f"-    {TITLE}\n+    {LOUD}\n" in shown


def test_files_as_they_were_before_are_not_taken_for_an_edit_at_a_start(tmp_path: Path, sqlite_url: str) -> None:
    """A pod that starts with an old ConfigMap does not undo what was let through since."""
    with laid_out(tmp_path, sqlite_url) as made:
        shutil.rmtree(made.folder / "mappings" / "cases")
        crowd(made, 2)
        old = (made.folder / "mappings" / "hubspot.yaml").read_text(encoding="utf-8")
        with made.running():
            made.settle()
            shout(made)
            made.settle()
        (made.folder / "mappings" / "hubspot.yaml").write_text(old, encoding="utf-8")
        with made.running():
            made.settle()
            assert titles(made) == {"VP OPERATIONS"}
            (problem,) = made.problems()
            assert "was in force before and was replaced" in problem


# --- only what it touches


def test_only_the_leads_whose_values_an_edited_line_changes_are_decided(made: World) -> None:
    """Of thirteen leads one has a second phone; giving that precedence decides one lead and reads nothing."""
    made.contact(email="two@works88.example", mobilephone="312 555 8888", phone="312 555 8889")
    made.settle()
    made.calls()
    edit(made, "hubspot.yaml", "from: [mobilephone, phone]", "from: [phone, mobilephone]")
    assert made.cycle().fates == {"updated": 1}
    calls = made.calls()
    assert {name: n for name, n in calls["hubspot"].items() if not name.startswith("GET")} == {
        "POST contacts/search": 1,
        "POST companies/search": 1,
    }


def test_live_changes_come_before_what_an_edit_has_looked_at_again(made: World) -> None:
    """One at a time: the lead that was changed over there is first, although it was marked last."""
    made.work.batch = 1
    shout(made)
    made.work.take_edits()
    contacts = made.stored("hubspot")["contacts"]
    made.hubspot.edit("contacts", contacts[-1], {"problem": "Scrap on line 4"})
    made.work.poll("hubspot", even_if_paused=True)
    with made.app.engine.begin() as connection:
        batch = made.work.decide(connection)["batch"]
    with made.app.engine.connect() as connection:
        (first,) = connection.execute(sa.select(intent.c.entity).where(intent.c.batch == batch)).scalars()
        values = connection.execute(sa.select(entity.c["values"]).where(entity.c.id == first)).scalar_one()
    assert values["problem"] == "Scrap on line 4"


def test_a_plan_tells_the_calls_that_the_edit_then_costs(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """More creates and answers to marketing than one call takes; the polls of that cycle are not the edit's."""
    made.contacts(
        [
            {**COMPLETE, "email": f"q{n}@mills{n}.example", "lastname": f"Poe{n}", "mobilephone": f"(313) 555-{n:04d}"}
            | {"budget_amount": ""}
            for n in range(130)
        ]
    )
    made.settle()
    made.calls()
    made.cycle()
    polls = made.calls()
    edit(made, "definition.yaml", "buying_group, budget, competitors", "buying_group, competitors")
    told = json.loads(say(capsys, "plan", "--json", "--config", str(made.config)).out)
    assert say(capsys, "approve", told["id"], "--config", str(made.config)).code == 0
    made.calls()
    made.cycle()
    spent = {name: (calls - polls[name]).total() for name, calls in made.calls().items()}
    assert (len(made.leads()), spent) == (142, told["calls"])


def test_a_plan_shows_on_a_terminal_how_far_it_is(
    made: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nowhere else: JSON and a file of messages have no bar in them."""
    shout(made)
    config = ("--config", str(made.config))
    assert "deciding" not in say(capsys, "plan", *config).err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "deciding" not in say(capsys, "plan", "--json", *config).err
    shown = say(capsys, "plan", *config).err
    assert "deciding" in shown
    assert "100%" in shown


def test_a_plan_writes_nothing_and_calls_nobody(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Every table but that of plans and versions is as it was, to the row."""
    shout(made)
    before, writes = everything(made), made.writes()
    made.calls()
    assert say(capsys, "plan", "--config", str(made.config)).code == 0
    assert {name: sum(calls.values()) for name, calls in made.calls().items()} == {"hubspot": 0, "salesforce": 0}
    after = everything(made)
    assert {name for name in before if before[name] != after[name]} <= {"plan", "version"}
    assert made.writes() == writes


def everything(made: World) -> dict[str, list[tuple[object, ...]]]:
    from syncd.store.tables import metadata

    with made.app.engine.connect() as connection:
        return {
            table.name: [tuple(map(str, row)) for row in connection.execute(sa.select(table))]
            for table in metadata.sorted_tables
        }


def test_what_identifies_by_an_edit_counts_for_whoever_is_stored(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contact is refused and stands in no CRM; a rep enters the same person there, known by the last name alone."""
    made.contact(email="z@works.example", lastname="Zoe", mobilephone="(312) 555-0777", problem="")
    made.settle()
    edit(made, "definition.yaml", "last_name: {type: text", "last_name: {type: text, identifies: true")
    made.cycle()
    (problem,) = made.problems()
    assert "a lead is known by other fields than before" in problem
    assert say(capsys, "approve", held_plan(made), "--config", str(made.config)).code == 0
    made.cycle()
    made.salesforce.seed("Lead", [{"LastName": "Zoe", "Company": "Home", "Email": "zoe@home.example"}])
    made.cycle()
    with made.app.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(entity.c.kind == "lead")).scalar_one() == 13
