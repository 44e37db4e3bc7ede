"""Which of the admins' examples speak against an edit."""

from __future__ import annotations

from pathlib import Path

from syncd.edits.checking import failing_cases
from syncd.mapping.loader import load
from syncd.mapping.model import Mappings

DEFINITION = """\
version: 1
lead:
  email: {type: email, identifies: true}
  name: {type: text}
stages: [{name: inquiry}, {name: won}]
handoff: {from: inquiry}
"""
CASES = """\
- {name: a name, given: {name: Ann}, expect: {name: Ann}}
- {name: an address, given: {email: a@b.example}, expect: {email: OTHER}}
"""


def version(folder: Path, cases: str) -> Mappings:
    mapping = "system: hubspot\ncontact:\n  is: lead\n  fields:\n    email: {from: email}\n    name: {from: name}\n"
    files = {"definition.yaml": DEFINITION, "hubspot.yaml": mapping, "cases/hubspot.yaml": cases}
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    return load(folder, {"hubspot": "hubspot"})


def test_a_case_that_failed_before_speaks_against_no_further_edit(tmp_path: Path) -> None:
    """Somebody approved it so; what fails by this edit is told alone, wherever the other stands by now."""
    failing = CASES.replace("OTHER", "c@d.example")
    running = version(tmp_path / "running", failing)
    moved = "- {name: one more, given: {name: Eve}, expect: {name: Bob}}\n" + failing
    assert [one.message for one in failing_cases(running, version(tmp_path / "edited", moved))] == [
        "the case 'one more' does not hold"
    ]
    otherwise = version(tmp_path / "otherwise", CASES.replace("OTHER", "e@f.example"))
    assert [one.message for one in failing_cases(running, otherwise)] == ["the case 'an address' does not hold"]
