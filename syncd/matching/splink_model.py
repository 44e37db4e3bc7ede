"""What a Splink model of this matcher is: comparisons of canonical forms, in the words and signs of our own matcher.

A model is Splink's own JSON, as a dictionary; learning one and scoring with it, which take Splink, are `splink_bulk`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Set
from copy import deepcopy
from dataclasses import dataclass, replace
from math import log2
from typing import Any

from syncd.matching.evidence import Hold, Purpose, Rules, Sign
from syncd.matching.party import Form

Model = dict[str, Any]
Level = tuple[str, Sign]  # condition in SQL, and what people read of it
COLUMNS = (
    "number", "email", "domains", "phone", "born", "name", "first", "last", "street", "house", "postcode", "city",
)  # fmt: skip
LISTS = frozenset({"domains", "born"})
_LEAST_SAME = 0.001  # probability: what was never seen of the same may yet be met
_LEAST_OTHER = 1e-6
_KNOWN = 20  # pairs
_LEARNED = ("m_probability", "u_probability")  # how often a level is met where two are the same, and where not
_LIMITS = r"(?:, link (?P<link>-?[\d.]+), review (?P<review>-?[\d.]+))?"  # thresholds, of a tuned one
_MADE_BY = re.compile(rf"(?P<by>syncd [\w.+-]+, splink [\w.+-]+, (?P<purpose>\w+)){_LIMITS}")
_NAMES = frozenset({"name", "last"})
_SURELY_ONE = frozenset({Sign.NUMBER_SAME, Sign.EMAIL_SAME, Sign.BORN_SAME})


class ForeignModel(Exception):
    """A model that is damaged, was not made here or is of another question; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One comparison of a model. `rare`: the column whose rarity counts where it is the same; `rest`: of all others."""

    columns: tuple[str, ...]
    levels: tuple[Level, ...]
    rest: Sign
    rare: str | None = None


def columns_of(form: Form) -> dict[str, Any]:
    """Return what a form is compared by; None where it has nothing."""
    place = form.place
    found = {
        "number": form.number,
        "email": form.email,
        "domains": list(form.domains),
        "phone": form.phone,
        "born": list(form.born),
        "name": " ".join(form.words),
        "first": " ".join(form.first),
        "last": " ".join(form.last),
        "street": " ".join(place.naming or place.street),
        "house": " ".join(place.numbers or place.units),
        "postcode": place.postcode,
        "city": " ".join(place.city),
    }
    return {column: value or None for column, value in found.items()}


def comparisons_for(purpose: Purpose, both: Set[str]) -> tuple[str, ...]:
    """Return the comparisons that two tables allow. `both`: the columns that both have filled."""
    left_out = {"name"} if purpose is Purpose.PERSON and "last" in both else {"first", "last"}
    return tuple(name for name, one in _ASKED.items() if name not in left_out and not both.isdisjoint(one.columns))


def settings(names: Iterable[str], *, within: bool, made_by: str, prior: float) -> Model:
    """Return an unlearned model. `prior`: probability that any two are the same; `within` one table or between two."""
    return {
        "link_type": "dedupe_only" if within else "link_only",
        "comparisons": [_written(name, _ASKED[name]) for name in names],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": "l.block_key = r.block_key", "sql_dialect": "duckdb", "arrays_to_explode": ["block_key"]}
        ],
        "probability_two_random_records_match": prior,
        "unique_id_column_name": "row_number",
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
        "linker_uid": made_by,
    }


def completed(model: Model) -> Model:
    """Return the model with a probability for each level, also for those that were never met while it was learned."""
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if level.get("is_null_level"):
                continue
            seen = not level.keys().isdisjoint(_LEARNED)
            for key, least in zip(_LEARNED, (_LEAST_SAME, _LEAST_OTHER), strict=True):
                level[key] = max(level.get(key, 0.0), least) if seen else 1.0
    return model


def absurdities(model: Model) -> list[str]:
    """Return the comparisons that count agreement for less than its opposite: what was learned is not who is the same.

    `model`: a completed one.
    """
    return [
        comparison["output_column_name"]
        for comparison in model["comparisons"]
        if _odds(comparison["comparison_levels"][1]) < _odds(comparison["comparison_levels"][-1])
    ]


def check(model: object, *, within: bool, wanted: Collection[str]) -> Model:
    """Return the model if it is one of ours for such tables, whole and unchanged but for what was learned.

    Its conditions are SQL, so those of a file are never run: ours are, with what it learned. `wanted`: the comparisons
    that the tables allow. Raises ForeignModel.
    """
    if not isinstance(model, dict) or not isinstance(model.get("comparisons"), list):
        raise ForeignModel("it holds no Splink model")
    names, prior, made_by = _names(model), model.get("probability_two_random_records_match"), model.get("linker_uid")
    if (
        not names
        or not _is_probability(prior)
        or prior == 1
        or not isinstance(made_by, str)
        or not _MADE_BY.fullmatch(made_by)
    ):
        raise ForeignModel("it is not a model that syncd wrote")
    expected = settings(names, within=within, made_by=made_by, prior=float(prior))  # type: ignore[arg-type]
    if model.get("link_type") != expected["link_type"]:
        raise ForeignModel(f"it was learned on {'two tables' if within else 'one table'}")
    if _NAMES.intersection(names) != _NAMES.intersection(wanted):
        names_of_whom = "people" if "last" in names else "companies"
        raise ForeignModel(f"it compares names of {names_of_whom}, and these tables are not of such")
    for learned, ours in zip(model["comparisons"], expected["comparisons"], strict=True):
        _take_over(learned, ours)
    return expected


def rules_in(model: object, usual: Mapping[Purpose, Rules]) -> Rules:
    """Return the rules of the question that a model was learned for, with the thresholds that it was tuned to, if any.

    Raises ForeignModel.
    """
    made_by = model.get("linker_uid") if isinstance(model, dict) else None
    told = _MADE_BY.fullmatch(made_by) if isinstance(made_by, str) else None
    if told is None:
        raise ForeignModel("it is not a model that syncd wrote")
    try:
        rules = usual[Purpose[told["purpose"].upper()]]
        if told["link"] is not None:
            rules = replace(rules, link=float(told["link"]), review=float(told["review"]))
    except (KeyError, ValueError) as error:
        raise ForeignModel("it is not a model that syncd wrote") from error
    if rules.review > rules.link:
        raise ForeignModel("its threshold of review is above that of a link")
    return rules


def tuned(model: Model, met: Mapping[Sign, int], rules: Rules) -> Model:
    """Return the model with thresholds, and with how often pairs known to be the same met each level.

    What was learned before counts as much as twenty pairs; what no two records met then stays unknown. `model`: as
    `check` returns it.
    """
    found = deepcopy(model)
    for comparison in found["comparisons"]:
        levels = [
            one for one in comparison["comparison_levels"] if not one.get("is_null_level") and one["u_probability"] < 1
        ]
        seen = [met.get(Sign(one["label_for_charts"]), 0) for one in levels]
        whole = sum(one["m_probability"] for one in levels)
        for level, count in zip(levels, seen, strict=True) if any(seen) else ():
            share = (count + _KNOWN * level["m_probability"] / whole) / (sum(seen) + _KNOWN)
            level["m_probability"] = min(max(share, _LEAST_SAME), 1.0)
    told = _MADE_BY.fullmatch(model["linker_uid"])
    assert told is not None
    found["linker_uid"] = f"{told['by']}, link {rules.link:g}, review {rules.review:g}"
    return found


def worth(model: Model) -> dict[Sign, float]:
    """Return what each sign weighs, in bits, rarity left out."""
    return {
        Sign(level["label_for_charts"]): log2(_odds(level))
        for comparison in model["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    }


def hold_of(signs: Set[Sign]) -> Hold | None:
    """Return why a pair is for a person although its weight would do: another name, which no place outweighs."""
    if Sign.SWAPPED in signs or not _SURELY_ONE.isdisjoint(signs):
        return None
    if Sign.FIRST_OTHER in signs:
        return Hold.HOUSEHOLD
    return None if signs.isdisjoint({Sign.NAME_OTHER, Sign.LAST_OTHER}) else Hold.NAMES_DIFFER


def names_of(model: Model) -> tuple[str, ...]:
    return tuple(comparison["output_column_name"] for comparison in model["comparisons"])


def signs_of(model: Model) -> Mapping[str, tuple[Sign, ...]]:
    """Return, of each comparison, the signs of its levels from the last to the first, as Splink counts them.

    What it cannot compare, it counts as -1.
    """
    return {name: (_ASKED[name].rest, *(sign for _, sign in reversed(_ASKED[name].levels))) for name in names_of(model)}


# ---------------------------------------------------------------------------------------------------------------------


def _same(column: str) -> str:
    return f"{column}_l = {column}_r"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {least}"


def _half_the_words(column: str) -> str:
    left, right = (f"string_split({column}_{side}, ' ')" for side in "lr")
    return f"2 * len(list_intersect({left}, {right})) >= greatest(len({left}), len({right}))"


def _words(column: str, same: Sign, close: Sign, other: Sign, *further: Level) -> Asked:
    levels = ((_same(column), same), (f"{_alike(column, 0.88)} OR {_half_the_words(column)}", close), *further)
    return Asked(columns=(column,), rare=column, levels=levels, rest=other)


_OVERLAP = "list_has_any({0}_l, {0}_r)"
_ASKED: Mapping[str, Asked] = {
    "number": Asked(columns=("number",), levels=((_same("number"), Sign.NUMBER_SAME),), rest=Sign.NUMBER_OTHER),
    "email": Asked(columns=("email",), levels=((_same("email"), Sign.EMAIL_SAME),), rest=Sign.EMAIL_OTHER),
    "domain": Asked(
        columns=("domains",), levels=((_OVERLAP.format("domains"), Sign.DOMAIN_SAME),), rest=Sign.DOMAIN_OTHER
    ),
    "phone": Asked(columns=("phone",), levels=((_same("phone"), Sign.PHONE_SAME),), rest=Sign.PHONE_OTHER),
    "born": Asked(
        columns=("born",),
        levels=(
            (_OVERLAP.format("born"), Sign.BORN_SAME),
            ("damerau_levenshtein(born_l[1], born_r[1]) = 1", Sign.BORN_CLOSE),
        ),
        rest=Sign.BORN_OTHER,
    ),
    "name": Asked(
        columns=("name",),
        rare="name",
        levels=(
            (_same("name"), Sign.NAME_SAME),
            (_alike("name", 0.92), Sign.NAME_CLOSE),
            (_half_the_words("name"), Sign.NAME_PART),
        ),
        rest=Sign.NAME_OTHER,
    ),
    "first": _words("first", Sign.FIRST_SAME, Sign.FIRST_CLOSE, Sign.FIRST_OTHER),
    "last": _words(
        "last",
        Sign.LAST_SAME,
        Sign.LAST_CLOSE,
        Sign.LAST_OTHER,
        ("last_l = first_r AND first_l = last_r", Sign.SWAPPED),
    ),
    "street": _words("street", Sign.STREET_SAME, Sign.STREET_CLOSE, Sign.STREET_OTHER),
    "house": Asked(
        columns=("house",),
        levels=(
            (_same("house"), Sign.HOUSE_SAME),
            ("len(list_intersect(string_split(house_l, ' '), string_split(house_r, ' '))) > 0", Sign.HOUSE_PART),
        ),
        rest=Sign.HOUSE_OTHER,
    ),
    # One comparison of both, for a town follows from a postcode: as two they would count twice.
    "town": Asked(
        columns=("postcode", "city"),
        rare="postcode",
        levels=(
            (_same("postcode"), Sign.POSTCODE_SAME),
            ("damerau_levenshtein(postcode_l, postcode_r) = 1", Sign.POSTCODE_CLOSE),
            (_same("city"), Sign.CITY_SAME),
            (_alike("city", 0.88), Sign.CITY_CLOSE),
            ("postcode_l <> postcode_r", Sign.POSTCODE_OTHER),
        ),
        rest=Sign.CITY_OTHER,
    ),
}


def _written(name: str, asked: Asked) -> dict[str, Any]:
    nothing = " AND ".join(f"({column}_l IS NULL OR {column}_r IS NULL)" for column in asked.columns)
    levels: list[dict[str, Any]] = [{"sql_condition": nothing, "label_for_charts": "unknown", "is_null_level": True}]
    levels += [{"sql_condition": condition, "label_for_charts": sign.value} for condition, sign in asked.levels]
    if asked.rare:
        levels[1] |= {"tf_adjustment_column": asked.rare, "tf_adjustment_weight": 1.0}
    levels.append({"sql_condition": "ELSE", "label_for_charts": asked.rest.value})
    return {"output_column_name": name, "comparison_levels": levels}


def _names(model: Model) -> list[str]:
    """Return the names of its comparisons; none where any is not one of ours or stands twice."""
    found = [one.get("output_column_name") if isinstance(one, dict) else None for one in model["comparisons"]]
    names = [one for one in found if isinstance(one, str) and one in _ASKED]
    return names if len(set(names)) == len(found) else []


def _take_over(learned: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Put what was learned into the same comparison of ours."""
    name, levels = ours["output_column_name"], learned.get("comparison_levels")
    if not isinstance(levels, list) or list(map(_shape, levels)) != list(map(_shape, ours["comparison_levels"])):
        raise ForeignModel(f"its comparison {name!r} is damaged or of another version")
    for level, one in zip(levels, ours["comparison_levels"], strict=True):
        if not one.get("is_null_level"):
            one |= {key: level.get(key) for key in _LEARNED}
            if not all(_is_probability(one[key]) for key in _LEARNED):
                raise ForeignModel(f"its comparison {name!r} lacks a probability")


def _odds(level: Mapping[str, Any]) -> float:
    return float(level["m_probability"] / level["u_probability"])


def _shape(level: object) -> tuple[object, ...]:
    if not isinstance(level, dict):
        return ()
    return tuple(level.get(one) for one in ("sql_condition", "label_for_charts", "tf_adjustment_column"))


def _is_probability(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and 0 < value <= 1
