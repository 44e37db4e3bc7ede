"""The documentation holds: its examples do what they say, and it names every command, option, key, word and metric."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from connectors import registry
from connectors.contract import Destination, Source
from connectors.errors import ConnectorError
from connectors.http import HttpSettings, Session, StaticToken
from sandbox.wire import Request, Response, Server
from syncd.cli import cli
from syncd.config import Place, Problems
from syncd.config import load as load_config
from syncd.config.yaml import parse
from syncd.health import Health
from syncd.lead.decision import Fate, Lack, SourceRecord
from syncd.lead.definition import CONDITION_FACTS, HANDOFF_FACTS, SALES_FACTS, EntityKind, FieldType
from syncd.mapping.cases import run_cases
from syncd.mapping.definition_file import condition_types, none_answers
from syncd.mapping.expr import compile_condition
from syncd.mapping.loader import load
from syncd.mapping.model import BadValue, Conflict, KindMap, Mappings
from syncd.mapping.schema import json_schemas
from syncd.mapping.transforms import KINDS, STEPS
from syncd.stages.deliver import plan_update

ROOT = Path(__file__).resolve().parents[1]
MAPPINGS = ROOT / "docs" / "mappings.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "connectors").glob("*/README.md")),
]
OPERATORS = [ROOT / "README.md", ROOT / "docs" / "operations.md"]


def words(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def yaml_value(text: str) -> Any:
    return parse(text.encode(), "example").data


# --- docs/mappings.md: what its examples say -------------------------------------------------------------------------


@dataclass(frozen=True)
class Fence:
    """One fenced block: the word after the fence, what follows it, the content."""

    language: str
    rest: str
    text: str


@dataclass(frozen=True)
class Row:
    """One row of a table, by the table's column names; the cells as they stand."""

    line: int
    cells: Mapping[str, str]


def fences(page: Path) -> list[Fence]:
    found = re.findall(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Fence(*one) for one in found]


def rows(page: Path, *header: str) -> list[Row]:
    """Return the rows of every table with exactly these columns."""
    found: list[Row] = []
    columns: list[str] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("|"):
            columns = None
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if columns is None:
            columns = cells
        elif tuple(columns) == header and set("".join(cells)) != {"-", " "} and set("".join(cells)) != {"-"}:
            assert len(cells) == len(header), f"line {number}: a row of {len(cells)} cells"
            found.append(Row(number, dict(zip(header, cells, strict=True))))
    return found


def code(cell: str) -> str:
    """Return what stands between the first pair of backticks."""
    found = re.search(r"`([^`]+)`", cell)
    assert found is not None, f"no `code` in {cell!r}"
    return found[1]


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
    results = run_cases(folder / "mappings", page)
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


def test_every_transform_is_shown() -> None:
    """Each word that may stand after `as:` has a row of its own."""
    shown = {name for line, _ in line_rows() for name in as_words(line)}
    assert shown >= {*KINDS, *STEPS, "join", "link company"}


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
        agreed={} if agreed is None else {"title": (agreed, "w")},
    )
    source = {"title": {"at": 200 if ours_later else 50}}
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


# --- nothing is left out ---------------------------------------------------------------------------------------------


def schema_keys(schema: Any) -> Iterator[str]:
    """Every key that a file of this kind may have."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for inner in schema.values():
            yield from schema_keys(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from schema_keys(inner)


@pytest.mark.parametrize("schema", ["config", "definition", "mapping", "cases"])
def test_every_key_of_the_files_is_explained(schema: str) -> None:
    """The keys of the config stand in its example, all others between backticks in the reference."""
    page = ROOT / "config.example.yaml" if schema == "config" else MAPPINGS
    text = words(page)
    known = set(schema_keys(json_schemas()[schema]))
    assert len(known) >= 8
    pattern = r"^[ #]*KEY:" if schema == "config" else r"`\{?KEY[`:]"
    missing = [key for key in sorted(known) if not re.search(pattern.replace("KEY", key), text, re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize("name", [*HANDOFF_FACTS, *SALES_FACTS, *CONDITION_FACTS, *(one.value for one in FieldType)])
def test_every_word_of_ours_is_explained(name: str) -> None:
    """Facts that lines and conditions may name, and the types of fields."""
    assert f"`{name}`" in words(MAPPINGS)


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, by the words that call it."""
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from leaves(inner, f"{name} {word}".strip())
    else:
        yield name, command


