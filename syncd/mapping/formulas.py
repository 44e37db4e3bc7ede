"""The conditions and formulas of one record kind's lines, compiled over our fields or over theirs.

What a line does with them is left to syncd.mapping.lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from syncd.config.yaml import Document, Path_, Place, Problem, Problems
from syncd.lead.definition import Condition, FieldType, SharedField
from syncd.mapping.definition_file import NEVER, condition_types, none_answers
from syncd.mapping.expr import Formula, compile_condition, compile_formula, compile_raw_condition, compile_raw_formula


class Formulas:
    """`told` takes the problems; a formula with problems is None, a condition never holds."""

    def __init__(
        self, document: Document, fields: Mapping[str, SharedField], told: Callable[[Sequence[Problem]], None]
    ) -> None:
        self._document = document
        self._types = condition_types(fields)
        self._none = none_answers(fields)
        self._told = told

    def of_ours(self, text: str, path: Path_) -> Formula | None:
        try:
            return compile_formula(text, self._types, self._placer(path), or_none=self._none)
        except Problems as error:
            self._tell(error)
            return None

    def of_theirs(self, text: str, path: Path_) -> Formula | None:
        try:
            return compile_raw_formula(text, self._placer(path))
        except Problems as error:
            self._tell(error)
            return None

    def condition(self, text: str | None, path: Path_) -> Condition | None:
        """Compile a condition over our values."""
        if text is None:
            return None
        try:
            return compile_condition(text, self._types, self._placer(path), or_none=self._none)
        except Problems as error:
            self._tell(error)
            return NEVER

    def only(self, text: str, path: Path_) -> Condition:
        """Compile a condition over their fields."""
        try:
            return compile_raw_condition(text, self._placer(path))
        except Problems as error:
            self._tell(error)
            return NEVER

    def takes_text(self, formula: Formula, but: Set[str]) -> bool:
        """Whether any text of ours, but for these facts, goes into it."""
        return any(self._types[name] is FieldType.TEXT for name in formula.references - but)

    def _placer(self, path: Path_) -> Callable[[int], Place]:
        known = self._document.known(path)
        return lambda offset: self._document.inside(known, offset)

    def _tell(self, error: Problems) -> None:
        self._told([self._document.shown(problem) for problem in error.problems])
