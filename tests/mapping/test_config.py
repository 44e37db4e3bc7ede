"""The operator's file: what it gives, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from syncd.config import Config, Problems, connector_problems, load, settings_problems

GOOD = """\
state: sqlite:///state.db
mappings: maps
systems:
  hubspot: {connector: hubspot, poll: 90s, access_token: "${TOKEN}", nested: {secret: "a${file:FILE}b"}}
brakes: {overwrites: 2.5%}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    try:
        load(write(folder, text), environ or {})
    except Problems as error:
        return [str(one).replace(f"{folder}/", "") for one in error.problems]
    raise AssertionError("the config loads")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "secret").write_text("from-file\n", encoding="utf-8")
    text = GOOD.replace("FILE", str(tmp_path / "secret"))
    return load(write(tmp_path, text), {"TOKEN": "from-environment"})


def test_values_and_defaults_are_read(config: Config, tmp_path: Path) -> None:
    """What is written counts, what is left out has the default of config.example.yaml."""
    assert config.mappings == tmp_path / "maps"
    assert config.systems["hubspot"].poll == timedelta(seconds=90)
    assert (config.brakes.creates, config.brakes.overwrites, config.brakes.clears) == (None, 0.025, None)
    assert (config.web.host, config.web.port, config.web.public) == ("127.0.0.1", 8080, False)


def test_secrets_come_from_variables_and_files(config: Config) -> None:
    """A file's trailing line end is no part of the secret."""
    assert config.systems["hubspot"].settings == {
        "access_token": "from-environment",
        "nested": {"secret": "afrom-fileb"},
    }
    assert config.secrets == {"from-environment", "from-file"}


def test_no_secret_is_shown_by_repr(config: Config) -> None:
    """A config in a log line or a traceback gives nothing away."""
    shown = repr(config) + repr(config.systems) + repr(config.document)
    assert "from-environment" not in shown
    assert "from-file" not in shown


def test_a_default_stands_in_for_a_variable_that_is_not_set(tmp_path: Path) -> None:
    """${NAME:-default}; an empty variable counts as not set."""
    text = GOOD.replace('"a${file:FILE}b"', "x").replace("${TOKEN}", "${TOKEN:-try-me}")
    assert load(write(tmp_path, text), {"TOKEN": ""}).systems["hubspot"].settings["access_token"] == "try-me"


def test_references_work_in_text_only(tmp_path: Path) -> None:
    """A secret that looks like YAML stays one text, and keys are never replaced."""
    text = "state: sqlite:///s.db\nsystems:\n  a: {connector: sql, url: '${URL}', '${KEY}': 1}\n"
    settings = load(write(tmp_path, text), {"URL": "{a: [b]}", "KEY": "k"}).systems["a"].settings
    assert settings == {"url": "{a: [b]}", "${KEY}": 1}


