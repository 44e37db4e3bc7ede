"""What the Salesforce connector says before it calls: settings, SOQL text, metadata, and refusals in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.contract import FieldType, FieldWanted
from connectors.errors import ConfigProblem
from connectors.salesforce import Settings, soql, write_package
from connectors.salesforce.judge import Trouble, refusal, refused_call, troubles
from connectors.salesforce.package import describe_wanted, field_metadata
from connectors.salesforce.soql import Position

SECRET = "canary-secret-4711"
APP = {"client_id": "app", "client_secret": SECRET}
STRING = re.compile(r"'(?:[^'\\]|\\(?:[ntrbf\"'\\]|u[0-9a-f]{4}))*'")


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://Acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com:443", "https://acme.my.salesforce.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://[::1]:8123", "http://[::1]:8123"),
        ("https://Proxy.example/sales/", "https://proxy.example/sales"),
    ],
)
def test_addresses_are_kept_in_one_form(given_url: str, kept: str) -> None:
    """What is called and what is compared with it must be spelled alike."""
    assert Settings(instance_url=given_url, auth=APP).instance_url == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("acme.my.salesforce.com", "must be an address such as"),
        ("ftp://acme.my.salesforce.com", "must be an address such as"),
        ("https://user:pw@acme.my.salesforce.com", "must be an address such as"),
        ("https://acme.my.salesforce.com/services", "must end after the host name"),
        ("https://acme.lightning.force.com", "use the My Domain address"),
        ("https://login.salesforce.com", "use the org's My Domain address"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_the_remedy(url: str, words: str) -> None:
    """Each wrong address that people copy has its own sentence."""
    with pytest.raises(ValidationError, match=words):
        Settings(instance_url=url, auth=APP)


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"client_id": "app"},
        {"client_secret": SECRET},
        {"client_id": "app", "client_secret": SECRET, "session_id": SECRET},
        {"session_id": SECRET, "token_url": "https://x.example/token"},
        {"session_id": SECRET, "password": "x"},
    ],
)
def test_half_a_login_is_refused_without_showing_the_secret(auth: dict[str, str]) -> None:
    """Exactly one complete way in is accepted, and no message repeats what was given."""
    with pytest.raises(ValidationError) as caught:
        Settings(instance_url="https://acme.my.salesforce.com", auth=auth)
    assert SECRET not in str(caught.value)


def test_settings_never_print_their_secret() -> None:
    """A dump or a repr of the settings may end in a log."""
    settings = Settings(instance_url="https://acme.my.salesforce.com", auth=APP)
    assert SECRET not in repr(settings) + str(settings.model_dump())


@given(st.text())
def test_any_text_stays_one_soql_string(text: str) -> None:
    """Quotes, backslashes, line breaks and lone surrogates cannot end the string or break the encoding."""
    quoted = soql.quote(text)
    assert STRING.fullmatch(quoted)
    quoted.encode()


@pytest.mark.parametrize("text", ["O'Brien", "a\\", "\\'", "line\nbreak", "50%_", "\u2019", 'say "x"', "tab\t", "\x00"])
def test_an_escaped_text_reads_back_as_itself(text: str) -> None:
    """SOQL's escapes are a subset of Python's, so Python can be the second reader."""
    assert eval(soql.quote(text)) == text


@pytest.mark.parametrize("name", ["Name FROM User", "Email'", "a.b;c", "", "1x", "a..b", "Lead WHERE Id != null", "é"])
def test_a_name_that_is_no_name_never_enters_a_query(name: str) -> None:
    """Names come from mapping files and cannot be quoted, so they are checked."""
    with pytest.raises(ConfigProblem, match="cannot be the API name"):
        soql.select("Lead", [name])
    with pytest.raises(ConfigProblem, match="cannot be the API name"):
        soql.select(name, ["Id"])


def test_columns_named_twice_are_asked_for_once() -> None:
    """Salesforce refuses a query that selects a field twice, in whatever case."""
    assert soql.select("Lead", ["Id", "Email", "ID", "email"]).count("mail") == 1


def test_ids_are_compared_in_their_long_form() -> None:
    """The vendor's own example pair of a 15 and an 18 character id."""
    assert soql.full_id("001D000000IqhSL") == "001D000000IqhSLIAZ"


def test_a_position_without_an_id_takes_its_whole_second() -> None:
    """A cursor that was held back to a second must read that second from its first row."""
    stamp = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert Position(stamp).after() == "SystemModstamp >= 2026-01-02T03:04:05Z"
    assert "Id > '00Q'" in Position(stamp, "00Q").after()