COMMANDS = dict(leaves(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_row_with_all_its_options(name: str) -> None:
    """The table of commands in docs/operations.md is complete, and offers nothing that is not there."""
    (row,) = [
        one
        for one in rows(ROOT / "docs" / "operations.md", "command", "does", "options", "exit code")
        if code(one.cells["command"]).split()[0] == name
    ]
    options = {
        opt for one in COMMANDS[name].params if isinstance(one, click.Option) for opt in one.opts if opt[:2] == "--"
    }
    assert set(re.findall(r"--[a-z-]+", row.cells["options"])) == options - {"--config"}


def test_the_options_that_all_commands_share_are_explained() -> None:
    """--config and its variable, --help, --version."""
    text = words(*OPERATORS)
    for word in ("--config", "SYNCD_CONFIG", "--help", "--version"):
        assert re.search(rf"`[^`\n]*{word}\b", text), word


def calls() -> list[tuple[str, str]]:
    """Every `syncd ...` and `make ...` that a page tells its reader to type, with the page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        spans = re.findall(r"`((?:syncd|make) [^`\n]+)`", text)
        spans += re.findall(r"^ {4}(?:[\w./]*bin/)?((?:syncd|make) [^\n]+)$", text, re.MULTILINE)
        found += [(page.name, span.partition("  ")[0].partition(" #")[0].strip()) for span in spans]
    return sorted(set(found))


@pytest.mark.parametrize(("page", "call"), calls())
def test_what_a_page_tells_to_type_exists(page: str, call: str) -> None:
    """The command or target, and each of its options."""
    program, *rest = call.split()
    plain = [word for word in rest if not word.startswith("-")]
    if program == "make":
        assert plain[0] in re.findall(r"^([a-z-]+):", words(ROOT / "Makefile"), re.MULTILINE)
        return
    command = COMMANDS[plain[0]] if plain else cli
    known = {opt for one in command.params for opt in one.opts} | {"--help", "-h"}
    assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known


def links(page: Path) -> Iterator[str]:
    """Files and folders of the project that a page names: targets of links, and paths between backticks."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            yield target.partition("#")[0]
    for span in re.findall(r"`([\w.*/-]+)`", text):
        first = span.partition("/")[0]
        if span.endswith((".py", ".md", ".toml", ".example.yaml")) or ("/" in span and first in ROOMS):
            yield span


ROOMS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("var", "build")}
SKIPPED = {".git", ".venv", "var", "build", "node_modules"}


@pytest.fixture(scope="module")
def project() -> list[str]:
    """Every file and folder of the project, from its root."""
    found = []
    for top in ROOT.iterdir():
        if top.name in SKIPPED or top.name.endswith("_cache"):
            continue
        found += [one.relative_to(ROOT).as_posix() for one in ([top, *top.rglob("*")] if top.is_dir() else [top])]
    return [one for one in found if "__pycache__" not in one]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path, project: list[str]) -> None:
    """From the root, from the page's own folder, or as the end of a longer path."""
    missing = []
    for name in links(page):
        pattern = re.escape(name.rstrip("/")).replace(r"\*", "[^/]*")
        if not (page.parent / name).exists() and not any(re.search(rf"(?:^|/){pattern}$", one) for one in project):
            missing.append(name)
    assert missing == []


# --- docs/operations.md and docs/connectors.md -----------------------------------------------------------------------


def test_every_metric_is_explained() -> None:
    """Each name as Prometheus sees it, with its labels."""
    text = words(ROOT / "docs" / "operations.md")
    for metric in Health().registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert f"`{name}" in text, f"{name} is not in docs/operations.md"


@pytest.mark.parametrize("fate", [one.value for one in Fate])
def test_every_fate_has_a_row(fate: str) -> None:
    """How an entity's turn in handoff can end, for those who watch the metric."""
    assert fate in [code(row.cells["fate"]) for row in rows(ROOT / "docs" / "operations.md", "fate", "means")]


@pytest.mark.parametrize("lack", [one.value for one in Lack])
def test_every_lack_is_explained(lack: str) -> None:
    """What can be wrong with a fact that the gate asks for."""
    assert f"**{lack}** (" in words(MAPPINGS)


@pytest.mark.parametrize(
    "kind", [one.__name__ for one in ConnectorError.__subclasses__() if one.__module__ == "connectors.errors"]
)
def test_every_kind_of_trouble_has_a_row(kind: str) -> None:
    """With what follows it, for writers of connectors."""
    found = rows(ROOT / "docs" / "connectors.md", "raise or return", "when", "then")
    assert kind in [code(row.cells["raise or return"]) for row in found]


@pytest.mark.parametrize(
    "word",
    [
        *("Source", "Destination", "Record", "Page", "Reading", "Readiness", "Capabilities", "WriteRequest"),
        *("Written", "Rejected", "Deferred", "Session", "StaticToken", "Wait", "per_second"),
        *(name for one in (Source, Destination) for name in vars(one) if name[0] != "_" and callable(vars(one)[name])),
    ],
)
def test_the_contract_is_explained_whole(word: str) -> None:
    """The page for writers of connectors leaves out no method and no value that passes."""
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", words(ROOT / "docs" / "connectors.md"))


class Echo:
    """A system that answers everything with what it was sent."""

    name = "echo"

    def handle(self, request: Request) -> Response:
        return Response(body={"sent": request.json(), "token": request.headers["authorization"]})

    def label(self, request: Request) -> str:
        return f"{request.method} {request.path}"


def test_the_example_of_a_session_runs() -> None:
    """The lines on HTTP can be copied: they send the body, with the token."""
    (lines,) = re.findall(r"(?:^ {4}[^\n]+\n)+", words(ROOT / "docs" / "connectors.md"), re.MULTILINE)
    with Server(Echo()) as server:
        names: dict[str, Any] = {
            **{"name": "echo", "base": server.url, "token": "t", "body": {"a": 1}, "sleep": time.sleep},
            **{"Session": Session, "StaticToken": StaticToken, "judge": lambda answer: None},
            "settings": SimpleNamespace(http=lambda: HttpSettings(per_second={"search": 5})),
        }
        exec(textwrap.dedent(lines), names)  # the page's own lines
        names["session"].close()
    assert names["answer"] == {"sent": {"a": 1}, "token": "Bearer t"}


def test_every_connector_has_a_page_and_is_registered() -> None:
    """Its README is where an operator finds its settings."""
    for module in registry.MODULES.values():
        assert (ROOT / "connectors" / module.split(".")[1] / "README.md").is_file()


def test_the_changelog_begins_with_what_is_not_released() -> None:
    """One entry, grouped by what it means for who runs it."""
    text = words(ROOT / "CHANGELOG.md")
    assert re.search(r"^## Unreleased$", text, re.MULTILINE)
    assert len(re.findall(r"^### ", text, re.MULTILINE)) >= 3
