"""Tables as sources of a whole world: firmographics that fill leads, files that lose rows or columns."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.commands import say
from support.world import ROOT, World, laid_out

from syncd.store.tables import sweep
from syncd.wiring import find_problems

pytestmark = pytest.mark.usefixtures("process_as_before")

EXAMPLES = ROOT / "connectors" / "table" / "examples"
OLD = 1_700_000_000
WORKS = 'F-1,Works Incorporated,https://www.works.example/about,31-33,"{employees}",,,,,USA,active,{day}\n'


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def put(path: Path, text: str, at: int = OLD) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))


@contextmanager
def with_files(folder: Path, state: str, system: str) -> Iterator[World]:
    """A world that has one more system: the folder `tables`."""
    (folder / "tables").mkdir()
    more = f"  {system}:\n    connector: files\n    folder: {folder}/tables\n    poll: 5s\n\nbrakes:"
    with laid_out(folder, state, {"\nbrakes:": "\n" + more}) as made:
        yield made


def firmographics(made: World, employees: str = "1,250", day: str = "2026-10-01", at: int = OLD) -> None:
    header = (EXAMPLES / "firmographics.csv").read_text(encoding="utf-8").splitlines()[0]
    put(made.folder / "tables" / "firmographics.csv", header + "\n" + WORKS.format(employees=employees, day=day), at)


def test_a_bought_list_fills_what_nobody_said_and_yields_to_who_did(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gate lets a lead through by its company's head count; a person's own figure wins, however old it is."""
    with with_files(tmp_path, sqlite_url, "firmographics") as made:
        shutil.copy(EXAMPLES / "firmographics.yaml", made.folder / "mappings")
        definition = made.folder / "mappings" / "definition.yaml"
        edit(
            definition,
            "  employees: {type: integer}\n  website",
            "  employees: {type: integer, from_account: employees}\n  website",
        )
        (company,) = made.hubspot.seed("companies", [{"name": "Works Inc.", "domain": "works.example"}])
        contact = made.contact(numberofemployees="", associatedcompanyid=company)
        firmographics(made, employees="450")
        with made.running():
            made.settle()
            (lead,) = made.leads()
            assert lead["NumberOfEmployees"] == 450
            said = say(capsys, "explain", "--config", str(made.config), f"hubspot:contacts:{contact}")
            assert "firmographics company F-1" in said.out
            assert "its account's employees" in said.out
            firmographics(made, employees="460", at=OLD + 60)
            made.settle()
            assert made.leads()[0]["NumberOfEmployees"] == 460
            made.hubspot.edit("contacts", contact, {"numberofemployees": "500"})
            made.settle()
            firmographics(made, employees="470", at=OLD + 120)
            made.settle()
            assert made.leads()[0]["NumberOfEmployees"] == 500


def test_a_bought_figure_past_its_shelf_life_is_stale_at_the_gate(tmp_path: Path, sqlite_url: str) -> None:
    with with_files(tmp_path, sqlite_url, "firmographics") as made:
        shutil.copy(EXAMPLES / "firmographics.yaml", made.folder / "mappings")
        definition = made.folder / "mappings" / "definition.yaml"
        aging = "  employees: {type: integer, from_account: employees, shelf_life: 365d}\n  website"
        edit(definition, "  employees: {type: integer}\n  website", aging)
        (company,) = made.hubspot.seed("companies", [{"name": "Works Inc.", "domain": "works.example"}])
        contact = made.contact(numberofemployees="", associatedcompanyid=company)
        firmographics(made, employees="450", day="2021-01-01")
        with made.running():
            made.settle()
            assert made.leads() == []
            assert "employees" in made.told(contact)["syncd_handoff_missing"]
            firmographics(made, employees="460", day="2026-10-01", at=OLD + 60)
            made.settle()
            assert len(made.leads()) == 1


