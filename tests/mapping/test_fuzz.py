"""Whatever an admin types, the daemon answers with problems that have places, and never with a traceback."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapping_folder import DEFINITION, SYSTEMS

from syncd.config import Problems
from syncd.config import load as load_config
from syncd.mapping.cases import run_cases
from syncd.mapping.loader import load
from syncd.mapping.model import Mappings

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "definition.yaml": DEFINITION,
    "hubspot.yaml": """\
system: hubspot
contact:
  is: lead
  create: allowed
  create_when: handoff.passed && has(budget)
  only: lifecyclestage != "other"
  key: syncd_key
  fields:
    email: {from: [email, "work email"], to: email, conflict: newest}
    phone: {from: phone, as: phone, region: country}
    country: {from: country, default: US}
    industry: {from: industry, values: tables/industries.csv}
    budget: {from: budget, to: budget, as: text}
    name: {from: [a, b], as: [html, join]}
    account: {from: associatedcompanyid, as: link company}
    seen: {from: seen, zone: Europe/Berlin, format: "%d.%m.%Y %H:%M"}
    stage: {to: syncd_stage, truncate: 40}
  touches:
    - {kind: form, watch: recent_conversion_date}
company:
  is: account
  fields:
    domain: {from: website}
""",
    "tables/industries.csv": 'theirs,ours\nMACHINERY,Manufacturing\n"oil, gas",Energy\n*,Energy\n',
    "cases/hubspot.yaml": "- name: one\n  given: {phone: 617 555 0123}\n  expect: {phone: '+16175550123'}\n",
}
SNIPPETS = (
    *(
        "null",
        "[]",
        "{}",
        "- a",
        "a: b",
        '"',
        "'",
        "#",
        "${X}",
        "\t",
        "\0",
        "\ufeff",
        "&a",
        "*a",
        "!!x",
        "|",
        ">",
        ": ",
    ),
    *(
        "1e999",
        "9" * 25,
        "2026-99-99",
        "true",
        "as: link",
        "from: [",
        "\ud7ff",
        "%",
        "@",
        "`",
        "?",
        "---",
        ",",
        "]",
        "}",
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mappings")
    for name, text in FILES.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    run_cases(made, load(made, SYSTEMS))
    return made


def mutate(text: str, random: Random) -> str:
    """Change one to three things, as a slip of the hand does: a character, a word, a line."""
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(text) + 1)
        lines = text.split("\n")
        line = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = text[:at] + random.choice(SNIPPETS) + text[at:]
            case 2:
                text = "\n".join(lines[:line] + lines[line + 1 :])
            case 3:
                text = "\n".join([*lines[: line + 1], *lines[line:]])
            case 4:
                text = "\n".join([*lines[:line], " " + lines[line], *lines[line + 1 :]])
            case 5:
                words = lines[line].split(": ")
                text = "\n".join([*lines[:line], ": ".join([words[0], random.choice(SNIPPETS)]), *lines[line + 1 :]])
            case _:
                text = text[:at] + text[at + 2 : at + 3] + text[at + 1 : at + 2] + text[at + 3 :]
    return text


@pytest.mark.slow
@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_mutated_folder_loads_or_tells_problems(folder: Path, seed: int) -> None:
    """Each problem names a file of the folder and a line that exists in it."""
    random = Random(seed)
    name = random.choice(sorted(FILES))
    path = folder / name
    original = FILES[name]
    path.write_text(mutate(original, random), encoding="utf-8", newline="")
    try:
        mappings = load(folder, SYSTEMS)
        assert isinstance(mappings, Mappings)
        run_cases(folder, mappings)
    except Problems as error:
        check(error)
    finally:
        path.write_text(original, encoding="utf-8")


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_mutated_config_loads_or_tells_problems(tmp_path: Path, seed: int) -> None:
    """The same for the operator's file."""
    path = tmp_path / "config.yaml"
    original = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    path.write_text(mutate(original, Random(seed)), encoding="utf-8", newline="")
    try:
        load_config(path, {})
    except Problems as error:
        check(error)


def check(error: Problems) -> None:
    assert error.problems, "refused without a reason"
    for problem in error.problems:
        lines = Path(problem.place.file).read_text(encoding="utf-8").split("\n")
        assert 1 <= problem.place.line <= len(lines), problem
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1, problem
        assert problem.message