@given(st.lists(st.text(min_size=1, max_size=80), max_size=60))
def test_value_lists_hold_every_value_once_and_stay_short(values: list[str]) -> None:
    """No value is lost where a query is cut in two, and only a value that is long itself makes a long query."""
    lists = list(soql.value_lists(values, 500))
    assert [value for part in lists for value in part] == [soql.quote(value) for value in values]
    for part in lists:
        assert len(part) == 1 or len(unquote(",".join(part))) <= 500


def text_field(name: str = "Syncd_Key__c", **more: object) -> FieldWanted:
    return FieldWanted(kind="Lead", name=name, label="Key", type=FieldType.TEXT, **more)  # type: ignore[arg-type]


def test_a_unique_text_becomes_a_case_sensitive_external_id() -> None:
    """Upsert needs the field to be an external id, and unique, so that two creates cannot both win."""
    told = field_metadata(text_field(length=64, unique=True))
    assert (told["type"], told["length"]) == ("Text", 64)
    assert told["externalId"] is told["unique"] is told["caseSensitive"] is True
    assert describe_wanted(text_field(length=64, unique=True)) == (
        "Lead.Syncd_Key__c (Text, 64 characters, unique external id)"
    )


def test_a_long_text_becomes_a_text_area_and_cannot_be_unique() -> None:
    """A Text field ends at 255 characters."""
    assert field_metadata(text_field(length=4000))["type"] == "LongTextArea"
    with pytest.raises(ConfigProblem, match="cannot be unique"):
        field_metadata(text_field(length=4000, unique=True))


def test_the_package_holds_objects_fields_and_rights(tmp_path) -> None:
    """An admin deploys the directory as it is; labels are escaped, and only custom fields are in it."""
    wanted = [
        text_field(length=64, unique=True),
        text_field("Email"),
        FieldWanted(
            kind="Branch__c", name="Account__c", label="A & B <x>", type=FieldType.REFERENCE, references="Account"
        ),
        FieldWanted(kind="Branch__c", name="Size__c", label="Size", type=FieldType.CHOICE, choices=("S", "L & XL")),
    ]
    files = write_package(wanted, tmp_path)
    names = {str(path.relative_to(tmp_path / "force-app/main/default")) for path in files if "force-app" in str(path)}
    assert names == {
        "objects/Branch__c/Branch__c.object-meta.xml",
        "objects/Branch__c/fields/Account__c.field-meta.xml",
        "objects/Branch__c/fields/Size__c.field-meta.xml",
        "objects/Lead/fields/Syncd_Key__c.field-meta.xml",
        "permissionsets/syncd.permissionset-meta.xml",
    }
    tag = "{http://soap.sforce.com/2006/04/metadata}"
    trees = {path.name: ElementTree.parse(path).getroot() for path in files if path.suffix == ".xml"}
    assert trees["Account__c.field-meta.xml"].findtext(f"{tag}label") == "A & B <x>"
    assert [e.text for e in trees["Size__c.field-meta.xml"].iter(f"{tag}fullName")] == ["Size__c", "S", "L & XL"]
    rights = trees["syncd.permissionset-meta.xml"]
    assert {e.text for e in rights.iter(f"{tag}field")} == {
        "Lead.Syncd_Key__c",
        "Branch__c.Account__c",
        "Branch__c.Size__c",
    }
    assert {e.text for e in rights.iter(f"{tag}object")} == {"Lead", "Branch__c"}


CANARY = "canary.person@example.test"


@pytest.mark.parametrize(
    "code",
    ["STRING_TOO_LONG", "INVALID_EMAIL_ADDRESS", "DUPLICATE_VALUE", "APEX_ERROR", "SOME_NEW_CODE", "INVALID_FIELD"],
)
def test_a_refusal_repeats_no_value(code: str) -> None:
    """Salesforce's messages echo what was sent; ours name the code and the fields."""
    told = refusal("Lead", [Trouble(code, f"Email: bad value: {CANARY} (max length=80)", ("Email",))])
    assert CANARY not in repr(told)
    assert (told.code, told.field) == (code, "Email")
    assert CANARY not in str(
        refused_call("sf", 400, [{"errorCode": code, "message": CANARY, "fields": [CANARY]}], "Lead")
    )


def test_a_validation_rule_speaks_in_the_admins_own_words() -> None:
    """That text was written for people who meet the rule, and is the only message that is passed on."""
    told = refusal("Lead", [Trouble("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Budget must be set", ("Budget__c",))])
    assert "Budget must be set (Budget__c)" in told.message


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
def test_both_spellings_of_the_duplicate_result_are_read(key: str) -> None:
    """The single-row endpoint misspells the key, and may be mended one day."""
    record = {"attributes": {"type": "Contact"}, "Id": "003D000000QV9n2IAD"}
    body = [
        {key: {"matchResults": [{"entityType": "Contact", "matchRecords": [{"record": record}]}]}, "errorCode": "X"}
    ]
    assert troubles(body)[0].matches == (("Contact", "003D000000QV9n2IAD"),)
