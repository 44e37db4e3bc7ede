"""A mapping against what the live system has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import pytest
from mapping_folder import SYSTEMS, write

from syncd.mapping.gaps import Gap, narrow
from syncd.mapping.loader import load
from syncd.mapping.model import ABSENT, Create, SystemMap
from syncd.mapping.reality import SeenField, advise, as_json, compare

MAPPING = """\
system: salesforce
Lead:
  is: lead
  create: allowed
  key: Syncd_Key__c
  fields:
    email: {from: Email, to: Email}
    name: {to: LastName}
    industry: {to: Industry, values: {Manufacturing: Manufacturing, Oil: Energy}}
    decided: {to: Decided__c}
    phone: {to: Phone}
    share: {from: Share__c}
"""


class Type(Enum):
    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    DATE = "date"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Info:
    name: str
    type: Type = Type.TEXT
    writable: bool = True
    required: bool = False
    length: int | None = 255
    choices: tuple[str, ...] = ()
    restricted: bool = False
    offered: tuple[str, ...] = ()
    offered_by: str = ""
    unique: bool = False
    calculated: bool = False
    coded_by: str = ""
    label: str = ""


PLANT = Info(
    "Industry",
    Type.CHOICE,
    choices=("Manufacturing", "Oil"),
    restricted=True,
    offered=("Manufacturing",),
    offered_by="the record type Plant",
)
LIVE = {
    "Email": Info("Email"),
    "LastName": Info("LastName", required=True, length=80),
    "Industry": Info("Industry", Type.CHOICE, choices=("Manufacturing", "Oil"), restricted=True),
    "Decided__c": Info("Decided__c", Type.DATE, length=None),
    "Phone": Info("Phone", length=40),
    "Share__c": Info("Share__c", Type.NUMBER, length=None),
    "Syncd_Key__c": Info("Syncd_Key__c", unique=True),
}


@pytest.fixture
def system(tmp_path: Path) -> SystemMap:
    contact = "Contact: {is: lead, fields: {email: {from: Email}}}\n"
    found = load(write(tmp_path, salesforce=MAPPING + contact), SYSTEMS).systems["salesforce"]
    return replace(found, kinds={"Lead": found.kinds["Lead"]})


def told(system: SystemMap, *changed: Info, without: str = "") -> list[str]:
    live = {**LIVE, **{info.name: info for info in changed}}
    live.pop(without, None)
    folder = Path(system.file).parent
    return [str(one).replace(f"{folder}/", "") for one in compare(system, {"Lead": list(live.values())})]


def test_a_mapping_that_fits_has_no_problems(system: SystemMap) -> None:
    """Fields that the mapping does not name are no business of it."""
    assert told(system, Info("Rating")) == []


@pytest.mark.parametrize(
    ("changed", "without", "problem"),
    [
        (
            (Info("E_mail"),),
            "Email",
            "salesforce.yaml:7:5: salesforce Lead has no field 'Email'; did you mean 'E_mail'?",
        ),
        (
            (),
            "Decided__c",
            "salesforce.yaml:10:5: salesforce Lead has no field 'Decided__c'; "
            "create it (`syncd setup`), give syncd's user the right to read it, or correct the name",
        ),
        (
            (),
            "Syncd_Key__c",
            "salesforce.yaml:5:8: salesforce Lead has no field 'Syncd_Key__c'; "
            "create it (`syncd setup`), give syncd's user the right to read it, or correct the name",
        ),
        (
            (Info("LastName", writable=False),),
            "",
            "salesforce.yaml:8:5: salesforce Lead.LastName cannot be written; "
            "give syncd's user the right, where anybody can have it, or use 'from' only",
        ),
        (
            (Info("Industry", Type.CHOICE, choices=("Manufacturing", "Oil & Gas"), restricted=True),),
            "",
            "salesforce.yaml:9:5: salesforce Lead.Industry does not allow the choice 'Oil'; "
            "allowed: Manufacturing, Oil & Gas",
        ),
        (
            (PLANT,),
            "",
            "salesforce.yaml:9:5: salesforce Lead.Industry does not allow the choice 'Oil' in the record type Plant; "
            "allowed: Manufacturing",
        ),
        (
            (Info("LastName", Type.CHOICE, choices=("Lee", "Roe"), restricted=True),),
            "",
            "salesforce.yaml:8:5: salesforce Lead.LastName takes only its 2 options, and name writes any text; "
            "give the line a table (values: tables/....csv), or write it into a text field",
        ),
        (
            (Info("Phone", length=10),),
            "",
            "salesforce.yaml:11:5: salesforce Lead.Phone takes 10 characters, and phone may have 16; "
            "lengthen the field, or cut with 'truncate: 10'",
        ),
        (
            (Info("Decided__c", Type.NUMBER),),
            "",
            "salesforce.yaml:10:5: salesforce Lead.Decided__c holds number, and decided writes date; "
            "write it 'as: text' into a text field, or choose another field",
        ),
        (
            (Info("LastName", writable=False, calculated=True),),
            "",
            "salesforce.yaml:8:5: salesforce Lead.LastName is calculated over there and cannot be written; "
            "use 'from' only",
        ),
        (
            (Info("Email", Type.BOOLEAN),),
            "",
            "salesforce.yaml:7:5: salesforce Lead.Email holds boolean, and email writes email; "
            "write it 'as: text' into a text field, or choose another field\n"
            "salesforce.yaml:7:5: salesforce Lead.Email holds boolean, and email reads email: not an e-mail address; "
            "read another field, or say 'as:'",
        ),
        (
            (Info("Share__c", Type.DATE),),
            "",
            "salesforce.yaml:12:5: salesforce Lead.Share__c holds date, and share reads percent: not a number; "
            "read another field, or say 'as:'",
        ),
        (
            (Info("Company", required=True),),
            "",
            "salesforce.yaml:2:1: salesforce Lead cannot be created without 'Company', which no line writes; "
            "map a field: ...: {to: Company}",
        ),
        (
            (Info("Syncd_Key__c"),),
            "",
            "salesforce.yaml:2:1: salesforce Lead.Syncd_Key__c is the key, but is not unique; make it unique",
        ),
    ],
)
def test_a_disagreement_is_told_at_the_mapping_line(
    system: SystemMap, changed: tuple[Info, ...], without: str, problem: str
) -> None:
    """What is wrong, where it was mapped, and what to do."""
    assert "\n".join(told(system, *changed, without=without)) == problem


def test_the_rows_of_a_text_s_table_are_compared_with_the_options(tmp_path: Path) -> None:
    """What has no row is written as it is, and refused by itself."""
    text = "system: salesforce\nLead:\n  is: lead\n  fields:\n    name: {to: Size, values: {S: small, L: large}}\n"
    system = load(write(tmp_path, salesforce=text), SYSTEMS).systems["salesforce"]
    live = [Info("Size", Type.CHOICE, choices=("S", "M"), restricted=True)]
    (problem,) = compare(system, {"Lead": live})
    assert "does not allow the choice 'L'" in problem.message


RATING = Info("Rating", Type.CHOICE, choices=("Hot", "Cold"), restricted=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("opted_out: {to: Rating}", "does not allow the choice 'true'"),
        ("overdue: {to: Rating}", "does not allow the choice 'false'"),
        ("zz: {to: Rating, constant: Warm}", "does not allow the choice 'Warm'"),
        ("stage: {to: Rating}", "does not allow the choice 'mql'"),
        ("progress: {to: Rating}", "takes only its 2 options, and progress writes any text"),
        ("zz: {to: Rating, value: crm_id}", "takes only its 2 options, and zz writes any text"),
        ("zz: {to: Rating, value: 'name + \" \" + country'}", "takes only its 2 options, and zz writes any text"),
        ("zz: {to: Rating, constant: Hot}", ""),
        ("opted_out: {to: Rating, values: {Hot: true, Cold: false}}", ""),
        ('zz: {to: Rating, value: \'name == "Lee" ? "Hot" : "Cold"\'}', ""),
        ("zz: {to: Rating, value: industry}", ""),
    ],
)
def test_what_a_line_writes_is_compared_with_the_only_options(tmp_path: Path, line: str, words: str) -> None:
    """Of a yes and a no, a constant, a computed text and syncd's own words too; a choice between texts passes."""
    text = f"system: salesforce\nLead:\n  is: lead\n  fields:\n    {line}\n"
    system = load(write(tmp_path, salesforce=text), SYSTEMS).systems["salesforce"]
    found = [one.message for one in compare(system, {"Lead": [RATING]})]
    assert any(words in one for one in found) if words else found == []


