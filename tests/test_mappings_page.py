"""docs/mappings.md does what it says: every file, line, condition, conflict, case and message in it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.pages import MAPPINGS, Fence, Row, code, fences, rows

from syncd.config import Place, Problems
from syncd.config import load as load_config
from syncd.config.yaml import parse
from syncd.lead.decision import Origin, SourceRecord
from syncd.lead.definition import EntityKind
from syncd.mapping.cases import run_cases
from syncd.mapping.definition_file import condition_types, none_answers
from syncd.mapping.expr import compile_condition
from syncd.mapping.loader import load
from syncd.mapping.model import BadValue, Conflict, FieldMap, KindMap, Mappings
from syncd.mapping.owners import bind, people_of
from syncd.mapping.reference import put_into
from syncd.mapping.schema import json_schemas
from syncd.mapping.transforms import KINDS, STEPS
from syncd.pipeline.example import judge_example
from syncd.stages.deliver import plan_update


def yaml_value(text: str) -> Any:
    return parse(text.encode(), "example").data


def named_file(fence: Fence) -> str | None:
    """Return which file a whole-file block is, from its first comment line or the words after the fence."""
    if fence.language == "csv":
        return f"mappings/{fence.rest}"
    found = re.match(r"# ([\w./-]+\.yaml)\n", fence.text)
    return found[1] if found and fence.language == "yaml" else None


def write_folder(folder: Path) -> dict[str, str]:
    """Write every whole file of the page below `folder`; return the systems of its config: name -> connector."""
    for fence in fences(MAPPINGS):
        name = named_file(fence)
        if name is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fence.text, encoding="utf-8")
    config = load_config(folder / "config.yaml", {})
    return {name: system.connector for name, system in config.systems.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page describes, written anew for this module."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(folder: Path) -> Mappings:
    """The page's own definition and mappings, loaded."""
    systems = write_folder(folder)
    return load(folder / "mappings", systems)


def test_the_whole_files_of_the_page_load(page: Mappings) -> None:
    """A reader may copy all of them into one folder, which then loads."""
    assert sorted(page.systems) == ["erp", "fair", "hubspot", "salesforce"]
    assert page.definition.version == 3


def test_the_cases_of_the_page_pass(page: Mappings, folder: Path) -> None:
    """What the section on cases shows is green, and there is something in it."""
    results = run_cases(folder / "mappings", page, judge_example)
    assert len(results) >= 5
    assert [(one.name, one.differences) for one in results if not one.ok] == []


def test_no_example_block_is_left_out() -> None:
    """A block that no test runs could say anything."""
    pending = False
    for fence in fences(MAPPINGS):
        if fence.language == "text":
            assert pending, f"a message that follows no mistake: {fence.text[:60]}"
            pending = False
            continue
        assert not pending, "a mistake without its message"
        pending = fence.rest == "mistake"
        assert pending or named_file(fence), f"neither a whole file nor a mistake: {fence.text[:60]}"
    assert not pending


def mistakes() -> list[tuple[str, str]]:
    blocks = fences(MAPPINGS)
    return [(before.text, after.text) for before, after in pairwise(blocks) if before.rest == "mistake"]


@pytest.mark.parametrize(("mistake", "message"), mistakes())
def test_a_mistake_of_the_page_is_answered_as_it_says(tmp_path: Path, mistake: str, message: str) -> None:
    """The messages are quoted, not made up."""
    systems = write_folder(tmp_path)
    (tmp_path / "mappings" / "hubspot.yaml").write_text(mistake, encoding="utf-8")
    with pytest.raises(Problems) as caught:
        load(tmp_path / "mappings", systems)
    assert str(caught.value).replace(f"{tmp_path}/", "") + "\n" == message


LINES = ("line", "theirs", "ours", "to HubSpot", "to Salesforce")


def line_rows() -> list[tuple[str, Row]]:
    """Return each row with its mapping line; an empty cell stands for the line above."""
    found, line = [], ""
    for row in rows(MAPPINGS, *LINES):
        line = code(row.cells["line"]) if row.cells["line"] else line
        found.append((line, row))
    return found


def compiled(folder: Path, systems: Mapping[str, str], line: str) -> tuple[KindMap, KindMap]:
    """Load a HubSpot and a Salesforce mapping whose chief line is `line`."""
    country = "" if line.startswith("country:") else "    country: {from: country}\n"
    for system in ("hubspot", "salesforce"):
        text = (
            f"system: {system}\ncontact:\n  is: lead\n  fields:\n{country}    {line}\n"
            "company:\n  is: account\n  fields:\n    name: {from: name}\n"
        )
        (folder / "mappings" / f"{system}.yaml").write_text(text, encoding="utf-8")
    loaded = load(folder / "mappings", systems)
    first = [next(iter(loaded.systems[system].kinds.values())) for system in ("hubspot", "salesforce")]
    return first[0], first[1]


