"""The Mappings page over HTTP: it shows, checks, plans, saves, approves and goes back as the commands do."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from edits.small_world import FILES
from mapping_desk import Person, contact, person, text_of, until, words
from web_state import get

from syncd.config import load as load_config
from syncd.edits.passing import Limits
from syncd.store import versions
from syncd.store.database import open_store

HUB = FILES["hub.yaml"]
NO_CITY = HUB.replace("    city: {from: city}\n", "")
SWAPPED = HUB.replace("title: {from: jobtitle,", "title: {from: company,")
MISSPELT = HUB.replace("from: city}", "from: cty}")
WRONG = HUB.replace("city: {from: city}", "city: {form: city}")
NOTHING = Limits(records=0, creates=0, overwrites=0, clears=0, flips=0)
ANYTHING = Limits(records=None, creates=None, overwrites=None, clears=None, flips=None)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "state.db"
    open_store(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def ann(template: Path, tmp_path: Path) -> Iterator[Person]:
    """Somebody who may do everything; nothing takes effect without approval."""
    with person(template, tmp_path, limits=NOTHING) as made:
        yield made


@pytest.fixture
def bob(template: Path, tmp_path: Path) -> Iterator[Person]:
    """Somebody who may only look."""
    with person(template, tmp_path, approves=False, writes=False, limits=NOTHING) as made:
        yield made


def in_force(one: Person) -> str:
    with one.world.engine.connect() as connection:
        found = versions.running_version(connection)
    assert found is not None
    return found


def held_plan(one: Person, text: str = SWAPPED) -> str:
    """Save an edit beyond the limits and let the daemon look at it; return the id of its plan."""
    one.write(text)
    one.daemon_looks()
    with one.world.engine.connect() as connection:
        (plan,) = versions.read_plans(connection, state=versions.HELD)
    return plan.id


# --- looking


def test_the_folder_shows_each_file_and_what_is_in_force(ann: Person) -> None:
    page = ann.get("")
    assert page.status == 200
    assert re.findall(r'href="file\?name=([\w.]+)"', page.text)[:3] == ["definition.yaml", "crm.yaml", "hub.yaml"]
    assert f"version {in_force(ann)} , since" in words(page)
    assert "The files are in force" in words(page)


def test_opening_the_folder_asks_no_system(ann: Person) -> None:
    ann.get("")
    ann.get("file?name=hub.yaml")
    assert [one.asked for one in ann.systems.values()] == [0, 0]


def test_a_file_comes_back_to_the_letter(ann: Person) -> None:
    """What a browser sends back of a text that nobody touched is the file: first blank lines, quotes, tags, CRLF."""
    odd = '\n\n# <b>"it\'s" & </textarea>\n' + HUB + "\n\n"
    for raw in (odd.encode(), odd.replace("\n", "\r\n").encode()):
        (ann.folder / "hub.yaml").write_bytes(raw)
        page = ann.get("file?name=hub.yaml")
        assert text_of(page) == odd
        assert ann.press(page, "save").status == 303
        assert (ann.folder / "hub.yaml").read_bytes() == raw


def test_what_files_and_leads_hold_is_escaped_everywhere(ann: Person) -> None:
    ann.write("# <script>alert(1)</script>\n" + SWAPPED)
    page = ann.press(ann.get("file?name=hub.yaml"), "plan")
    assert "Head of &lt;b&gt;line&lt;/b&gt; 1" in page.text
    assert "<b>line" not in page.text
    assert "<script>alert" not in page.text
    asked = ann.get("file?name=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in asked.text


@pytest.mark.parametrize(
    "name", ["../state.db", "/etc/passwd", "cases/../../state.db", ".hub.yaml.new", "state.db", "hub.yaml/", ""]
)
def test_nothing_outside_the_folder_can_be_opened_or_made(ann: Person, name: str) -> None:
    assert ann.get(f"file?name={name}").status == 409
    assert ann.get(f"file?new=1&name={name}").status == 409
    page = ann.get("file?name=hub.yaml")
    assert ann.press(page, "save", name=name, was="", text="x: 1\n").status in (409, 422)
    assert sorted(os.listdir(ann.folder)) == sorted(FILES)


def test_a_link_out_of_the_folder_is_not_followed(ann: Person) -> None:
    (ann.folder.parent / "secret.yaml").write_text("token: 1\n", encoding="utf-8")
    (ann.folder / "loot.yaml").symlink_to(ann.folder.parent / "secret.yaml")
    page = ann.get("file?name=loot.yaml")
    assert "it is a link, and what it names is not there or lies outside the mappings folder" in words(page)
    assert "token" not in page.text


# --- checking


def test_a_mistake_stands_beside_its_line_with_its_message(ann: Person) -> None:
    page = ann.press(ann.get("file?name=hub.yaml"), "check", text=WRONG)
    assert "1 problem." in words(page)
    assert re.search(r'<li class="wrong" data-line="11" data-column="12">', page.text), page.text
    assert "line 11, column 12 Unknown key 'form'" in words(page)
    assert "city: {form: city}\n       ^" in page.text
    assert text_of(page) == WRONG


def test_a_field_that_the_system_lacks_is_found_before_saving(ann: Person) -> None:
    page = ann.press(ann.get("file?name=hub.yaml"), "check", text=MISSPELT)
    assert "cty" in words(page)
    assert "city" in re.findall(r'<span class="hint">; (.*?)</span>', page.text)[0]


def test_a_mistake_in_another_file_is_a_link_to_it(ann: Person) -> None:
    ann.write(FILES["crm.yaml"].replace("to: Title", "too: Title"), "crm.yaml")
    page = ann.press(ann.get("file?name=hub.yaml"), "check")
    assert "1 problem in other files." in words(page)
    assert 'href="file?name=crm.yaml#line-11"' in page.text


def test_a_case_that_does_not_hold_is_told_and_does_not_forbid(ann: Person) -> None:
    (ann.folder / "cases").mkdir()
    ann.write("- name: a city\n  given: {city: Chicago}\n  expect: {city: Boston}\n", "cases/hub.yaml")
    page = ann.press(ann.get("file?name=cases/hub.yaml"), "check")
    assert "1 case does not hold" in words(page)
    assert "city: expected 'Boston', got 'Chicago'" in words(page)
    assert ann.press(page, "save").status == 303


# --- the plan


def test_the_plan_below_is_the_plan_of_the_command(ann: Person) -> None:
    """Each change with old and new value and its line, and whether it would wait; nothing is stored."""
    page = ann.press(ann.get("file?name=hub.yaml"), "plan", text=SWAPPED)
    told = words(page)
    assert "Once saved it would wait for approval: 6 records written (at once: 0)" in told
    assert "hub.yaml:10:5 hub contacts.title changed" in told
    assert "Head of <b>line</b> 1 Works Inc." in told
    assert '<a href="file?name=hub.yaml#line-10"><code>hub.yaml:10</code></a>' in page.text
    assert str(ann.folder) not in page.text
    assert ann.read() == HUB
    with ann.world.engine.connect() as connection:
        assert versions.read_plans(connection) == []


def test_every_change_of_a_field_is_shown_on_demand(template: Path, tmp_path: Path) -> None:
    with person(template, tmp_path, leads=8, limits=NOTHING) as ann:
        page = ann.press(ann.get("file?name=hub.yaml"), "plan", text=SWAPPED)
        assert 'name="closer" value="Title"' in page.text
        assert sum(f"Head of <b>line</b> {number} " in words(page) for number in range(1, 9)) < 8
        closer = words(ann.press(page, "plan", closer="Title"))
        assert all(f"Head of <b>line</b> {number} " in closer for number in range(1, 9))


def test_an_edit_within_the_limits_says_that_it_takes_effect_at_once(template: Path, tmp_path: Path) -> None:
    with person(template, tmp_path, limits=ANYTHING) as ann:
        page = ann.press(ann.get("file?name=hub.yaml"), "plan", text=SWAPPED)
        assert "it would take effect at once" in words(page)


def test_a_second_plan_at_the_same_time_is_refused_and_keeps_the_text(ann: Person) -> None:
    page = ann.get("file?name=hub.yaml")
    with ann.desk._one_plan():
        answer = ann.press(page, "plan", text=SWAPPED)
    assert (answer.status, text_of(answer)) == (409, SWAPPED)
    assert "another plan is being worked out" in words(answer)


def test_old_and_new_stand_beside_the_button_that_approves_and_where_the_edit_waits(ann: Person) -> None:
    """Nothing is to be opened for it: what, which record, old, new."""
    plan = held_plan(ann)
    for path in ("", f"plan?id={plan}"):
        text = words(ann.get(path))
        assert "The first of it, the gravest first" in text, path
        assert re.search(r"overwritten Title crm Lead \S+ Head of <b>line</b> \d Works", text), text


def test_long_texts_are_shown_from_where_they_differ(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is cut would look the same: below the text, and beside the button that approves."""
    alike = "Responsible for the paint line and all that belongs to it " * 5
    long = {"jobtitle": f"{alike}in Joliet", "company": f"{alike}in Peoria"}
    monkeypatch.setattr("mapping_desk.contact", lambda number: contact(number) | long)
    with person(template, tmp_path, limits=NOTHING) as ann:
        page = ann.press(ann.get("file?name=hub.yaml"), "plan", text=SWAPPED)
        held = ann.get(f"plan?id={held_plan(ann)}")
    differ = r"crm Lead \S+ \.\.\. [^.]*in Joliet \.\.\. [^.]*in Peoria"
    assert re.search(f"Why {differ}", words(page)), words(page)
    assert re.search(f"overwritten Title {differ}", words(held)), words(held)


