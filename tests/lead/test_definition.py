"""The lead definition as a value: what a file gives, and what it is asked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from syncd.config.yaml import parse
from syncd.lead.definition import Definition, EntityKind, Merge
from syncd.mapping.definition_file import read_definition

TEXT = """\
version: 3
agreed:
  sales: {by: VP Sales, on: 2026-11-04}
region: DE
lead:
  email: {type: email, identifies: lead, personal: true}
  budget: {type: money, group: context, shelf_life: 180d, or_none: not set yet, stated: true, who: sales}
  phone: {type: phone, merge: {rank: [salesforce, hubspot]}}
  first_name: {type: text}
account:
  name: {type: text, label: company name}
markets:
  rich: budget > 100
score:
  fit: [{points: 30, when: in_market}]
  engagement: [{points: 5, per: touch, decay: 15% / 14d}]
stages:
  - {name: inquiry, owner: marketing}
  - {name: mql, when: score >= 30, within: 24 business hours}
  - {name: sal, within: 2d}
  - {name: won}
handoff:
  from: mql
  requires: [[email, phone], [budget]]
  also: [{when: budget > 1000, requires: [first_name]}]
reasons:
  rej.too_early: {goes_to: nurture, retry_after: 90d}
placeholders: [N/A, "-"]
"""


@pytest.fixture(scope="module")
def definition() -> Definition:
    read, problems = read_definition(parse(TEXT.encode(), "definition.yaml"), ["salesforce", "hubspot"])
    assert problems == []
    assert read is not None
    return read


def test_fields_are_read_with_their_rules(definition: Definition) -> None:
    """Every word of a field's line arrives."""
    lead = definition.fields[EntityKind.LEAD]
    assert (lead["email"].identifies, lead["email"].personal, lead["email"].merge) == (True, True, Merge.NEWEST)
    budget = lead["budget"]
    assert (budget.group, budget.shelf_life, budget.or_none, budget.stated, budget.who) == (
        "context",
        timedelta(days=180),
        "not set yet",
        True,
        "sales",
    )
    assert (lead["phone"].merge, lead["phone"].ranks) == (Merge.RANK, ("salesforce", "hubspot"))


def test_labels_are_names_with_spaces_unless_given(definition: Definition) -> None:
    """What people read in a refusal."""
    assert definition.fields[EntityKind.LEAD]["first_name"].label == "first name"
    assert definition.fields[EntityKind.ACCOUNT]["name"].label == "company name"
    assert definition.reasons["rej.too_early"].label == "too early"


def test_the_ladder_has_its_order_and_clocks(definition: Definition) -> None:
    """Business hours are told from plain ones; won ends a lead; what is not on the ladder has no order."""
    assert [definition.stage_order(name) for name in ("inquiry", "mql", "won", "recycled")] == [0, 1, 3, -1]
    _, mql, sal, won = definition.stages
    assert (mql.within, mql.business_hours) == (timedelta(hours=24), True)
    assert (sal.within, sal.business_hours) == (timedelta(days=2), False)
    assert won.terminal


def test_scores_markets_and_requirements_are_compiled(definition: Definition) -> None:
    """Their conditions can be asked at once, and an answer in words is no amount."""
    (rule,) = definition.engagement
    assert (rule.points, rule.decay, rule.decay_per) == (5, 0.15, timedelta(days=14))
    (market,) = definition.markets
    assert market.when.met({"budget": 101})
    assert not market.when.met({"budget": "not set yet"})
    assert [one.facts for one in definition.requires] == [("email", "phone"), ("budget",), ("first_name",)]
    also = definition.requires[2].when
    assert also is not None
    assert also.met({"budget": 5000})


def test_it_says_who_agreed_and_when(definition: Definition) -> None:
    """A date, not a text."""
    assert (definition.agreed["sales"].by, definition.agreed["sales"].on) == ("VP Sales", date(2026, 11, 4))


def test_placeholders_are_compared_without_case(definition: Definition) -> None:
    """N/A and n/a are one."""
    assert definition.placeholders == {"n/a", "-"}


def test_the_digest_names_content_and_nothing_else(definition: Definition) -> None:
    """A comment changes nothing, a number does."""
    same, _ = read_definition(parse(f"# agreed\n{TEXT}".encode(), "other.yaml"), ["salesforce", "hubspot"])
    other, _ = read_definition(parse(TEXT.replace("30", "31").encode(), "other.yaml"), ["salesforce", "hubspot"])
    assert same is not None
    assert other is not None
    assert same.digest == definition.digest != other.digest