def test_a_field_that_only_a_condition_names_is_told_where_it_stands(tmp_path: Path) -> None:
    """So are the key and what a touch watches: a section has sixty lines."""
    lines = """\
system: hubspot
contact:
  is: lead
  only: 'lifecycle == "lead"'
  key: syncd_key
  fields:
    email: {from: email, only: 'stge == "mql"'}
  touches:
    - {kind: form, watch: recent, at: recent_at}
"""
    system = load(write(tmp_path, hubspot=lines), SYSTEMS).systems["hubspot"]
    found = {one.message.split("'")[1]: one.place.line for one in compare(system, {"contacts": [Info("email")]})}
    assert found == {"lifecycle": 4, "syncd_key": 5, "stge": 7, "recent": 9, "recent_at": 9}


def test_what_a_record_type_leaves_counts_where_records_are_made(system: SystemMap) -> None:
    """Records that are only updated may be of any type; and what was stored of it says the same offline."""
    live = {**LIVE, "Industry": PLANT}
    stored = [SeenField.of_json(name, as_json(one)) for name, one in live.items()]
    assert len(compare(system, {"Lead": [one for one in stored if one is not None]})) == 1
    only = replace(system.kinds["Lead"], create=Create.NEVER)
    assert compare(replace(system, kinds={"Lead": only}), {"Lead": list(live.values())}) == []