def told(value: Any) -> Any:
    return f"a problem: {value.why}" if isinstance(value, BadValue) else "nothing" if value is None else value


def expected(cell: str) -> Any:
    return cell if cell in ("nothing", "—") or cell.startswith("a problem: ") else yaml_value(code(cell))


def same(got: Any, wanted: Any) -> bool:
    return type(got) is type(wanted) and got == wanted


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The page's folder without its cases and other systems, for one line after the other."""
    folder = tmp_path_factory.mktemp("lines")
    write_folder(folder)
    for name in ("erp.yaml", "fair.yaml"):
        (folder / "mappings" / name).unlink()
    return folder, {"hubspot": "hubspot", "salesforce": "salesforce"}


@pytest.mark.parametrize(
    ("line", "row"), line_rows(), ids=lambda one: f"line{one.line}" if isinstance(one, Row) else ""
)
def test_a_line_of_the_page_reads_and_writes_as_it_says(
    bench: tuple[Path, dict[str, str]], line: str, row: Row
) -> None:
    """Theirs becomes ours, and ours is written as the table has it, in type and value."""
    hubspot, salesforce = (kind.fields[line.partition(":")[0]] for kind in compiled(*bench, line))
    ours = expected(row.cells["ours"])
    if row.cells["theirs"] != "—":
        theirs = yaml_value(code(row.cells["theirs"]))
        fields = theirs if isinstance(theirs, dict) else {hubspot.reads[0]: theirs}
        for one in (hubspot, salesforce):
            assert one.read is not None
            assert same(told(one.read({"country": None, **fields})), ours), line
    canonical = None if ours == "nothing" else ours
    for one, column in ((hubspot, "to HubSpot"), (salesforce, "to Salesforce")):
        wanted = expected(row.cells[column])
        if wanted == "—":
            assert one.write is None or str(ours).startswith("a problem"), f"{line} is written, and the table is silent"
        else:
            assert one.write is not None
            assert same(told(one.write(canonical)), wanted), line


PEOPLE = people_of(
    [
        ("hubspot", "700101", "ann@acme.example", True),
        ("hubspot", "700102", "bob@acme.example", True),
        ("hubspot", "700103", "cid@acme.example", True),
        ("salesforce", "0055A001", "ann@acme.example", True),
        ("salesforce", "0055A002", "bob@acme.example", False),
        ("salesforce", "0055A003", "cid@acme.example", True),
        ("salesforce", "0055A004", "cid@acme.example", True),
    ]
)


@pytest.mark.parametrize("row", rows(MAPPINGS, "line of", "line", "their owner", "ours"), ids=lambda row: f"{row.line}")
def test_an_owner_is_read_as_the_page_says(bench: tuple[Path, dict[str, str]], row: Row) -> None:
    one = owner_line(*bench, row)
    assert one.read is not None
    assert told(one.read({one.reads[0]: yaml_value(code(row.cells["their owner"]))})) == expected(row.cells["ours"])


@pytest.mark.parametrize("row", rows(MAPPINGS, "line of", "line", "ours", "their owner"), ids=lambda row: f"{row.line}")
def test_an_owner_is_written_as_the_page_says(bench: tuple[Path, dict[str, str]], row: Row) -> None:
    one = owner_line(*bench, row)
    assert one.write is not None
    assert told(one.write(code(row.cells["ours"]))) == expected(row.cells["their owner"])


def owner_line(folder: Path, systems: Mapping[str, str], row: Row) -> FieldMap:
    """Return the row's line, bound to the people of the page; `contact` is the page's field for an owner."""
    system, line = row.cells["line of"], code(row.cells["line"]).replace("owner:", "contact:", 1)
    compiled(folder, systems, line)
    loaded = bind(load(folder / "mappings", systems), PEOPLE)
    return next(iter(loaded.systems[system].kinds.values())).fields["contact"]


def written_rows() -> list[tuple[str, Row]]:
    found, line = [], ""
    for row in rows(MAPPINGS, "line", "values of the lead", "written"):
        line = code(row.cells["line"]) if row.cells["line"] else line
        found.append((line, row))
    return found


@pytest.mark.parametrize(
    ("line", "row"), written_rows(), ids=lambda one: f"line{one.line}" if isinstance(one, Row) else ""
)
def test_a_line_of_the_page_writes_of_a_lead_what_it_says(
    bench: tuple[Path, dict[str, str]], line: str, row: Row
) -> None:
    """Computed, conditional and per market: by the plan of an update, into an empty field."""
    kind, _ = compiled(*bench, line)
    record = SourceRecord(
        **{"system": "hubspot", "kind": "contacts", "id": "1", "fields": {"x": None}, "changed": {}, "agreed": {}},
        **{"first_modified": 1, "modified": 1, "deleted": False, "survivor": None},
    )
    values = yaml_value(code(row.cells["values of the lead"]))
    write, _, asks = plan_update(kind, record, values, {}, lambda line, entity: None)
    assert asks == []
    wanted = expected(row.cells["written"])
    assert (write is None) if wanted == "—" else (write is not None and same(write.fields["x"], wanted)), line


