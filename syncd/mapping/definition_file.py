"""definition.yaml, checked against itself and compiled into a Definition.

The shape of the file is the schema's; what a stage or a gate does with it is theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from syncd.config.check import check, nearest
from syncd.config.yaml import Document, Path_, Problem, Problems
from syncd.lead.definition import (
    CONDITION_FACTS,
    HANDOFF_FACTS,
    KEPT_KEYS,
    NOT_ALONE,
    SALES_FACTS,
    Agreement,
    Condition,
    Definition,
    EngagementRule,
    EntityKind,
    FieldType,
    FitRule,
    Market,
    Matching,
    Merge,
    Preference,
    ReasonCode,
    Requirement,
    Sense,
    SharedField,
    Stage,
)
from syncd.mapping.expr import compile_condition
from syncd.mapping.schema import NAME, DefinitionFile, FieldSection, MatchSection, PersonSection

FACTS: Mapping[str, FieldType] = {**HANDOFF_FACTS, **SALES_FACTS, **CONDITION_FACTS}


def read_definition(document: Document, systems: Collection[str]) -> tuple[Definition | None, list[Problem]]:
    """Return the definition, or None, and every problem found. `systems` are the names that `rank` may use."""
    model, problems = check(DefinitionFile, document)
    if model is None:
        return None, problems
    reader = _Reader(model, document, systems)
    definition = reader.definition()
    problems += reader.problems
    return (None if problems else definition), problems


def condition_types(fields: Mapping[str, SharedField]) -> dict[str, FieldType]:
    """Return what a condition over one kind of entity may name."""
    return {**{name: field.type for name, field in fields.items()}, **FACTS}


def none_answers(fields: Mapping[str, SharedField]) -> dict[str, str]:
    return {name: field.or_none for name, field in fields.items() if field.or_none is not None}


def digest_of(content: Any) -> str:
    """Name exact content: comments and layout make no difference."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