def test_an_unrestricted_choice_takes_anything(system: SystemMap) -> None:
    """Salesforce accepts new values in a picklist that is not restricted."""
    assert told(system, Info("Industry", Type.CHOICE, choices=("Manufacturing",))) == []


def test_a_kind_that_the_system_lacks_is_told(system: SystemMap) -> None:
    """With the nearest that it has."""
    (problem,) = compare(system, {"Leed": []})
    assert (problem.message, problem.hint) == ("salesforce has no kind 'Lead'", "did you mean 'Leed'?")


def test_options_that_cannot_be_read_and_fields_that_must_be_unique_are_told(tmp_path: Path) -> None:
    """Nothing is broken yet: single records will be."""
    lines = "    industry: {from: Branch, values: {Oil: Energy}}\n    name: {to: LastName}\n    email: {to: Email}\n"
    text = f"system: salesforce\nLead:\n  is: lead\n  fields:\n{lines}"
    system = load(write(tmp_path, salesforce=text), SYSTEMS).systems["salesforce"]
    live = [
        Info("Branch", Type.CHOICE, choices=("Oil", "manufacturing", "Gas", "Coal")),
        Info("LastName", unique=True),
        Info("Email", unique=True),
    ]
    assert [str(one).replace(f"{tmp_path}/", "") for one in advise(system, {"Lead": live})] == [
        "salesforce.yaml:5:5: salesforce Lead.Branch has options that industry cannot read: 'Gas', 'Coal'; "
        "give them rows in a value table; until then such a value counts as invalid",
        "salesforce.yaml:6:5: salesforce Lead.LastName is unique over there, and two may have the same name; "
        "the second of them will be refused",
    ]
    assert compare(system, {"Lead": live}) == []


def test_a_stored_description_says_the_same_as_the_live_one(system: SystemMap) -> None:
    """A field that is gone since, or was stored with less, is not taken for one that is there."""
    stored = {name: as_json(info) for name, info in LIVE.items()}
    seen = [one for name, plain in stored.items() if (one := SeenField.of_json(name, plain)) is not None]
    assert compare(system, {"Lead": seen}) == []
    assert [(one.name, one.type.value, one.length, one.choices) for one in seen] == [
        (name, one.type.value, one.length, one.choices) for name, one in LIVE.items()
    ]
    assert SeenField.of_json("Email", {**stored["Email"], "gone": 5}) is None
    assert SeenField.of_json("Email", {"type": "text", "label": "Email"}) is None


def test_yes_and_no_may_stand_as_one_and_nought(tmp_path: Path) -> None:
    """As in every database without a type for them; a day is no such answer."""
    text = "system: erp\nrow:\n  is: lead\n  table: {query: select 1, id: k}\n  fields:\n    opted_out: {from: flag}\n"
    system = load(write(tmp_path, erp=text), SYSTEMS).systems["erp"]
    assert compare(system, {"row": [Info("flag", Type.NUMBER), Info("k")]}) == []
    assert len(compare(system, {"row": [Info("flag", Type.DATE), Info("k")]})) == 1


def test_an_option_that_is_gone_holds_back_the_yes_that_needs_it(tmp_path: Path) -> None:
    text = "system: salesforce\nLead:\n  is: lead\n  fields:\n    opted_out: {to: Rating}\n"
    mappings = load(write(tmp_path, salesforce=text), SYSTEMS)
    gap = Gap(choices={"Rating": frozenset({"true"})})
    line = narrow(mappings, {("salesforce", "Lead"): gap}).systems["salesforce"].kinds["Lead"].fields["opted_out"]
    assert line.write is not None
    assert (line.write(True), line.write(False)) == (ABSENT, False)