def test_a_case_that_fails_is_marked_with_the_line_that_made_it_fail(ann: Person) -> None:
    """The line in the file that is edited, the case in its own."""
    (ann.folder / "cases").mkdir()
    case = "- name: a title stays\n  given: {jobtitle: VP, company: Works}\n  expect: {title: VP}\n"
    ann.write(case, "cases/hub.yaml")
    page = ann.press(ann.get("file?name=hub.yaml"), "check", text=SWAPPED)
    line = SWAPPED.split("\n").index(next(one for one in SWAPPED.split("\n") if "title:" in one)) + 1
    beside, _, elsewhere = page.text.partition("In other files")
    assert f'<li class="doubt" data-line="{line}" data-column="5">' in beside
    assert "By this line the case &#39;a title stays&#39; does not hold" in beside
    assert "The case &#39;a title stays&#39; does not hold" in elsewhere
    assert "1 case does not hold" in words(page)


# --- saving


def test_saving_writes_the_file_whole_and_the_daemon_takes_it_up(template: Path, tmp_path: Path) -> None:
    with person(template, tmp_path, limits=ANYTHING) as ann:
        before = in_force(ann)
        answer = ann.press(ann.get("file?name=hub.yaml"), "save", text=SWAPPED)
        assert (answer.status, answer.headers["Location"]) == (303, "./?done=saved")
        assert (ann.read(), sorted(os.listdir(ann.folder))) == (SWAPPED, sorted(FILES))
        ann.daemon_looks()
        assert in_force(ann) != before
        assert "The files are in force" in words(ann.get(""))


