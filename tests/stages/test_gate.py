"""What the gate lets through, and in which words it says no."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.builders import When, came_from, definition, field
from support.clock import NOW, days_ago

from syncd.lead.decision import Lack, LackingFact, Verdict, Waiver
from syncd.lead.definition import FieldType, Requirement, SharedField
from syncd.mapping.model import Method
from syncd.stages.gate import check_handoff


def judged(
    *fields: SharedField,
    values: dict[str, Any],
    sources: dict[str, Any] | None = None,
    bad: dict[str, str] | None = None,
    facts: dict[str, Any] | None = None,
    requires: tuple[Requirement, ...] | None = None,
    waivers: tuple[Waiver, ...] = (),
) -> Verdict:
    known = definition(*fields, requires=requires or (Requirement(facts=tuple(one.name for one in fields)),))
    return check_handoff(known, values, sources or {}, bad or {}, facts or {}, NOW, waivers)


def lack(one: SharedField, value: Any, source: dict[str, Any] | None = None, bad: str | None = None) -> Lack | None:
    verdict = judged(
        one,
        values={one.name: value},
        sources={one.name: source} if source else {},
        bad={one.name: bad} if bad else {},
    )
    assert verdict.passed is not verdict.lacking
    return verdict.lacking[0].lack if verdict.lacking else None


TEXT = field("problem")
RIVALS = field("competitors", FieldType.LIST, or_none="none considered")
BUDGET = field("budget", FieldType.MONEY, or_none="not set yet")
PHONE = field("phone", FieldType.PHONE)


@pytest.mark.parametrize(("one", "value", "expected"), [
    (TEXT, "scrap rate", None),
    (TEXT, None, Lack.MISSING),
    (TEXT, "", Lack.MISSING),
    (RIVALS, [], Lack.MISSING),
    (TEXT, "N/A", Lack.INVALID),
    (TEXT, " unknown ", Lack.INVALID),
    (TEXT, "--", Lack.INVALID),
    (TEXT, "…", Lack.INVALID),
    (TEXT, "日本", None),
    (RIVALS, ["n/a", "-"], Lack.INVALID),
    (RIVALS, ["n/a", "Acme"], None),
    (RIVALS, "none considered", None),
    (RIVALS, "None Considered", None),
    (BUDGET, "not set yet", None),
    (BUDGET, None, Lack.MISSING),
    (BUDGET, 0, None),
    (field("blocked", FieldType.BOOLEAN), False, None),
    (PHONE, "+16175550123", None),
    (PHONE, "+16170000000", Lack.INVALID),
    (PHONE, "+19999999999", Lack.INVALID),
    (field("note", or_none="n/a"), "n/a", None),
])  # fmt: skip
def test_a_fact_is_filled_only_by_an_answer(one: SharedField, value: Any, expected: Lack | None) -> None:
    """Blank and placeholder are none; "asked, there is none" is; so are zero and no."""
    assert lack(one, value) is expected


def test_a_value_that_could_not_be_read_is_invalid_and_not_missing() -> None:
    assert lack(PHONE, None, bad="not a telephone number") is Lack.INVALID


@pytest.mark.parametrize(("days", "expected"), [(179.9, None), (180, None), (180.1, Lack.STALE)])
def test_a_fact_is_stale_when_its_shelf_life_is_over(days: float, expected: Lack | None) -> None:
    perishable = field("problem", shelf_life=timedelta(days=180))
    assert lack(perishable, "scrap", came_from(days_ago(days))) is expected


def test_a_fact_without_a_shelf_life_is_never_stale() -> None:
    assert lack(TEXT, "scrap", came_from(1)) is None


def test_a_fact_is_taken_only_from_the_systems_that_the_definition_names() -> None:
    """And the refusal says from where it is."""
    bought = came_from(system="bought")
    assert lack(field("problem", sources=("hub", "bought")), "scrap", bought) is None
    one = field("problem", sources=("hub",))
    assert lack(one, "scrap", bought) is Lack.SOURCE
    verdict = judged(one, values={"problem": "scrap"}, sources={"problem": bought})
    assert verdict.words() == (
        "problem: not accepted (from bought, which the definition does not accept for this), marketing can fill it"
    )


@pytest.mark.parametrize("method", list(Method))
def test_a_fact_that_must_be_stated_is_not_guessed_bought_or_observed(method: Method) -> None:
    said = field("authority", stated=True)
    expected = None if method is Method.STATED else Lack.UNSTATED
    assert lack(said, "decides", came_from(method=method)) is expected


def test_only_what_a_requirement_names_is_asked_for() -> None:
    assert judged(TEXT, values={}, requires=(Requirement(facts=()),)).passed


def test_a_conditional_requirement_asks_only_those_it_is_about() -> None:
    large = Requirement(facts=("branch",), when=When(lambda values: values["employees"] >= 1000))
    branch = field("branch")
    assert judged(branch, values={"employees": 999}, requires=(large,)).passed
    assert not judged(branch, values={"employees": 1000}, requires=(large,)).passed


def test_conditions_may_ask_the_score_and_other_facts() -> None:
    hot = Requirement(facts=("problem",), when=When(lambda values: values["score"] > 80))
    assert not judged(TEXT, values={}, facts={"score": 90}, requires=(hot,)).passed
    assert judged(TEXT, values={}, facts={"score": 70}, requires=(hot,)).passed


def waiver(days: float, *facts: str) -> Waiver:
    return Waiver(by="VP Sales", reason="trade fair", until=days_ago(-days), facts=facts)


def test_a_waiver_lets_pass_what_it_names_until_its_end() -> None:
    open_ = judged(TEXT, BUDGET, values={"budget": 5}, waivers=(waiver(1, "problem"),))
    assert (open_.passed, [fact.field for fact, _ in open_.waived]) == (True, ["problem"])
    half = judged(TEXT, BUDGET, values={}, waivers=(waiver(1, "problem"),))
    assert (half.passed, [fact.field for fact in half.lacking]) == (False, ["budget"])
    over = judged(TEXT, values={}, waivers=(waiver(-0.001, "problem"),))
    assert (over.passed, over.waived) == (False, ())


def test_a_waiver_without_facts_lets_everything_pass() -> None:
    verdict = judged(TEXT, BUDGET, values={}, waivers=(waiver(1),))
    assert (verdict.passed, verdict.lacking) == (True, ())
    assert verdict.waived_words() == "problem (VP Sales: trade fair); budget (VP Sales: trade fair)"


def test_a_fact_that_two_requirements_ask_for_is_lacking_once() -> None:
    twice = (Requirement(facts=("problem", "budget")), Requirement(facts=("budget", "problem")))
    assert [one.field for one in judged(TEXT, BUDGET, values={}, requires=twice).lacking] == ["problem", "budget"]


def test_a_refusal_says_what_is_wrong_and_who_can_fill_it_and_never_the_value() -> None:
    verdict = judged(
        field("budget", label="budget"),
        field("phone", FieldType.PHONE, label="phone"),
        field("problem", label="problem", shelf_life=timedelta(days=180), who="the rep"),
        field("authority", label="authority", stated=True),
        values={"phone": "+16170000000", "problem": "secret", "authority": "decides"},
        sources={"problem": came_from(days_ago(200)), "authority": came_from(method=Method.BOUGHT)},
    )
    assert verdict.words() == (
        "budget: missing, marketing can fill it; "
        "phone: invalid (a placeholder), marketing can fill it; "
        "problem: stale (older than 180 days), the rep can fill it (if it still holds: empty it, wait a few minutes, "
        "enter it again); "
        "authority: not stated, marketing can fill it"
    )
    assert verdict.lacking[2] == LackingFact("problem", "problem", Lack.STALE, "the rep", "older than 180 days")