class _Reader:
    def __init__(self, model: DefinitionFile, document: Document, systems: Collection[str]) -> None:
        self.model = model
        self.document = document
        self.systems = systems
        self.problems: list[Problem] = list(document.problems)
        self.fields = {kind: self._fields(kind, getattr(model, kind.value)) for kind in EntityKind}
        self.types = condition_types(self.fields[EntityKind.LEAD])
        self.none = none_answers(self.fields[EntityKind.LEAD])

    def definition(self) -> Definition:
        model = self.model
        self._check_names(model)
        return Definition(
            version=model.version,
            digest=digest_of(self.document.data),
            agreed={team: Agreement(by=one.by, on=one.on) for team, one in model.agreed.items()},
            fields=self.fields,
            markets=[
                Market(name=name, when=self._must(text, ("markets", name))) for name, text in model.markets.items()
            ],
            fit=[
                FitRule(points=rule.points, when=self._must(rule.when, ("score", "fit", i, "when")))
                for i, rule in enumerate(model.score.fit)
            ],
            engagement=[
                EngagementRule(points=rule.points, decay=rule.decay.share, decay_per=rule.decay.per)
                if rule.decay
                else EngagementRule(points=rule.points)
                for rule in model.score.engagement
            ],
            stages=self._stages(),
            handoff_from=model.handoff.from_,
            requires=self._requires(),
            reasons={
                code: ReasonCode(
                    code=code,
                    label=one.label or _label(code.partition(".")[2] or code),
                    goes_to=one.goes_to,
                    retry_after=one.retry_after,
                    who=one.who,
                )
                for code, one in model.reasons.items()
            },
            currency=model.currency,
            placeholders=frozenset(one.strip().casefold() for one in model.placeholders),
            region=model.region,
            matching={
                EntityKind.ACCOUNT: self._matching(EntityKind.ACCOUNT, model.matching.account),
                EntityKind.BRANCH: self._matching(EntityKind.BRANCH, model.matching.branch),
                EntityKind.LEAD: self._people(model.matching.lead),
            },
        )

    def _fields(self, kind: EntityKind, sections: Mapping[str, FieldSection]) -> dict[str, SharedField]:
        fields = {}
        for name, section in sections.items():
            path = (kind.value, name)
            if not re.fullmatch(NAME, name) or name in _RESERVED:
                self._say(path, f"{name!r} cannot be a field's name", "use lower-case letters, digits and _", key=True)
            elif name in FACTS:
                self._say(path, f"{name!r} is a fact that syncd itself keeps", "choose another name", key=True)
            self._check_field(section, path)
            if section.identifies:
                self._check_identifies(kind, name, section)
            if section.from_account is not None:
                self._check_from_account(section, path, section.from_account)
            fields[name] = SharedField(
                name=name,
                type=FieldType(section.type),
                label=section.label or _label(name),
                group=section.group,
                choices=tuple(section.choices),
                shelf_life=section.shelf_life,
                stated=section.stated,
                sources=tuple(section.sources),
                or_none=section.or_none,
                merge=Merge(section.merge.rule),
                ranks=tuple(section.merge.ranks),
                identifies=section.identifies,
                who=section.who,
                refers_to=EntityKind(section.refers_to) if section.refers_to else None,
                from_account=section.from_account,
                personal=section.personal,
                together=section.together,
            )
        self._check_together(kind, sections)
        return fields

    def _check_together(self, kind: EntityKind, sections: Mapping[str, FieldSection]) -> None:
        groups: dict[str, list[str]] = {}
        for name, section in sections.items():
            if section.together is not None:
                groups.setdefault(section.together, []).append(name)
        for word, names in groups.items():
            first = sections[names[0]]
            if len(names) == 1:
                others = [one for one in groups if one != word]
                where = (kind.value, names[0], "together")
                self._say(where, f"no other {kind.value} field is together {word!r}", nearest(word, others))
            for name in names:
                section = sections[name]
                if section.merge != first.merge or section.merge.rule not in ("newest", "rank"):
                    hint = "the same for all of them: newest, or one rank"
                    self._say((kind.value, name), "fields that are taken together need one 'merge'", hint, key=True)
                if section.from_account is not None:
                    message = "a field that is taken together is not filled from the account by itself"
                    self._say((kind.value, name, "from_account"), message, "delete one of the two")

    def _check_from_account(self, section: FieldSection, path: Path_, name: str) -> None:
        where, known = (*path, "from_account"), self.model.account
        if path[0] != EntityKind.LEAD.value:
            self._say(where, "only a lead's field is filled from its account", "delete it")
        elif name not in known:
            self._say(where, f"unknown account field {name!r}", nearest(name, known))
        elif known[name].type != section.type or set(known[name].choices) - set(section.choices):
            self._say(
                where, f"the account's {name} holds what this field cannot", "give both the same type and choices"
            )

    def _check_identifies(self, kind: EntityKind, name: str, section: FieldSection) -> None:
        where = (kind.value, name, "identifies")
        if name in NOT_ALONE[kind]:
            why, instead = NOT_ALONE[kind][name]
            self._say(where, f"{name!r} identifies no {kind.value} by itself: {why}", f"delete it; {instead}")
        elif name in KEPT_KEYS and (kind, name) != (EntityKind.ACCOUNT, "domain"):
            message = f"{name!r} cannot identify: syncd keeps keys of its own by that name"
            self._say((kind.value, name), message, f"choose another name, such as {name}_number", key=True)
        elif section.type not in _OWN:
            message = f"a field of type {section.type} identifies nobody"
            self._say(where, message, f"one of type {', '.join(_OWN)} can")

    def _check_field(self, section: FieldSection, path: Path_) -> None:
        if section.choices and section.type not in ("choice", "list"):
            self._say((*path, "choices"), f"choices on a field of type {section.type}", "use 'type: choice' or 'list'")
        for choice in _twice(one.casefold() for one in section.choices):
            self._say((*path, "choices"), f"the choice {choice!r} stands twice", "keep one")
        if (section.type == "reference") != (section.refers_to is not None):
            self._say(
                path, "a reference needs 'refers_to', and only a reference has it", "refers_to: account or branch"
            )
        rule, allowed = section.merge.rule, _MERGES.get(section.merge.rule)
        if allowed and section.type not in allowed:
            self._say((*path, "merge"), f"merge {rule!r} does not fit type {section.type}", f"for {', '.join(allowed)}")
        named: list[tuple[Path_, str]] = [
            (("merge", "rank", i), system) for i, system in enumerate(section.merge.ranks)
        ]
        named += [(("sources", i), system) for i, system in enumerate(section.sources)]
        for where, system in named:
            if system not in self.systems:
                self._say((*path, *where), f"no system {system!r} in the config", nearest(system, self.systems))

    def _matching(self, kind: EntityKind, section: MatchSection) -> Matching:
        path: Path_ = ("matching", kind.value)
        fields = self.fields[kind]
        found = []
        for i, one in enumerate(section.prefer):
            sense, name = Sense(one.sense), one.field
            place: Path_ = (*path, "prefer", i)
            if name not in fields:
                self._say(place, f"no {kind.value} field {name!r}", nearest(name, fields))
            elif sense in (Sense.MOST, Sense.LEAST) and fields[name].type.value not in _ORDERED:
                self._say(
                    place, f"{name!r} is {fields[name].type.value}: none is the {sense.value}", f"write 'has {name}'"
                )
            found.append(Preference(sense=sense, field=name))
        self._bands(path, section.link, section.review)
        return Matching(
            link=section.link,
            review=section.review,
            margin=section.margin,
            prefer=tuple(found),
            weights=dict(section.weights),
        )

    def _people(self, section: PersonSection) -> Matching:
        self._bands(("matching", EntityKind.LEAD.value), section.link, section.review)
        return Matching(link=section.link, review=section.review, creates_wait=section.creates_wait)

    def _bands(self, path: Path_, link: float | None, review: float | None) -> None:
        if (5.0 if link is None else link) < (-2.0 if review is None else review):
            self._say(
                path, "'link' is below 'review', so nothing would ever be asked", "raise 'link', or lower 'review'"
            )

    def _stages(self) -> list[Stage]:
        found = self._steps()
        gate = next((i for i, one in enumerate(found) if one.name == self.model.handoff.from_), -1)
        for i, one in enumerate(found[: gate + 1]):
            if one.when is not None and "handoff.passed" in one.when.references:
                self._say(
                    ("stages", i, "when"),
                    f"'handoff.passed' is never true up to {self.model.handoff.from_!r}, from which leads are handed "
                    f"over: nobody would reach {one.name!r}",
                    "name what a lead must have, or hand over from an earlier stage",
                )
        return found

    def _steps(self) -> list[Stage]:
        return [
            Stage(
                name=one.name,
                was=tuple(one.was),
                owner=one.owner,
                when=self._condition(one.when, ("stages", i, "when")),
                within=one.within.limit if one.within else None,
                business_hours=bool(one.within and one.within.business),
                terminal=one.terminal or one.name in ("won", "lost"),
            )
            for i, one in enumerate(self.model.stages)
        ]

    def _requires(self) -> list[Requirement]:
        always = [Requirement(facts=tuple(facts)) for facts in self.model.handoff.requires]
        return always + [
            Requirement(facts=tuple(one.requires), when=self._must(one.when, ("handoff", "also", i, "when")))
            for i, one in enumerate(self.model.handoff.also)
        ]

    def _check_names(self, model: DefinitionFile) -> None:
        stages = [stage.name for stage in model.stages]
        for name in _twice(stages):
            self._say(
                ("stages", len(stages) - 1 - stages[::-1].index(name), "name"), f"stage {name!r} twice", "rename one"
            )
        before = [(i, n, name) for i, stage in enumerate(model.stages) for n, name in enumerate(stage.was)]
        for place, (i, n, name) in enumerate(before):
            path: Path_ = ("stages", i, "was", n) if isinstance(self._raw_was(i), list) else ("stages", i, "was")
            if name in stages or name in [other for _, _, other in before[:place]]:
                hint = "a lead on it can stand in one place only; delete it here"
                self._say(path, f"{name!r} is another step, or was one", hint)
        if model.handoff.from_ not in stages:
            self._say(("handoff", "from"), f"no stage {model.handoff.from_!r}", nearest(model.handoff.from_, stages))
        lists: list[tuple[Path_, list[str]]] = [
            (("handoff", "requires", i), facts) for i, facts in enumerate(model.handoff.requires)
        ]
        lists += [(("handoff", "also", i, "requires"), one.requires) for i, one in enumerate(model.handoff.also)]
        for path, facts in lists:
            for i, fact in enumerate(facts):
                if fact not in model.lead:
                    self._say((*path, i), f"no lead field {fact!r}", nearest(fact, model.lead))

    def _raw_was(self, step: int) -> Any:
        return self.document.data["stages"][step].get("was")

    def _condition(self, text: str | None, path: Path_) -> Condition | None:
        return None if text is None else self._must(text, path)

    def _must(self, text: str, path: Path_) -> Condition:
        try:
            return compile_condition(
                text, self.types, lambda offset: self.document.inside(path, offset), or_none=self.none
            )
        except Problems as error:
            self.problems += map(self.document.shown, error.problems)
            return NEVER

    def _say(self, path: Path_, message: str, hint: str = "", *, key: bool = False) -> None:
        place = self.document.key_place(path) if key else self.document.place(path)
        self.problems.append(Problem(place, message, hint))


class _Never:
    """Stands for a condition that has a problem, while the rest of the file is judged."""

    text = ""
    references: frozenset[str] = frozenset()

    def met(self, values: Mapping[str, Any]) -> bool:
        del values
        return False


NEVER: Condition = _Never()

_OWN = ("text", "email", "phone", "url", "domain", "integer")
_ORDERED = ("integer", "number", "money", "percent", "date", "datetime")
_MERGES: Mapping[str, tuple[str, ...]] = {"any": ("boolean",), "union": ("list",), "max": _ORDERED, "min": _ORDERED}
# CEL's own words, which cannot be variables.
_RESERVED = frozenset(
    {
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "has",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "null",
        "namespace",
        "package",
        "return",
        "size",
        "true",
        "type",
        "var",
        "void",
        "while",
        "all",
        "exists",
        "exists_one",
        "map",
        "filter",
        "string",
        "int",
        "uint",
        "double",
        "bool",
        "bytes",
        "timestamp",
        "duration",
        "matches",
        "dyn",
        "list",
        "handoff",
    }
)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