def test_a_file_that_changed_on_the_disk_is_not_overwritten(ann: Person) -> None:
    """The writer's text stays in the page, with what leads from the file to it."""
    page = ann.get("file?name=hub.yaml")
    ann.write(NO_CITY)
    answer = ann.press(page, "save", text=SWAPPED)
    assert answer.status == 409
    assert "hub.yaml was changed on the disk since it was opened here; nothing was saved" in words(answer)
    assert (ann.read(), text_of(answer)) == (NO_CITY, SWAPPED)
    assert "+    city: {from: city}" in answer.text
    assert ann.press(answer, "save").status == 409


def test_a_deleted_file_is_not_made_again(ann: Person) -> None:
    page = ann.get("file?name=hub.yaml")
    (ann.folder / "hub.yaml").unlink()
    assert ann.press(page, "save").status == 409
    assert not (ann.folder / "hub.yaml").exists()


def test_a_bad_file_is_saved_only_when_its_problems_were_seen(ann: Person) -> None:
    page = ann.get("file?name=hub.yaml")
    assert "save anyway" not in page.text
    answer = ann.press(page, "save", text=WRONG)
    assert (answer.status, ann.read()) == (422, HUB)
    assert "It was not saved" in words(answer)
    before = in_force(ann)
    assert ann.press(answer, "save anyway").status == 303
    ann.daemon_looks()
    assert (ann.read(), in_force(ann)) == (WRONG, before)
    told = words(ann.get(""))
    assert "The files have mistakes; the version in force goes on" in told
    assert "hub.yaml, line 11, column 12" in told


def test_a_new_table_can_be_begun(ann: Person) -> None:
    page = ann.get("file?new=1&name=tables/titles.csv")
    assert ann.press(page, "save", text="theirs,ours\nCEO,C-level\n").status == 303
    assert ann.read("tables/titles.csv") == "theirs,ours\nCEO,C-level\n"
    assert ann.get("file?new=1&name=tables/titles.csv").status == 409


