"""Rows written twice, counted, split and read while somebody writes; the same on both databases."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from support.clock import NOW, moment

from syncd.lead.definition import EntityKind
from syncd.store import doubts, handoff, inbox, intake, likeness, sent, views, workers
from syncd.store.figures import reads_only
from syncd.store.intake import SeenRecords
from syncd.store.rows import MOST_KEYS, Among, chunks, execute_among, insert_missing, upsert
from syncd.store.tables import due, record


def row(one: str = "1", **other: Any) -> dict[str, Any]:
    usual = {"system": "hub", "kind": "contacts", "id": one, "fields": {"a": 1}, "changed": {}, "first_modified": NOW}
    return {**usual, "modified": NOW, "deleted": False, "survivor": None, "digest": "x", **other}


def ids(among: Among) -> Any:
    return select(record.c.id).where(among(record.c.id))


def only(engine: Engine) -> Any:
    with engine.begin() as connection:
        return connection.execute(select(record)).one()


def test_a_row_written_again_is_overwritten_but_for_what_is_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert(connection, record, [row()], keep=("first_modified",))
        upsert(
            connection,
            record,
            [row(modified=NOW + 1, first_modified=NOW + 1, fields={"a": 2})],
            keep=("first_modified",),
        )
    found = only(engine)
    assert (found.modified, found.first_modified, found.fields) == (NOW + 1, NOW, {"a": 2})


def test_a_row_that_is_there_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_missing(connection, record, [row()])
        insert_missing(connection, record, [row(modified=NOW + 1), row("2")])
        found = dict(connection.execute(select(record.c.id, record.c.modified)).all())
    assert found == {"1": NOW, "2": NOW}


def test_no_rows_are_no_statement(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert(connection, record, [])
        insert_missing(connection, record, [])
        assert connection.execute(select(record)).all() == []


def test_a_transaction_that_is_given_up_leaves_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert(connection, record, [row()])
        connection.rollback()
    with engine.begin() as connection:
        assert connection.execute(select(record)).all() == []


@pytest.mark.parametrize("size", [0, 1, MOST_KEYS, MOST_KEYS + 1, 3 * MOST_KEYS])
def test_keys_are_split_without_loss(size: int) -> None:
    parts = list(chunks(range(size)))
    assert [one for part in parts for one in part] == list(range(size))
    assert all(0 < len(part) <= MOST_KEYS for part in parts)


def test_more_keys_than_one_statement_takes_are_all_found(engine: Engine) -> None:
    ids = [str(n) for n in range(2 * MOST_KEYS + 1)]
    with engine.begin() as connection:
        upsert(connection, record, [row(one) for one in ids])
        assert set(intake.stored_records(connection, "hub", "contacts", ids)) == set(ids)


def test_rows_are_found_by_their_keys_to_the_letter(engine: Engine) -> None:
    there = ["1", "01", 'a"b', "a'b\\", "ü\U0001f600", "null", ""]
    with engine.begin() as connection:
        insert_missing(connection, record, [row(one) for one in there])
        for wanted in ([one] for one in there):
            assert list(execute_among(connection, ids, wanted).scalars()) == wanted
        assert not execute_among(connection, ids, ["1.0", "A'b"]).all()
        assert not execute_among(connection, ids, []).all()


def test_a_key_does_not_end_at_a_character_that_ends_a_text_in_sqlite(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return  # others store none
    with engine.begin() as connection:
        insert_missing(connection, record, [row("a"), row("a\x00b")])
        assert list(execute_among(connection, ids, ["a\x00b"]).scalars()) == ["a\x00b"]


def test_what_is_asked_of_a_thousand_keys_looks_each_of_them_up(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return  # which plans by what its tables hold
    ids = [str(number) for number in range(MOST_KEYS)]
    asked: list[tuple[str, Any]] = []
    with engine.begin() as connection:
        event.listen(connection, "before_cursor_execute", lambda _c, _cu, text, given, *_: asked.append((text, given)))
        views.load_views(connection, ids)
        handoff.kinds_of(connection, ids)
        handoff.load_states(connection, ids)
        handoff.with_problems(connection, ids)
        intake.stored_records(connection, "hub", "contacts", ids)
        intake.links_of(connection, "hub", "contacts", ids)
        intake.all_holders(connection, "lead", [("email", one) for one in ids])
        intake.keys_held(connection, ids, ["email", "phone"])
        sent.load_held(connection, [("hub", "contacts", one) for one in ids])
        likeness.kept_of(connection, ids)
        likeness.holders(connection, EntityKind.LEAD, ids)
        likeness.keys_of(connection, ids)
        likeness.ask_no_more(connection, ids)
        likeness.look_again(connection, ids)
        likeness._count(connection, EntityKind.LEAD, ids)
        for build in (likeness._earlier, likeness._later, doubts._settle):
            execute_among(connection, build, ids)
        intake.taken_by(connection, "hub", "contacts", ids)
        views.load_related(connection, ids)
        views.parents_of(connection, ids)
        handoff.due_among(connection, ids, NOW)
        handoff.attempts_of(connection, ids)
        handoff.as_they_stand(connection, [SimpleNamespace(id=one, entity="") for one in ids])
        sent.put_off_before(connection, ids)
        sent.drop_repeated(
            connection,
            [SimpleNamespace(id="", entity=one, system="hub", kind="contacts", record_id="1") for one in ids],
        )
        sent.written_since(connection, "hub", "contacts", ids, NOW, NOW)
        plans = [
            (text, [step[-1] for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)])
            for text, given in asked.copy()
        ]
    assert len(plans) == 31
    for text, steps in plans:
        by = re.search(r"(\w+) IN \(SELECT", text)
        assert by is not None
        assert steps[0].startswith("SEARCH"), text
        assert f"{by[1]}=?" in steps[0], (text, steps)


def test_seen_records_count_from_the_start_of_a_span_up_to_its_end(engine: Engine) -> None:
    """Of one system and kind; what is not stored from the wire yet has no time and counts nowhere."""
    with engine.begin() as connection:
        upsert(connection, record, [
            *(row(str(n), modified=NOW + n) for n in range(4)),
            row("other", system="crm", modified=NOW + 1),
            row("kind", kind="companies", modified=NOW + 1),
            row("ours", modified=0),
        ])  # fmt: skip
    seen = SeenRecords(engine, "hub")
    assert seen.count("contacts", moment(NOW + 1), moment(NOW + 3)) == 2
    assert seen.count("contacts", moment(NOW), moment(NOW)) == 0
    assert seen.count("contacts", moment(NOW - 1), moment(NOW + 99)) == 4
    assert seen.count("deals", moment(NOW), moment(NOW + 99)) == 0


def test_reading_neither_waits_for_a_writer_nor_sees_its_half(engine: Engine) -> None:
    done = threading.Event()
    with engine.begin() as writer:
        upsert(writer, record, [row()])

        def read() -> None:
            with reads_only(engine) as connection:
                assert connection.execute(select(record)).all() == []
            done.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert done.wait(60)
        reader.join()


def test_a_write_of_ours_keeps_what_the_record_held_beside_it(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert(connection, record, [row(fields={"a": 1, "b": 2}, changed={"a": 5})])
        keys = [("hub", "contacts", "1"), ("hub", "contacts", "2")]
        held = sent.load_held(connection, keys)
        assert held == {keys[0]: ({"a": 1, "b": 2}, NOW, {})}
        written = {keys[0]: ({"a": 1, "b": 3}, NOW + 4), keys[1]: ({"b": 4}, NOW + 5)}
        sent.save_written(connection, written, held, NOW + 9)
        found = {one.id: one for one in connection.execute(select(record))}
    assert (found["1"].fields, found["1"].modified, found["1"].first_modified) == ({"a": 1, "b": 3}, NOW + 4, NOW)
    assert (found["1"].digest, found["1"].changed) == ("", {"a": 5})
    assert (found["2"].fields, found["2"].modified, found["2"].first_modified) == ({"b": 4}, 0, NOW + 9)


def test_what_is_due_comes_by_rank_and_age_one_rank_at_a_time(engine: Engine) -> None:
    with engine.begin() as connection:
        intake.mark_due(connection, {"lead": 2}, NOW, "x")
        intake.mark_due(connection, {"younger": 0}, NOW + 2, "x")
        intake.mark_due(connection, {"account": 0}, NOW + 1, "x")
        intake.mark_due(connection, {"later": 0}, NOW, "x", NOW + 100)
        assert list(handoff.next_due(connection, NOW + 9, 10)) == ["account", "younger"]
        assert list(handoff.next_due(connection, NOW + 9, 1)) == ["account"]
        assert handoff.count_due(connection, NOW + 9) == 3
        assert handoff.count_due(connection) == 4


def test_an_entity_is_forgotten_only_as_it_was_looked_at(engine: Engine) -> None:
    with engine.begin() as connection:
        intake.mark_due(connection, {"a": 2, "b": 2}, NOW, "x")
        intake.mark_due(connection, {"b": 2}, NOW + 1, "again")
        handoff.forget_due(connection, {"a": NOW, "b": NOW})
        assert [one.entity for one in connection.execute(select(due))] == ["b"]


def test_the_cursor_of_each_kind_is_kept_with_the_fields_that_were_read(engine: Engine) -> None:
    with engine.begin() as connection:
        intake.save_cursor(connection, "hub", "contacts", {"t": 1}, ["email"], NOW, complete=False)
        intake.save_cursor(connection, "hub", "contacts", {"t": 2}, ["email", "city"], NOW, complete=False)
        intake.save_cursor(connection, "hub", "companies", None, [], NOW, complete=True)
        assert intake.read_cursors(connection, "hub")["contacts"] == ({"t": 2}, ["email", "city"], NOW, False)
        assert not intake.is_complete(connection, "hub", "contacts")
        intake.mark_polled(connection, "hub", ["contacts"], NOW + 5)
        assert intake.read_cursors(connection, "hub")["contacts"][2:] == (NOW + 5, True)
        assert intake.read_cursors(connection, "crm") == {}


def test_a_worker_that_fell_silent_is_found_and_forgotten(engine: Engine) -> None:
    with engine.begin() as connection:
        workers.beat(connection, "a", NOW, NOW, "1")
        workers.beat(connection, "b", NOW, NOW, "1")
        workers.beat(connection, "b", NOW, NOW + 60, "1")
        assert workers.silent_workers(connection, NOW + 1) == ["a"]
        workers.forget_worker(connection, "a")
        assert workers.silent_workers(connection, NOW + 1) == []


def test_one_trouble_is_one_problem_however_long_its_name(engine: Engine) -> None:
    with engine.begin() as connection:
        for n in range(3):
            inbox.open_problem(connection, key="k" * 999, kind="x", message="m" * 9_999, now=NOW + n)
        (found,) = inbox.list_problems(connection)
        assert (found.count, found.first_seen, found.last_seen, len(found.message)) == (3, NOW, NOW + 2, 4_000)
        inbox.close_problems(connection, key="k" * 999)
        assert inbox.count_problems(connection) == {}
