"""Matches whole tables with Splink on DuckDB: a model learned without labels, and each pair's weight and its reasons.

A second opinion on the same canonical forms; the daemon's matcher is `Index`. Files are the caller's.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from math import log2
from typing import Any

import duckdb
import pyarrow as pa
import splink
from splink.internals.exceptions import EMTrainingException

from syncd.matching.evidence import Band, Comparison, Rules, Sign
from syncd.matching.index import MOST_PER_KEY, Candidate, Found, decide
from syncd.matching.keys import block_keys
from syncd.matching.party import Form, Party, form_of
from syncd.matching.splink_model import (
    COLUMNS,
    LISTS,
    Model,
    absurdities,
    check,
    columns_of,
    comparisons_for,
    completed,
    hold_of,
    names_of,
    settings,
    signs_of,
)

_SEED = 7
_PAIRS = 2e6  # at random, and of each rule: what to learn from
_FETCHED = 10_000  # rows
_LEFT, _RIGHT = "a_left", "b_right"  # Splink puts the table that comes first in the alphabet to the left
# What two records must share for their other columns to be learned from: one of the names, one of something else.
_ONE_PERSON = (("last", "first"), ("last",))
_ONE_COMPANY = (("name",),)
_ONE_PLACE = (("street", "house"), ("born",), ("phone",), ("email",), ("number",), ("postcode",), ("city",))


class Unlearnable(Exception):
    """The tables hold too little to learn a model from; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two rows by their places in the tables."""

    left: int
    right: int
    said: Comparison


class Splink:
    """One or two tables in DuckDB's memory. `right` is None where doubles within `left` are sought.

    `alike`: for each table the keys of its rows, where not those that are alike are compared but those that share one.
    """

    def __init__(
        self,
        left: Sequence[Party],
        right: Sequence[Party] | None,
        rules: Rules,
        workers: int = 2,
        alike: Sequence[Sequence[Sequence[str]]] | None = None,
    ) -> None:
        self.rules, self._within = rules, right is None
        forms = [[form_of(row) for row in rows] for rows in ((left,) if right is None else (left, right))]
        keys = alike or [[block_keys(form) for form in table] for table in forms]
        usual = {
            key
            for table in keys
            for key, held in Counter(key for row in table for key in row).items()
            if held > MOST_PER_KEY
        }
        tables = [_table(*one, usual) for one in zip(forms, keys, strict=True)]
        self._filled = frozenset.intersection(*(_filled(table) for table in tables))
        self._prior = 1 / max(2, *(len(table) for table in forms))
        connection = duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": str(workers)})
        self._database = splink.DuckDBAPI(connection=connection)
        self._tables = [
            self._database.register(table, dataset_display_name=name)
            for name, table in zip((_LEFT, _RIGHT), tables, strict=False)
        ]

    def learn(self) -> Model:
        """Return a model learned without labels; of the same rows the same. Raises Unlearnable."""
        names = comparisons_for(self.rules.purpose, self._filled)
        one_name = _ONE_PERSON if "last" in names else _ONE_COMPANY
        blocks = [self._first_filled(choice) for choice in (one_name, _ONE_PLACE)]
        if not all(blocks):
            raise Unlearnable("both tables must have names and, of street and house number, date of birth, telephone,"
                              " e-mail address, number, postcode and town, one")  # fmt: skip
        made_by = f"syncd {version('syncd')}, splink {splink.__version__}, {self.rules.purpose.name.lower()}"
        linker = self._linker(settings(names, within=self._within, made_by=made_by, prior=self._prior))
        with _quiet():
            linker.training.estimate_u_using_random_sampling(max_pairs=_PAIRS, seed=_SEED)
            try:
                for block in blocks:
                    linker.training.estimate_parameters_using_expectation_maximisation(
                        splink.block_on(*block), estimate_without_term_frequencies=True, max_pairs=_PAIRS
                    )
            except EMTrainingException as error:
                raise Unlearnable(f"no two rows have the same {' and '.join(block)}") from error
            model = completed(linker.misc.save_model_to_json())
        if absurd := absurdities(model):
            raise Unlearnable(f"by {', '.join(absurd)} those that agree would be less alike than those that do not")
        return model

    def check(self, model: object) -> Model:
        """Return the model if it is one for these tables. Raises ForeignModel."""
        return check(model, within=self._within, wanted=comparisons_for(self.rules.purpose, self._filled))

    def against(self, model: Model, rows: int) -> Iterator[Found]:
        """Yield what each of the left rows may be, in order; candidates' ids are places in the right table."""
        candidates: dict[int, list[Candidate]] = {}
        for pair in self.pairs(model):
            candidates.setdefault(pair.left, []).append(Candidate(id=str(pair.right), comparison=pair.said))
        for row in range(rows):
            found = candidates.get(row, [])
            yield decide(found, self.rules, {one.id: {} for one in found})

    def pairs(self, model: Model) -> Iterator[Pair]:
        """Yield the pairs from the threshold of review on, as `check` and `learn` return the model."""
        names, signs = names_of(model), signs_of(model)
        prior = model["probability_two_random_records_match"]
        chance = (Sign.CHANCE, log2(prior / (1 - prior)))
        with _quiet():
            scored = self._linker(model).inference.predict(threshold_match_weight=self.rules.review)
        for left, right, weight, *rest in self._rows(scored, names):
            told = zip(names, rest[::2], rest[1::2], strict=True)
            said = [(signs[name][level], bits) for name, level, bits in told if level >= 0]
            yield Pair(left=left, right=right, said=self._judged(weight, (*said, chance)))

    # -----------------------------------------------------------------------------------------------------------------

    def _rows(self, scored: splink.SplinkDataFrame, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield (left, right, weight, level and bits of each comparison), the likeliest of each left row first."""
        held = {column.unquote().name for column in scored.columns}
        told = ["row_number_l", "row_number_r", "match_weight"]
        for name in names:
            bits = [column for column in (f"mw_{name}", f"mw_tf_adj_{name}") if column in held]
            told += [f"gamma_{name}", " + ".join(bits)]
        # Only names of this module and of Splink stand in it.
        query = f"SELECT {', '.join(told)} FROM {scored.physical_name} ORDER BY 1, 3 DESC, 2"  # noqa: S608
        found = self._database.duckdb_con.execute(query)
        while rows := found.fetchmany(_FETCHED):
            yield from rows

    def _judged(self, weight: float, signs: tuple[tuple[Sign, float], ...]) -> Comparison:
        band = Band.LINK if weight >= self.rules.link else Band.REVIEW
        said = Comparison(band=band, weight=round(weight, 3), signs=signs)
        hold = hold_of({sign for sign, _ in signs})
        return said.held(hold) if hold else said

    def _first_filled(self, choice: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        return next((columns for columns in choice if self._filled.issuperset(columns)), ())

    def _linker(self, model: Model) -> splink.Linker:
        return splink.Linker(self._tables, model, log_level=None)


# ---------------------------------------------------------------------------------------------------------------------


def _table(forms: Sequence[Form], keys: Sequence[Sequence[str]], usual: set[str]) -> pa.Table:
    """Return what Splink compares and blocks by; keys that too many share are left out."""
    rows = [columns_of(form) for form in forms]
    columns = {
        column: pa.array([row[column] for row in rows], pa.list_(pa.string()) if column in LISTS else pa.string())
        for column in COLUMNS
    }
    columns["block_key"] = pa.array([[one for one in row if one not in usual] for row in keys], pa.list_(pa.string()))
    return pa.table({"row_number": pa.array(range(len(rows)), pa.int64()), **columns})


def _filled(table: pa.Table) -> frozenset[str]:
    return frozenset(column for column in COLUMNS if table[column].null_count < table.num_rows)


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink tells of its progress, and of levels that it has not met, on stderr."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