def test_a_folder_that_cannot_be_written_is_told_and_keeps_the_text(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("syncd.edits.disk.os.replace", full)
    answer = ann.press(ann.get("file?name=hub.yaml"), "save", text=SWAPPED)
    assert (answer.status, text_of(answer)) == (409, SWAPPED)
    assert "cannot be written: No space left on device" in words(answer)
    assert sorted(os.listdir(ann.folder)) == sorted(FILES)


def test_where_nothing_is_written_the_page_offers_a_patch_that_applies(bob: Person) -> None:
    page = bob.get("file?name=hub.yaml")
    assert 'value="save"' not in page.text
    answer = bob.press(page, "save", text=SWAPPED)
    assert (answer.status, bob.read()) == (409, HUB)
    patch = bob.press(page, "patch", text=SWAPPED)
    assert patch.headers["Content-Disposition"] == "attachment; filename=hub.yaml.patch"
    subprocess.run(["patch", "-p1"], cwd=bob.folder, input=patch.text.encode(), check=True, capture_output=True)
    assert bob.read() == SWAPPED


# --- approving and going back


def test_a_held_edit_is_shown_and_approved_by_name(ann: Person) -> None:
    plan = held_plan(ann)
    assert "An edit waits for approval" in words(ann.get(""))
    page = ann.get(f"plan?id={plan}")
    assert "-    title: {from: jobtitle, to: jobtitle, conflict: newest}" in page.text
    assert "Head of <b>line</b> 1 Works Inc." in words(page)
    assert ann.press(page, "approve", by=" \n").status == 422
    assert ann.press(page, "approve", by="Ann\nLee").status == 303
    with ann.world.engine.connect() as connection:
        reign = versions.latest_reign(connection)
    assert reign is not None
    assert (reign.how, reign.by, reign.plan) == ("approve", "Ann Lee (page)", plan)
    assert "Ann Lee (page)" in words(ann.get("history"))


def test_approving_refuses_when_the_world_moved_and_shows_the_new_plan(ann: Person) -> None:
    plan = held_plan(ann)
    page = ann.get(f"plan?id={plan}")
    ann.world.hears("hub", "contacts", {"1": {"jobtitle": "Chief", "company": "Other Inc.", "email": "a@b.example"}})
    ann.world.settle()
    before = in_force(ann)
    answer = ann.press(page, "approve", by="Ann")
    assert answer.status == 409
    assert f"plan {plan} was not let through" in words(answer)
    assert in_force(ann) == before


def test_going_back_shows_what_it_does_first_and_then_does_it(ann: Person) -> None:
    first = in_force(ann)
    ann.press(ann.get(f"plan?id={held_plan(ann)}"), "approve", by="Ann")
    page = ann.get(f"version?id={first}")
    assert "+    title: {from: jobtitle, to: jobtitle, conflict: newest}" in page.text
    assert 'value="rollback"' not in page.text
    shown = ann.press(page, "show")
    assert "version" in words(shown)
    assert ann.press(shown, "rollback").status == 422
    done = ann.press(shown, "rollback", by="Ann", write="1")
    assert (done.status, in_force(ann), ann.read()) == (303, first, HUB)


def test_going_back_without_writing_offers_the_patch(ann: Person) -> None:
    first = in_force(ann)
    ann.press(ann.get(f"plan?id={held_plan(ann)}"), "approve", by="Ann")
    shown = ann.press(ann.get(f"version?id={first}"), "show")
    assert ann.press(shown, "rollback", by="Ann").status == 303
    assert ann.read() == SWAPPED
    patch = ann.get(f"patch?to={first}")
    subprocess.run(["patch", "-p1"], cwd=ann.folder, input=patch.text.encode(), check=True, capture_output=True)
    assert ann.read() == HUB


def test_who_may_only_look_puts_nothing_in_force(bob: Person) -> None:
    before = in_force(bob)
    plan = held_plan(bob)
    page = bob.get(f"plan?id={plan}")
    assert "syncd approve" in words(page)
    assert 'value="approve"' not in page.text
    assert bob.press(page, "approve", by="Bob").status == 409
    version = bob.get(f"version?id={before}")
    token = re.findall(r'name="token" value="([^"]+)"', version.text + page.text)[0]
    for fields in ({"action": "rollback", "by": "Bob"}, {"action": "rollback", "by": "Bob", "write": "1"}):
        assert bob.post("version", {"token": token, "id": before, **fields}).status == 409
    assert in_force(bob) == before


@pytest.mark.parametrize(
    ("written", "may"),
    [
        ("{listen: 127.0.0.1:8080}", "approve"),
        ("{listen: 0.0.0.0:8080, public: true}", "read"),
        ("{listen: 0.0.0.0:8080, public: true, mappings: write}", "write"),
        ("{mappings: off}", "off"),
    ],
)
def test_what_the_page_may_do_is_said_by_the_config(tmp_path: Path, written: str, may: str) -> None:
    """Beyond loopback nothing can be changed unless it is said so."""
    file = tmp_path / "config.yaml"
    file.write_text(
        f"state: sqlite:///x.db\nsystems: {{hub: {{connector: hubspot}}}}\nweb: {written}\n", encoding="utf-8"
    )
    assert load_config(file, {}).web.mappings == may


# --- who may ask


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": None, "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": None, "Origin": "null"},
        {"Sec_Fetch_Site": None, "Origin": None},
        {"Content_Type": "text/plain"},
        {"Content_Type": "multipart/form-data; boundary=x"},
    ],
)
def test_a_form_of_another_site_does_nothing(ann: Person, headers: dict[str, str | None]) -> None:
    """Even with the right token."""
    token = re.findall(r'name="token" value="([^"]+)"', ann.get("file?name=hub.yaml").text)[0]
    before = in_force(ann)
    plan = held_plan(ann)
    forms = {
        "file": {"token": token, "name": "hub.yaml", "was": "", "text": WRONG, "action": "save anyway"},
        "plan": {"token": token, "id": plan, "action": "approve", "by": "Eve"},
        "version": {"token": token, "id": before, "action": "rollback", "by": "Eve"},
    }
    for path, fields in forms.items():
        assert ann.post(path, fields, **headers).status in (403, 415)
    assert (in_force(ann), ann.read()) == (before, SWAPPED)