def test_the_tables_of_keys_are_those_of_the_checks() -> None:
    """`make docs` makes them anew; nothing was edited between the marks, no key was added without it."""
    text = MAPPINGS.read_text(encoding="utf-8")
    assert put_into(text) == text, "run `make docs`"
    assert "| `truncate` | a whole number |" in text


@pytest.mark.parametrize("file", ["definition", "mapping", "cases"])
def test_an_editor_can_say_of_each_key_what_it_is_for(file: str) -> None:
    """Every property of every section of the JSON Schema has a description."""
    schema = json_schemas()[file]
    sections = {"": schema, **schema["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, one in sections.items()
        for key, told in one.get("properties", {}).items()
        if not told.get("description")
    ]
    assert silent == []


def test_every_transform_is_shown() -> None:
    """Each word that may stand after `as:` has a row of its own."""
    shown = {name for line, _ in line_rows() for name in as_words(line)}
    assert shown >= {*KINDS, *STEPS, "part 1", "last part", "join", "link company"}


def as_words(line: str) -> Sequence[str]:
    options = next(iter(yaml_value(line).values()))
    given = options.get("as", [])
    return [given] if isinstance(given, str) else given


@pytest.mark.parametrize("row", rows(MAPPINGS, "condition", "values", "holds"), ids=lambda row: f"line{row.line}")
def test_a_condition_of_the_page_holds_or_not(page: Mappings, row: Row) -> None:
    """Over the fields of the page's definition, checked as a mapping would be."""
    fields = page.definition.fields[EntityKind.LEAD]
    condition = compile_condition(
        code(row.cells["condition"]), condition_types(fields), Place("page", row.line, 1), or_none=none_answers(fields)
    )
    assert condition.met(yaml_value(code(row.cells["values"]))) is {"yes": True, "no": False}[row.cells["holds"]]


POLICIES = (
    "`conflict`",
    "they alone changed",
    "we alone changed",
    "both changed",
    "both were filled before syncd came",
)
# column -> (agreed, theirs, ours)
SITUATIONS: Mapping[str, tuple[str | None, str, str]] = {
    POLICIES[1]: ("old", "new", "old"),
    POLICIES[2]: ("old", "old", "new"),
    POLICIES[3]: ("old", "hers", "his"),
    POLICIES[4]: (None, "hers", "his"),
}


def outcome(kind: KindMap, agreed: str | None, theirs: str, ours: str, *, ours_later: bool) -> str:
    """Say what becomes of one field of one record, theirs changed at 100."""
    record = SourceRecord(
        system="hubspot",
        kind="contacts",
        id="1",
        fields={"x": theirs},
        changed={"x": 100},
        first_modified=100,
        modified=100,
        deleted=False,
        survivor=None,
        agreed={} if agreed is None else {"x": (agreed, "w")},
    )
    source = {"title": Origin("hubspot", "contacts", "1", 200 if ours_later else 50, "newest", 0)}
    write, _, asks = plan_update(kind, record, {"title": ours}, source, lambda line, entity: None)
    return "a question" if asks else "ours is written" if write else "theirs stays"


@pytest.mark.parametrize("policy", [policy.value for policy in Conflict])
def test_a_conflict_ends_as_the_page_says(bench: tuple[Path, dict[str, str]], policy: str) -> None:
    """Every policy in every situation, whichever side changed last."""
    (row,) = [one for one in rows(MAPPINGS, *POLICIES) if code(one.cells["`conflict`"]) == policy]
    kind, _ = compiled(*bench, f"title: {{from: x, to: x, conflict: {policy}}}")
    for column, (agreed, theirs, ours) in SITUATIONS.items():
        early, late = (outcome(kind, agreed, theirs, ours, ours_later=later) for later in (False, True))
        said = "the later change" if (early, late) == ("theirs stays", "ours is written") else early
        assert early == late or said == "the later change"
        assert row.cells[column] == said, f"{policy}: {column}"


@pytest.mark.parametrize("row", rows(MAPPINGS, "written", "is"), ids=lambda row: f"line{row.line}")
def test_yaml_is_read_as_the_page_says(row: Row) -> None:
    """What stays text and what does not."""
    assert same(yaml_value(code(row.cells["written"])), yaml_value(code(row.cells["is"])))
