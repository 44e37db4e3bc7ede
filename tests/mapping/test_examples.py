"""The files that are shipped: they load, their cases pass, and the cases can fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import pytest

from syncd.config import Problems
from syncd.config import load as load_config
from syncd.config.yaml import read
from syncd.lead.definition import EntityKind
from syncd.mapping.cases import run_cases
from syncd.mapping.loader import load
from syncd.mapping.model import Create, Mappings
from syncd.mapping.schema import json_schemas

ROOT = Path(__file__).resolve().parents[2]


def shipped(folder: Path = ROOT / "mappings") -> Mappings:
    config = load_config(ROOT / "config.example.yaml", {})
    return load(folder, {name: system.connector for name, system in config.systems.items()})


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return shipped()


def test_the_example_config_runs_against_the_sandbox_as_it_stands() -> None:
    """No variable is needed, and nothing but loopback is reached."""
    config = load_config(ROOT / "config.example.yaml", {})
    assert {name: system.connector for name, system in config.systems.items()} == {
        "hubspot": "hubspot",
        "salesforce": "salesforce",
        "erp": "sql",
    }
    assert config.systems["hubspot"].settings["access_token"] == "pat-na1-sandbox"
    assert config.mappings.resolve() == ROOT / "mappings"


def test_every_case_passes(mappings: Mappings) -> None:
    """`syncd test` is green on the files that are shipped."""
    results = run_cases(ROOT / "mappings", mappings)
    assert [(str(one.place), one.name, one.differences) for one in results if not one.ok] == []


@pytest.mark.parametrize("system", ["hubspot", "salesforce", "erp"])
def test_every_mapping_has_a_dozen_cases(mappings: Mappings, system: str) -> None:
    """Enough that an admin finds one to copy."""
    results = run_cases(ROOT / "mappings", mappings)
    assert len([one for one in results if Path(one.place.file).stem == system]) >= 12


def test_a_case_fails_when_the_mapping_says_otherwise(tmp_path: Path) -> None:
    """With the two phone fields swapped, the case of the mobile number shows what was expected and what came."""
    folder = tmp_path / "mappings"
    shutil.copytree(ROOT / "mappings", folder)
    path = folder / "hubspot.yaml"
    path.write_text(path.read_text().replace("[mobilephone, phone]", "[phone, mobilephone]"))
    failed = [one for one in run_cases(folder, shipped(folder)) if not one.ok]
    assert [(one.name, one.differences) for one in failed] == [
        ("the mobile number wins and becomes E.164", (("phone", "+16175550123", "+16175550199"),))
    ]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("- {name: a, given: {emial: x}}", "1:21: the mapping does not read 'emial'; did you mean 'email'?"),
        ("- {name: a, given: {}, expect: {emial: x}}", "1:33: 'emial' is not read by contact; did you mean 'email'?"),
        ("- {name: a, kind: contct, given: {}}", "1:19: hubspot.yaml has no kind 'contct'; did you mean 'contact'?"),
        ("- {name: a}", "1:3: expected 'given' (a record of theirs) or 'ours' (values of ours); give one"),
        ("- {name: a, gven: {}}", "1:13: unknown key 'gven'; did you mean 'given'?"),
        ("- {given: {}}", "1:3: missing key 'name'; add 'name: ...'"),
        ("name: a", "1:1: expected a list, got a section"),
        ("- {name: a, ours: {bugdet: 1}}", "1:20: 'bugdet' is not written by contact; did you mean 'budget'?"),
    ],
)
def test_a_mistake_in_a_case_is_told(tmp_path: Path, mappings: Mappings, case: str, message: str) -> None:
    """Case files get the same reports as all others."""
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "hubspot.yaml").write_text(case)
    with pytest.raises(Problems) as caught:
        run_cases(tmp_path, mappings)
    (problem,) = caught.value.problems
    assert str(problem).replace(f"{ROOT}/mappings/", "") == f"{tmp_path}/cases/hubspot.yaml:{message}"


def test_cases_of_no_mapping_are_told(tmp_path: Path, mappings: Mappings) -> None:
    """A case file that belongs to nothing would otherwise pass by never running."""
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "hubspt.yaml").write_text("- {name: a, given: {}}")
    with pytest.raises(Problems, match=r"no mapping file hubspt.yaml .*; did you mean 'hubspot'"):
        run_cases(tmp_path, mappings)


def test_the_shipped_files_say_what_the_road_needs(mappings: Mappings) -> None:
    """Leads are created in Salesforce only, behind the gate; branches in both, under their account."""
    kinds = [one for system in mappings.systems.values() for one in system.kinds.values()]
    creating = {(one.system, one.kind) for one in kinds if one.create is Create.ALLOWED}
    assert creating == {("salesforce", "Lead"), ("salesforce", "Branch__c"), ("hubspot", "branch")}
    lead = mappings.kind("salesforce", "Lead")
    assert lead is not None
    assert lead.create_when is not None
    assert lead.create_when.met({"handoff.passed": True})
    assert not lead.create_when.met({})
    branch = mappings.kind("salesforce", "Branch__c")
    assert branch is not None
    assert branch.fields["account"].refers_to == (EntityKind.ACCOUNT, "Account")


def test_the_shipped_ladder_moves_a_good_lead_up(mappings: Mappings) -> None:
    """The conditions of the definition hold for a lead that both teams would call an MQL."""
    values = {"industry": "Manufacturing", "employees": 420, "level": "VP", "budget": 50000}
    definition = mappings.definition
    assert [market.name for market in definition.markets if market.when.met(values)] == ["midmarket-manufacturing"]
    points = sum(rule.points for rule in definition.fit if rule.when.met({**values, "in_market": True}))
    assert points == 60
    mql = definition.stages[definition.stage_order("mql")]
    assert mql.when is not None
    assert mql.when.met({"in_market": True, "score": points})


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("config", "config.example.yaml"),
        ("definition", "mappings/definition.yaml"),
        ("mapping", "mappings/hubspot.yaml"),
        ("mapping", "mappings/salesforce.yaml"),
        ("mapping", "mappings/erp.yaml"),
        ("cases", "mappings/cases/hubspot.yaml"),
        ("cases", "mappings/cases/salesforce.yaml"),
        ("cases", "mappings/cases/erp.yaml"),
    ],
)
def test_the_json_schemas_accept_the_shipped_files(schema: str, file: str) -> None:
    """Editors show no error where the daemon sees none."""
    jsonschema.validate(read(ROOT / file).data, json_schemas()[schema])


@pytest.mark.parametrize("schema", ["config", "definition", "mapping", "cases"])
def test_the_json_schemas_refuse_unknown_keys(schema: str) -> None:
    """Editors underline a typo."""
    document = {"cases": [{"name": "a", "gven": {}}], "mapping": {"system": "a", "b": {"is": "lead", "feilds": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document.get(schema, {"verzion": 1}), json_schemas()[schema])


def test_comments_and_layout_do_not_change_a_digest(tmp_path: Path, mappings: Mappings) -> None:
    """An edit of a comment must not hold the next run for approval; an edit of a value must."""
    folder = tmp_path / "mappings"
    shutil.copytree(ROOT / "mappings", folder)
    path = folder / "hubspot.yaml"
    text = path.read_text()
    path.write_text("# a comment\n" + text)
    assert shipped(folder).systems["hubspot"].digest == mappings.systems["hubspot"].digest
    path.write_text(text.replace("conflict: newest", "conflict: ours", 1))
    assert shipped(folder).systems["hubspot"].digest != mappings.systems["hubspot"].digest
    path.write_text(text)
    table = folder / "tables" / "sources.csv"
    table.write_text(table.read_text().replace("Web search", "Search"))
    changed = shipped(folder)
    assert changed.systems["hubspot"].digest != mappings.systems["hubspot"].digest
    assert changed.systems["salesforce"].digest == mappings.systems["salesforce"].digest
    assert changed.digest != mappings.digest