@pytest.mark.parametrize("token", ["", "x", "é"])
def test_a_form_without_the_token_does_nothing_and_keeps_the_text(ann: Person, token: str) -> None:
    """A page from before a restart has an old one: the text is not lost."""
    page = ann.get("file?name=hub.yaml")
    plan = held_plan(ann)
    opened = ann.get("file?name=hub.yaml")
    answer = ann.press(opened, "save", token=token, text=NO_CITY)
    assert (answer.status, text_of(answer), ann.read()) == (403, NO_CITY, SWAPPED)
    assert ann.press(answer, "save").status == 303
    ann.write(SWAPPED)
    before = in_force(ann)
    assert ann.press(ann.get(f"plan?id={plan}"), "approve", token=token, by="Eve").status == 403
    assert in_force(ann) == before
    assert page.status == 200


def test_a_plain_browser_without_fetch_metadata_goes_by_the_origin(ann: Person) -> None:
    page = ann.get("file?name=hub.yaml")
    token = re.findall(r'name="token" value="([^"]+)"', page.text)[0]
    fields = {"token": token, "name": "hub.yaml", "text": HUB, "action": "check"}
    assert ann.post("file", fields, Sec_Fetch_Site=None).status == 200


def test_the_pages_allow_no_foreign_part_and_are_kept_nowhere(ann: Person) -> None:
    plan = held_plan(ann)
    for path in ("", "file?name=hub.yaml", f"plan?id={plan}", "history", f"version?id={in_force(ann)}", "file?name=no"):
        page = ann.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert policy == "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert not re.search(r"<script(?![^>]* src=\"\.\./static/)|style=| on\w+=|https?://|<style", page.text)


def test_too_much_is_refused(ann: Person) -> None:
    page = ann.get("file?name=hub.yaml")
    assert ann.press(page, "save", text="#" * 1_000_001 + "\n").status == 409
    assert ann.press(page, "save", text="<" * 1_200_000).status == 413
    assert ann.press(page, "save", **{f"n{number}": "" for number in range(60)}).status == 400
    assert ann.read() == HUB


def test_without_a_desk_there_is_no_page(ann: Person) -> None:
    from syncd.health import Health
    from syncd.web.serve import start

    server = start(ann.world.engine, Health(), "127.0.0.1", 0)
    try:
        assert get(server.url, "mappings/").status == 404
        assert "mappings/" not in get(server.url).text
    finally:
        server.stop()
    assert 'href="./mappings/"' in get(ann.server.url).text or 'href="mappings/"' in get(ann.server.url).text


def test_stopping_ends_a_plan_under_way(template: Path, tmp_path: Path) -> None:
    """A plan of very many leads does not hold up the end of the process."""
    with person(template, tmp_path, limits=NOTHING) as ann:
        page = ann.get("file?name=hub.yaml")
        ann.desk.stopping.set()
        answer = ann.press(page, "plan", text=SWAPPED)
        assert (answer.status, "syncd stops" in words(answer)) == (409, True)
        until(lambda: not ann.desk._planning.locked())