VISITORS = """\
system: fair
visitor:
  is: lead
  method: bought
  table: {file: visitors.csv, id: no}
  fields:
    email: {from: mail}
    competitors: {from: rivals}
    title: {from: job}
"""


def test_a_table_joins_leads_by_a_key_that_the_definition_declares(tmp_path: Path, sqlite_url: str) -> None:
    """By address, however it is typed: what nobody said is filled, so the gate passes; what somebody said stays.

    A row of somebody unknown becomes nobody's lead in the CRM.
    """
    with with_files(tmp_path, sqlite_url, "fair") as made:
        (made.folder / "mappings" / "fair.yaml").write_text(VISITORS, encoding="utf-8")
        contact = made.contact(competitors_considered="")
        rows = "7, ANN.LEE@works.example ,Foo Inc,Buyer\n8,bo@mills.example,Bar Inc,Buyer\n"
        with made.running():
            made.settle()
            assert made.told(contact)["syncd_handoff_missing"].startswith("competitors: missing")
            put(made.folder / "tables" / "visitors.csv", "no,mail,rivals,job\n" + rows)
            made.settle()
            (lead,) = made.leads()
    assert (lead["Email"], lead["Competitors__c"], lead["Title"]) == (
        "ann.lee@works.example",
        "Foo Inc",
        "VP Operations",
    )


BRANCHES = """\
system: shop
ship_to:
  is: branch
  method: observed
  table: {file: ship-to.csv, id: [customer, number]}
  fields:
    branch_key: {value: '"shop/" + customer + "/" + number'}
    customer: {from: customer}
    ship_to: {from: number}
    name: {from: name}
    street: {from: street}
    postcode: {from: zip}
    country: {constant: US}
"""


def ship_to(made: World, count: int, header: str = "customer,number,name,street,zip", at: int = OLD) -> None:
    rows = "".join(f"C1,{n:03},Works {n},{n} Mill Rd,60601\n" for n in range(1, count + 1))
    put(made.folder / "tables" / "ship-to.csv", f"{header}\n{rows}", at)


def alive(made: World) -> int:
    with made.app.engine.connect() as connection:
        return connection.exec_driver_sql("select count(*) from record where system = 'shop' and not deleted").scalar()