HEAD = "state: sqlite:///s.db\nsystems:\n"
BAD = {
    "a variable that is not set": (
        HEAD + "  a: {connector: sql, url: 'x://${USER_NAME}@h'}\n",
        "config.yaml:3:33: the environment variable USER_NAME is not set; "
        "set it where syncd starts, or use ${file:/path}",
    ),
    "a reference without quotes inside brackets": (
        HEAD + "  a: {connector: sql, url: ${file:/no/such}}\n",
        'config.yaml:3:29: not readable as YAML from here on; inside { } put "${...}" in quotes',
    ),
    "a secret file that is not there": (
        HEAD + "  a: {connector: sql, url: '${file:/no/such}'}\n",
        "config.yaml:3:29: the secret file /no/such cannot be read: No such file or directory; "
        "mount it, or correct the path and its rights",
    ),
    "a reference left open": (
        HEAD + "  a: {connector: sql, url: '${OPEN'}\n",
        "config.yaml:3:29: '${' that is never closed; write ${NAME} or ${file:/path}",
    ),
    "a reference that is no name": (
        HEAD + "  a: {connector: sql, url: '${a-b}'}\n",
        "config.yaml:3:29: a reference that is no name; write ${NAME}, ${NAME:-default} or ${file:/path}",
    ),
    "no systems": ("state: sqlite:///s.db\n", "config.yaml:1:1: missing key 'systems'; add 'systems: ...'"),
    "a system without a connector": (
        HEAD + "  a: {poll: 5s}\n",
        "config.yaml:3:3: missing key 'connector' in 'a'; add 'connector: ...'",
    ),
    "a mistyped section": (
        HEAD + "  a: {connector: sql}\nbreaks: {creates: 5}\n",
        "config.yaml:4:1: unknown key 'breaks'; did you mean 'brakes'?",
    ),
    "a mistyped option": (
        HEAD + "  a: {connector: sql}\nbrakes: {create: 5}\n",
        "config.yaml:4:10: unknown key 'create'; did you mean 'creates'?",
    ),
    "a number without a unit": (
        HEAD + "  a: {connector: sql, poll: 60}\n",
        "config.yaml:3:29: expected a duration, got a whole number; write it as 15s, 60m, 24h or 180d",
    ),
    "a frantic poll": (
        HEAD + "  a: {connector: sql, poll: 10ms}\n",
        "config.yaml:3:29: must be at least 1s; most systems allow only some calls a day",
    ),
    "a share that is none": (
        HEAD + "  a: {connector: sql}\nbrakes: {overwrites: 0.05}\n",
        "config.yaml:4:22: expected a share between 0% and 100%; write it as 5%",
    ),
    "a state that is no URL": (
        "state: var/state.db\nsystems:\n  a: {connector: sql}\n",
        "config.yaml:1:8: not a database URL; write sqlite:///path/state.db or postgresql://user@host/name",
    ),
    "a page for everybody": (
        HEAD + "  a: {connector: sql}\nweb: {listen: 0.0.0.0:8080}\n",
        "config.yaml:4:15: 0.0.0.0 can be reached from other machines, and the pages show leads without a login; "
        "listen on 127.0.0.1, or set 'public: true' when something in front asks who it is",
    ),
    "a port that is none": (
        HEAD + "  a: {connector: sql}\nweb: {listen: localhost}\n",
        "config.yaml:4:15: expected host:port; write it as 127.0.0.1:8080",
    ),
    "an odd name": (
        HEAD + "  My System: {connector: sql}\n",
        "config.yaml:3:3: the system name 'My System' is not plain; use lower-case letters, digits, - and _",
    ),
    "text for true or false": (
        HEAD + "  a: {connector: sql}\nweb: {public: yes}\n",
        "config.yaml:4:15: expected true or false, got text",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_told_with_place_and_remedy(name: str, tmp_path: Path) -> None:
    """One mistake gives one problem, at its character."""
    text, expected = BAD[name]
    assert problems_of(tmp_path, text) == [expected]


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    """The path is named, and what the system said of it."""
    with pytest.raises(Problems, match=r"config\.yaml:1:1: cannot be read: No such file or directory"):
        load(tmp_path / "config.yaml", {})


def test_an_address_for_everybody_is_allowed_when_asked_for(tmp_path: Path) -> None:
    """`public: true` is the loud switch."""
    text = HEAD + "  a: {connector: sql}\nweb: {listen: '0.0.0.0:80', public: true}\n"
    assert load(write(tmp_path, text), {}).web.host == "0.0.0.0"


def test_an_unknown_connector_is_told_with_the_nearest(config: Config, tmp_path: Path) -> None:
    """Which connectors there are is known to the caller only."""
    assert connector_problems(config, ["hubspot", "sql"]) == []
    (problem,) = connector_problems(config, ["hubspt", "sql"])
    assert str(problem).replace(f"{tmp_path}/", "") == (
        "config.yaml:4:24: unknown connector 'hubspot'; did you mean 'hubspt'?"
    )


class Nested(BaseModel):
    model_config = ConfigDict(extra="forbid")
    secret: int


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    accesstoken: SecretStr
    nested: Nested


def test_a_connectors_own_settings_are_told_at_their_place(config: Config, tmp_path: Path) -> None:
    """The errors of a connector's model become problems of the config file; the secret itself is not shown."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(config.systems["hubspot"].settings)
    problems = sorted(settings_problems(config, "hubspot", caught.value, Settings.model_fields), key=str)
    assert [str(one).replace(f"{tmp_path}/", "") for one in problems] == [
        "config.yaml:4:3: missing key 'accesstoken' in 'hubspot'; add 'accesstoken: ...'",
        "config.yaml:4:44: unknown key 'access_token'; did you mean 'accesstoken'?",
        "config.yaml:4:87: expected a whole number, got text",
    ]
