"""Every mistake in the admins' files ends in one sentence with file, line, column and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_folder import DEFINITION, HUBSPOT, problems_of, told, write

LINE = "    email: {from: email}"


def hubspot(line: str) -> dict[str, str]:
    """The usual mapping with another line in place of its only field line (line 5)."""
    return {"hubspot": HUBSPOT.replace(LINE, line)}


def definition(old: str, new: str) -> dict[str, str]:
    assert old in DEFINITION
    return {"definition": DEFINITION.replace(old, new)}


ERP = """\
system: erp
row:
  is: lead
  table: {query: select 1, id: no, group: {weight: sum}}
  fields:
    email: {from: mail}
    employees: {from: weight}
"""

BAD: dict[str, tuple[dict[str, str], str]] = {
    "a mistyped key": (
        hubspot("    email: {form: email}"),
        "hubspot.yaml:5:13: unknown key 'form'; did you mean 'from'?",
    ),
    "a mistyped option": (
        hubspot("    email: {from: email, conflct: ours}"),
        "hubspot.yaml:5:26: unknown key 'conflct'; did you mean 'conflict'?",
    ),
    "a mistyped kind key": (
        {"hubspot": HUBSPOT.replace("  is: lead", "  is: lead\n  creat: never")},
        "hubspot.yaml:4:3: unknown key 'creat'; did you mean 'create'?",
    ),
    "an unknown field of ours": (
        hubspot("    emial: {from: email}"),
        "hubspot.yaml:5:5: unknown lead field 'emial'; did you mean 'email'?",
    ),
    "an unknown field of an account, near to what only a lead has": (
        {"hubspot": HUBSPOT + "company:\n  is: account\n  create: never\n  fields:\n    scored: {from: s}\n"},
        "hubspot.yaml:10:5: unknown account field 'scored'; known: domain",
    ),
    "a telephone that identifies": (
        definition("phone: {type: phone}", "phone: {type: phone, identifies: true}"),
        "definition.yaml:4:36: 'phone' identifies no lead by itself: several people share a line; delete it; with "
        "last_name it is looked up already",
    ),
    "a field that identifies by the name of another key": (
        definition("site: {type: url}", "site: {type: url, identifies: true}"),
        "definition.yaml:16:3: 'site' cannot identify: syncd keeps keys of its own by that name; choose another name, "
        "such as site_number",
    ),
    "a field that identifies and cannot": (
        definition("country: {type: country}", "country: {type: country, identifies: lead}"),
        "definition.yaml:11:40: a field of type country identifies nobody; one of type text, email, phone, url, "
        "domain, integer can",
    ),
    "an unknown transform": (
        hubspot("    phone: {from: phone, as: phonr}"),
        "hubspot.yaml:5:30: unknown transform 'phonr'; did you mean 'phone'?",
    ),
    "a transform of another type": (
        hubspot("    employees: {from: n, as: date}"),
        "hubspot.yaml:5:30: 'date' does not give integer; as: integer, or leave it out",
    ),
    "a transform without a way back": (
        hubspot("    name: {from: n, to: n, as: first name}"),
        "hubspot.yaml:5:32: 'first name' has no way back, and the field is written too; read and write two fields",
    ),
    "a kind that is nothing": (
        {"hubspot": HUBSPOT.replace("is: lead", "is: led")},
        "hubspot.yaml:3:7: 'led' is not allowed here; did you mean 'lead'?",
    ),
    "a missing key": (
        {"hubspot": HUBSPOT.replace("  is: lead\n", "")},
        "hubspot.yaml:2:1: missing key 'is' in 'contact'; add 'is: ...'",
    ),
    "a tie-breaker over a field that is not": (
        definition("handoff:\n", "matching: {account: {prefer: [has domian]}}\nhandoff:\n"),
        "definition.yaml:30:31: no account field 'domian'; did you mean 'domain'?",
    ),
    "a tie-breaker that cannot be ordered": (
        definition("handoff:\n", "matching: {account: {prefer: [has domain, most domain]}}\nhandoff:\n"),
        "definition.yaml:30:43: 'domain' is domain: none is the most; write 'has domain'",
    ),
    "a tie-breaker in other words": (
        definition("handoff:\n", "matching: {account: {prefer: [oldest]}}\nhandoff:\n"),
        "definition.yaml:30:31: expected one of has, lacks, most, least, and a field; write it as 'has erp_customer'",
    ),
    "a weight of no sign": (
        definition("handoff:\n", "matching: {branch: {weights: {fone: 3}}}\nhandoff:\n"),
        "definition.yaml:30:37: 'fone' is not allowed here; did you mean 'phone'?",
    ),
    "a link below review": (
        definition("handoff:\n", "matching: {account: {link: -3}}\nhandoff:\n"),
        "definition.yaml:30:21: 'link' is below 'review', so nothing would ever be asked; "
        "raise 'link', or lower 'review'",
    ),
    "a missing system": (
        {"hubspot": HUBSPOT.replace("system: hubspot\n", "")},
        "hubspot.yaml:1:1: missing key 'system'; add 'system: ...'",
    ),
    "an unknown system": (
        {"hubspot": HUBSPOT.replace("system: hubspot", "system: hubspt")},
        "hubspot.yaml:1:9: no system 'hubspt' in the config; did you mean 'hubspot'?",
    ),
    "a number for text": (
        hubspot("    email: {to: 5}"),
        "hubspot.yaml:5:17: expected text, got a whole number; put it in quotes",
    ),
    "text for a number": (
        hubspot("    name: {to: n, truncate: ten}"),
        "hubspot.yaml:5:29: expected a whole number, got text",
    ),
    "a field that goes nowhere": (
        hubspot("    email: {as: email}"),
        "hubspot.yaml:5:5: 'email' is neither read nor written; give 'from', 'to' or both",
    ),
    "a fact of syncd that is read": (
        hubspot("    score: {from: score}"),
        "hubspot.yaml:5:13: 'score' is syncd's own word and cannot be read; use 'to' only",
    ),
    "a fact of sales that is written": (
        hubspot("    sales_decision: {to: x}"),
        "hubspot.yaml:5:22: 'sales_decision' is what sales says; it is only emptied, where it was read; name the "
        "field of 'from', or use 'from' only",
    ),
    "a conflict rule for what is only read": (
        hubspot("    email: {from: email, conflict: ours}"),
        "hubspot.yaml:5:26: 'conflict' on a field that is never written; delete it",
    ),
    "one field of theirs written twice": (
        hubspot("    email: {to: a}\n    name: {to: a}"),
        "hubspot.yaml:6:16: 'a' is written twice: by email and by name; keep one of the two",
    ),
    "a duplicate key": (
        hubspot("    email: {from: a}\n    email: {from: b}"),
        "hubspot.yaml:6:5: duplicate key 'email', first given at line 5, column 5; keep one of the two",
    ),
    "a tab": (
        hubspot("\temail: {from: a}"),
        "hubspot.yaml:5:1: a tab in the indentation; indent with spaces",
    ),
    "a bracket left open": (
        hubspot("    email: {from: [a, b}"),
        "hubspot.yaml:5:24: a bracket that is never closed, or a missing comma; close it with ] or }",
    ),
    "a quote left open": (
        hubspot('    email: {from: "a}'),
        "hubspot.yaml:5:19: a quote that is never closed; close it",
    ),
    "a quote left open above another one": (
        hubspot('    email: {from: "a}\n    # "said"\n    employees: {from: n, when: \'email == "a@x.example"\'}'),
        "hubspot.yaml:5:19: a quote that is never closed; close it",
    ),
    "a bracket left open below a sign for inches": (
        hubspot("    # a \"word\n    email: {from: '5\" pipe'}\n    employees: {from: [n, m}"),
        "hubspot.yaml:7:28: a bracket that is never closed, or a missing comma; close it with ] or }",
    ),
    "a bracket left open below a text of two lines": (
        hubspot('    email: {from: "a\n      b"}\n    employees: {from: [n, m}'),
        "hubspot.yaml:7:28: a bracket that is never closed, or a missing comma; close it with ] or }",
    ),
    "a colon in plain text": (
        hubspot("    email: a: b"),
        "hubspot.yaml:5:13: a colon where none can stand; put the text in quotes if it holds ': '",
    ),
    "an anchor": (
        hubspot("    email: &x {from: a}"),
        "hubspot.yaml:5:12: anchor &x; write the value out: anchors and aliases are not used here",
    ),
    "an alias": (
        hubspot("    email: *x"),
        "hubspot.yaml:5:12: alias *x; write the value out: anchors and aliases are not used here",
    ),
    "a tag": (
        hubspot("    email: !!python/object:os.system {}"),
        "hubspot.yaml:5:12: tag tag:yaml.org,2002:python/object:os.system; delete it: types come from the schema",
    ),
    "a second document": (
        {"hubspot": HUBSPOT + "---\na: 1\n"},
        "hubspot.yaml:6:1: a second document in one file; keep one document per file: delete this '---'",
    ),
    "an empty file": ({"hubspot": ""}, "hubspot.yaml:1:1: the file is empty; write it, or delete the file"),
    "a list for a file": ({"hubspot": "- a\n"}, "hubspot.yaml:1:1: expected a section, got a list"),
    "a section left empty": (
        {"hubspot": "system: hubspot\ncontact:\n"},
        "hubspot.yaml:2:9: expected a section, got nothing; is the next line indented?",
    ),
    "a null byte": (
        hubspot("    email: {from: a\0b}"),
        "hubspot.yaml:5:20: control character U+0000; delete it: it is not visible but there",
    ),
    "a table that is not there": (
        {
            **hubspot("    industry: {from: i, values: tables/indstries.csv}"),
            "tables__industries.csv": "theirs,ours\na,Energy\n",
        },
        "hubspot.yaml:5:33: the table tables/indstries.csv cannot be read: No such file or directory; "
        "did you mean 'tables/industries.csv'?",
    ),
    "a table outside the folder": (
        hubspot("    industry: {from: i, values: ../../secret.csv}"),
        "hubspot.yaml:5:33: the table ../../secret.csv lies outside the mappings folder; move it to tables/",
    ),
    "a table row with a value that is no choice": (
        {
            **hubspot("    industry: {from: i, values: tables/i.csv}"),
            "tables__i.csv": "theirs,ours\na,Energy\nb,Enrgy\n",
        },
        "tables/i.csv:3:1: 'Enrgy' is no choice of 'industry'; did you mean 'Energy'?",
    ),
    "a table row that stands twice": (
        {
            **hubspot("    industry: {from: i, values: tables/i.csv}"),
            "tables__i.csv": "theirs,ours\na,Energy\nA,Energy\n",
        },
        "tables/i.csv:3:1: 'A' stands twice, first in line 2; keep one",
    ),
    "a table without its first line": (
        {**hubspot("    industry: {from: i, values: tables/i.csv}"), "tables__i.csv": "a,Energy\n"},
        "tables/i.csv:1:1: the first line must be 'theirs,ours'; add it",
    ),
    "a table that cannot be written back": (
        hubspot("    industry: {from: i, to: i, values: {a: Energy}}"),
        "hubspot.yaml:5:40: the table has no row for 'Manufacturing', which then cannot be written; add rows",
    ),
    "a region that is no country": (
        hubspot("    phone: {from: p, region: USA}"),
        "hubspot.yaml:5:30: 'USA' is no country that this kind reads; did you mean 'US'?",
    ),
    "a default of the wrong type": (
        hubspot("    country: {from: c, default: Narnia}"),
        "hubspot.yaml:5:33: cannot be read as country: not a country; correct it",
    ),
    "an answer in words for a number field": (
        {"salesforce": "system: salesforce\nLead:\n  is: lead\n  fields:\n    budget: {to: Budget__c}\n"},
        "salesforce.yaml:5:18: 'budget' may be 'not set yet', which a money field cannot hold; "
        "write it 'as: text' into a text field",
    ),
    "a reference without its kind": (
        hubspot("    account: {from: associatedcompanyid}"),
        "hubspot.yaml:5:5: 'account' refers to another record; say to which kind: as: link Account",
    ),
    "a link to a kind that is not mapped": (
        hubspot("    account: {from: a, as: link compny}"),
        "hubspot.yaml:5:28: this file has no kind 'compny' to link to; known: contact, contacts",
    ),
    "creating without a key": (
        {"hubspot": HUBSPOT.replace("is: lead", "is: lead\n  create: allowed")},
        "hubspot.yaml:4:11: creating needs 'key', the unique field that holds our key; "
        "without it a repeated create could make a second record",
    ),
    "a condition for creates that never happen": (
        {"hubspot": HUBSPOT.replace("is: lead", "is: lead\n  create_when: has(email)")},
        "hubspot.yaml:4:16: create_when, but create is never; delete it, or create: allowed",
    ),
    "a misspelt name in create_when": (
        {
            "hubspot": HUBSPOT.replace(
                "is: lead", "is: lead\n  create: allowed\n  key: k\n  create_when: has(email) && handof.passed"
            )
        },
        "hubspot.yaml:6:30: unknown name 'handof.passed'; did you mean 'handoff.passed'?\n"
        "    create_when: has(email) && handof.passed\n                               ^",
    ),
    "an sql kind without a query": (
        {"erp": "system: erp\nrow:\n  is: lead\n  fields:\n    email: {from: email}\n"},
        "erp.yaml:2:1: missing 'query' in 'table'; say where its rows come from: table: {query: ...}",
    ),
    "a field that is taken together with no other": (
        {
            "definition": DEFINITION.replace("{type: country}", "{type: country, together: address}")
            .replace("{type: state}", "{type: state, together: address}")
            .replace("{type: postcode}", "{type: postcode, together: adress}")
        },
        "definition.yaml:13:40: no other lead field is together 'adress'; did you mean 'address'?",
    ),
    "the word of a system that is not there": (
        {"definition": DEFINITION.replace("{type: country}", "{type: country, sources: [hubspot, hubspt]}")},
        "definition.yaml:11:47: no system 'hubspt' in the config; did you mean 'hubspot'?",
    ),
    "fields taken together by two rules": (
        {
            "definition": DEFINITION.replace("{type: country}", "{type: country, together: address}").replace(
                "{type: postcode}", "{type: postcode, together: address, merge: {rank: [hubspot]}}"
            )
        },
        "definition.yaml:13:3: fields that are taken together need one 'merge'; "
        "the same for all of them: newest, or one rank",
    ),
    "a field taken together that its account fills": (
        {
            "definition": DEFINITION.replace("site: {type: url}", "site: {type: url, together: web}").replace(
                "domain: {type: domain}\n  share",
                "domain: {type: domain, together: web, from_account: domain}\n  share",
            )
        },
        "definition.yaml:17:55: a field that is taken together is not filled from the account by itself; "
        "delete one of the two",
    ),
    "a rule for rows of one id that is none": (
        {"erp": ERP.replace("weight: sum", "weight: summ")},
        "erp.yaml:4:52: 'summ' is not allowed here; did you mean 'sum'?",
    ),
    "a rule for a column that no line reads": (
        {"erp": ERP.replace("weight: sum", "mial: max")},
        "erp.yaml:4:44: no line reads the column 'mial'; did you mean 'mail'?",
    ),
    "a rule for a column of the id": (
        {"erp": ERP.replace("weight: sum", "No: max")},
        "erp.yaml:4:44: 'No' is part of 'id', which the rows of a group share; delete it here",
    ),
    "rules that are a list": (
        {"erp": ERP.replace("{weight: sum}", "[weight]")},
        "erp.yaml:4:43: expected a section, got a list",
    ),
    "a query for a system that is no database": (
        {"hubspot": HUBSPOT.replace("is: lead", "is: lead\n  table: {query: select 1, id: id}")},
        "hubspot.yaml:4:3: 'table' is for sql and files systems, and hubspot is hubspot; delete it",
    ),
    "two files for one system": (
        {"other": HUBSPOT},
        "other.yaml:1:9: a second file for hubspot; the first is hubspot.yaml",
    ),
    "a file with another ending": (
        {"other.yml": HUBSPOT},
        "other.yml:1:1: ends in .yml; rename it to .yaml",
    ),
    "the same kind twice": (
        {"hubspot": HUBSPOT + HUBSPOT.partition("\n")[2].replace("contact", "contacts")},
        "hubspot.yaml:6:1: the kind 'contacts' is mapped twice; join the two",
    ),
    "an unknown type": (
        definition("{type: phone}", "{type: phonr}"),
        "definition.yaml:4:17: 'phonr' is not allowed here; did you mean 'phone'?",
    ),
    "a condition on an unknown field": (
        definition("big: employees >= 200", "big: employes >= 200"),
        "definition.yaml:25:8: unknown name 'employes'; did you mean 'employees'?\n"
        "    big: employes >= 200\n         ^",
    ),
    "a comparison of two kinds": (
        definition("big: employees >= 200", "big: 'employees >= 200 && industry > 4'"),
        "definition.yaml:25:38: '>' does not work on text and number; both sides must be of one kind\n"
        "    big: 'employees >= 200 && industry > 4'\n                                       ^",
    ),
    "a condition that is no condition": (
        definition("big: employees >= 200", "big: employees"),
        "definition.yaml:25:8: a condition must be true or false, this is a number; compare it\n"
        "    big: employees\n         ^",
    ),
    "a field in place of a line": (
        hubspot("    email: email"),
        "hubspot.yaml:5:12: expected a section, got text; write {key: value}, with a blank after each colon",
    ),
    "no blank after a colon": (
        hubspot("    email: {from:email}"),
        "hubspot.yaml:5:13: unknown key 'from:email'; write 'from: email', with a blank",
    ),
    "a number in place of a name": (
        hubspot("    email: {from: 5}"),
        "hubspot.yaml:5:19: expected text or a list of texts, got a whole number; put it in quotes",
    ),
    "a format as a spreadsheet writes it": (
        hubspot("    decided: {from: decided, format: dd.mm.yyyy}"),
        "hubspot.yaml:5:38: the format names no part of a date; "
        "write it as in strptime: %d.%m.%Y for 31.03.2026, %H:%M for 14:30",
    ),
    "a single equals sign": (
        definition("big: employees >= 200", 'big: industry = "Energy"'),
        "definition.yaml:25:17: a single '='; compare with '=='\n    big: industry = \"Energy\"\n                  ^",
    ),
    "an unknown stage": (
        definition("from: mql", "from: mqll"),
        "definition.yaml:31:9: no stage 'mqll'; did you mean 'mql'?",
    ),
    "a gate that waits for what comes after it": (
        definition("when: in_market && score >= 50", "when: handoff.passed"),
        "definition.yaml:28:23: 'handoff.passed' is never true up to 'mql', from which leads are handed over: nobody "
        "would reach 'mql'; name what a lead must have, or hand over from an earlier stage",
    ),
    "a step that was another that is still there": (
        definition("{name: won}", "{name: won, was: [sold, mql]}"),
        "definition.yaml:29:29: 'mql' is another step, or was one; a lead on it can stand in one place only; delete it "
        "here",
    ),
    "a requirement that is no field": (
        definition("[[email, phone]]", "[[email, fone]]"),
        "definition.yaml:32:22: no lead field 'fone'; did you mean 'phone'?",
    ),
    "a merge rule that does not fit": (
        definition("{type: phone}", "{type: phone, merge: any}"),
        "definition.yaml:4:31: merge 'any' does not fit type phone; for boolean",
    ),
    "a duration in words": (
        definition("{type: phone}", "{type: phone, shelf_life: half a year}"),
        "definition.yaml:4:36: expected a duration, got text; write it as 15s, 60m, 24h or 180d",
    ),
    "a field named like a fact": (
        definition("  phone: {type: phone}", "  phone: {type: phone}\n  score: {type: integer}"),
        "definition.yaml:5:3: 'score' is a fact that syncd itself keeps; choose another name",
    ),
    "a reference to nothing": (
        definition("refers_to: account", "refers_to: acount"),
        "definition.yaml:19:41: 'acount' is not allowed here; did you mean 'account'?",
    ),
    "a field of the account that is none": (
        definition("{type: phone}", "{type: phone, from_account: fone}"),
        "definition.yaml:4:38: unknown account field 'fone'; known: domain",
    ),
    "a field of the account that holds something else": (
        definition("{type: phone}", "{type: phone, from_account: domain}"),
        "definition.yaml:4:38: the account's domain holds what this field cannot; give both the same type and choices",
    ),
    "a field of the account that is filled from the account": (
        definition("{type: domain, ", "{type: domain, from_account: domain, "),
        "definition.yaml:21:40: only a lead's field is filled from its account; delete it",
    ),
    "a date that is none": (
        definition("version: 1", "version: 1\nagreed:\n  sales: {by: Ann, on: 2026-13-01}"),
        "definition.yaml:3:24: expected a date; write it as 2026-11-02",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_told_with_place_and_remedy(name: str, tmp_path: Path) -> None:
    """One mistake gives one problem, with the exact line and column, and says what to do."""
    files, expected = BAD[name]
    problems = problems_of(write(tmp_path, **files))
    assert told(problems, tmp_path) == [expected]


def test_all_problems_of_all_files_come_in_one_report_in_order(tmp_path: Path) -> None:
    """An admin mends everything in one go."""
    folder = write(
        tmp_path,
        definition=DEFINITION.replace("from: mql", "from: mqll"),
        hubspot=HUBSPOT.replace("from: email", "form: email").replace("is: lead", "is: led"),
        salesforce="a: [",
    )
    places = [str(one.place).replace(f"{folder}/", "") for one in problems_of(folder)]
    assert places == ["definition.yaml:31:9", "hubspot.yaml:3:7", "hubspot.yaml:5:13", "salesforce.yaml:1:5"]


def test_a_missing_definition_is_told_once(tmp_path: Path) -> None:
    """Without it no mapping can be judged, and the report does not drown in the consequences."""
    folder = write(tmp_path)
    (folder / "definition.yaml").unlink()
    assert told(problems_of(folder), folder) == [
        "definition.yaml:1:1: the lead definition is missing; every mapping refers to it"
    ]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """The path of the config is named, not a traceback."""
    assert [one.message for one in problems_of(tmp_path / "nowhere")] == ["no such folder"]


def test_text_that_is_not_utf8_is_told_at_its_byte(tmp_path: Path) -> None:
    """A file saved by an old editor is refused, never guessed at."""
    folder = write(tmp_path)
    (folder / "hubspot.yaml").write_bytes(b"system: hubspot\n# caf\xe9\n")
    assert told(problems_of(folder), folder) == ["hubspot.yaml:2:6: not UTF-8 text; save the file as UTF-8"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 60 + "]" * 60, "nested deeper than 50 levels"),
        ("a: " + "[" * 500_000, "nested deeper than 50 levels"),
        ("- a\n" * 150_000, "more than 50,000 values"),
        ("a" * 3_000_000, "larger than 2 MB"),
        ("a: &a [x]\nb: &b [*a,*a]\n", "anchor &a"),
    ],
    ids=["deep", "very deep", "many", "large", "bomb"],
)
def test_hostile_yaml_is_refused_at_once(tmp_path: Path, text: str, message: str) -> None:
    """Neither depth, size nor references can exhaust the daemon."""
    problems = problems_of(write(tmp_path, hubspot=text))
    assert [one.message for one in problems] == [message]