@pytest.fixture
def shop(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with with_files(tmp_path, sqlite_url, "shop") as made:
        (made.folder / "mappings" / "shop.yaml").write_text(BRANCHES)
        ship_to(made, 40)
        with made.running():
            made.settle()
            yield made


def test_a_truncated_file_deletes_no_branch_and_a_row_that_is_gone_is_noticed(shop: World) -> None:
    ship_to(shop, 38, at=OLD + 60)
    shop.cycle(sweeping=True)
    assert alive(shop) == 38
    ship_to(shop, 9, at=OLD + 120)
    shop.cycle(sweeping=True)
    assert alive(shop) == 38
    assert any("29 of 38 known records are not listed there any more" in one for one in shop.problems())
    put(shop.folder / "tables" / "ship-to.csv", "", OLD + 180)
    shop.cycle(sweeping=True)
    assert alive(shop) == 38


def test_what_is_gone_bit_by_bit_within_a_day_adds_up(shop: World) -> None:
    """A share of those known when the day began, never less than ten; the next day begins anew."""
    ship_to(shop, 33, at=OLD + 60)
    shop.cycle(sweeping=True)
    assert alive(shop) == 33
    ship_to(shop, 29, at=OLD + 120)
    shop.cycle(sweeping=True)
    assert alive(shop) == 33
    (told,) = [one for one in shop.problems() if "4 of 33 known records are not listed there any more" in one]
    assert "(7 went within the day before)" in told
    with shop.app.engine.begin() as connection:
        connection.execute(sweep.update().values(gone_since=sweep.c.gone_since - 24 * 3_600_000))
    shop.cycle(sweeping=True)
    assert alive(shop) == 29
    assert not [one for one in shop.problems() if "not listed there" in one]


def test_how_many_may_be_gone_is_the_admins_to_say(tmp_path: Path, sqlite_url: str) -> None:
    with with_files(tmp_path, sqlite_url, "shop") as made:
        edit(made.config, "vanished: 20%", "vanished: 60%")
        (made.folder / "mappings" / "shop.yaml").write_text(BRANCHES)
        ship_to(made, 40)
        with made.running():
            made.settle()
            ship_to(made, 17, at=OLD + 60)
            made.cycle(sweeping=True)
            assert alive(made) == 17


def test_what_a_source_meets_unforeseen_is_told_once_and_stops_nothing_else(
    shop: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the inbox, in `status` and in the log with its place; `check` prints no traceback; it closes by itself."""
    contact = shop.contact(email="bob.ray@works.example")
    source = shop.work.sources["shop"]

    def fails(*_: object) -> None:
        raise RuntimeError("a value of somebody")

    with monkeypatch.context() as patch, capture_logs() as logs:
        for name in ("changes", "check", "ids"):
            patch.setattr(source, name, fails)
        for _ in range(2):
            shop.cycle(sweeping=True)
        assert [
            one for one in find_problems(shop.app.config, shop.app.mappings, {"shop": source})[0] if "Runtime" in one
        ]
    (told,) = [one for one in shop.problems() if "shop cannot be used" in one]
    assert "RuntimeError at test_tables.py" in told
    assert [one for one in shop.problems() if "shop could not be swept" in one]
    assert shop.work.health.snapshot()["shop"].trouble_kind == "ContractBroken"
    (line,) = [one for one in logs if one.get("system") == "shop" and one["action"] == "pause"]
    assert isinstance(line["exc_info"], RuntimeError)
    assert "value of somebody" not in told
    assert shop.told(contact)  # the CRMs went on
    shop.work.troubles.forget()
    shop.cycle(sweeping=True)
    assert not [one for one in shop.problems() if "shop" in one]


def test_a_damaged_workbook_beside_a_sound_file_is_told_and_the_file_is_read(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with with_files(tmp_path, sqlite_url, "shop") as made:
        first = BRANCHES.replace("\nship_to:", "\nbad:").replace("ship-to.csv", "bad.xlsx").replace("shop/", "bad/")
        (made.folder / "mappings" / "shop.yaml").write_text(first + BRANCHES.removeprefix("system: shop\n"))
        (made.folder / "tables" / "bad.xlsx").write_bytes(b"PK no archive")
        os.utime(made.folder / "tables" / "bad.xlsx", (OLD, OLD))
        ship_to(made, 4)
        with made.running():
            made.cycle()
            assert made.stored("shop") == {"ship_to": ["C1/001", "C1/002", "C1/003", "C1/004"]}
            (told,) = [one for one in made.problems() if "bad.xlsx" in one]
            assert "the other kinds go on" in told
        said = say(capsys, "check", "--config", str(made.config))
        assert said.code == 2
        assert "bad.xlsx" in said.out + said.err
        said = say(capsys, "status", "--config", str(made.config))
        assert "1  mapping" in said.out


def test_a_column_with_a_new_name_pauses_what_reads_it_and_nothing_else(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named once with the mapping line and the likely new name; rows that are new come in without it."""
    monkeypatch.setattr("syncd.daemon.drift.PATIENCE_MS", 0)
    shop.work.watch()
    shop.cycle()
    ship_to(shop, 41, "customer,number,name,street's,zip", OLD + 60)
    for _ in range(3):
        shop.work.troubles.forget()
        shop.wait_is_over()
        shop.cycle()
    assert alive(shop) == 41
    (problem,) = [one for one in shop.problems() if "street" in one]
    assert "shop.yaml" in problem
    assert 'the new field "street\'s" may be it' in problem
    ship_to(shop, 41, at=OLD + 120)
    for _ in range(2):
        shop.work.troubles.forget()
        shop.wait_is_over()
        shop.cycle()
    assert not [one for one in shop.problems() if "street" in one]
