"""One record at a time: values, paging, conflicts, merges, stages and stamps, as the simulated HubSpot keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hubspot_account import Account, open_account

DAY = 86_400


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        yield opened


def codes(answer) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


def test_every_value_is_a_string_and_unset_ones_are_null(account: Account) -> None:
    """Numbers and booleans go in as JSON and come out as text; a defined property nobody set is null."""
    account.hub.define_property("contacts", "on_site", "bool", "booleancheckbox")
    made = account.create("contacts", email="a@b.co", numberofemployees=250, on_site=True)
    shown = account.get(f"contacts/{made['id']}", properties="numberofemployees,on_site,phone").json()["properties"]
    assert shown["numberofemployees"] == "250"
    assert shown["on_site"] == "true"
    assert shown["phone"] is None


def test_an_undefined_name_is_dropped_on_read_and_refused_on_write(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    shown = account.get(f"contacts/{made['id']}", properties="email,nonsense").json()["properties"]
    assert "nonsense" not in shown
    refused = account.patch(f"contacts/{made['id']}", {"nonsense": "1"})
    assert refused.status_code == 400
    assert codes(refused) == ["PROPERTY_DOESNT_EXIST"]
    inner = json.loads(refused.json()["message"].partition(": ")[2])
    assert [problem["name"] for problem in inner] == ["nonsense"]


def test_default_properties_come_when_none_are_asked_for(account: Account) -> None:
    contact = account.get(f"contacts/{account.create('contacts', email='a@b.co')['id']}").json()
    company = account.get(f"companies/{account.create('companies', name='Acme')['id']}").json()
    assert set(contact["properties"]) == {
        "createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname",
    }  # fmt: skip
    assert set(company["properties"]) == {"name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"}


def test_all_bad_values_of_a_write_are_listed_and_nothing_is_written(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    refused = account.patch(
        f"contacts/{made['id']}",
        {"email": "no address", "numberofemployees": "many", "hs_lead_status": "new", "hs_analytics_source": "OFFLINE"},
    )
    assert set(codes(refused)) == {"INVALID_EMAIL", "INVALID_INTEGER", "INVALID_OPTION", "READ_ONLY_VALUE"}
    assert account.hub.get("contacts", made["id"])["email"] == "a@b.co"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("12.50", "12.5"), ("1e3", "1000"), ("-0", "0"), ("007", "7")],
)
def test_numbers_are_normalised(account: Account, sent: str, kept: str) -> None:
    made = account.create("companies", name="Acme", annualrevenue=sent)
    assert account.hub.get("companies", made["id"])["annualrevenue"] == kept


@pytest.mark.parametrize(("sent", "kept"), [("2027-03-04", "2027-03-04"), (str(20_000 * DAY * 1000), "2024-10-04")])
def test_a_date_is_a_day_or_the_midnight_of_one(account: Account, sent: str, kept: str) -> None:
    account.hub.define_property("contacts", "decision_date", "date", "date")
    made = account.create("contacts", decision_date=sent)
    assert account.hub.get("contacts", made["id"])["decision_date"] == kept


@pytest.mark.parametrize("sent", [str(20_000 * DAY * 1000 + 1), "2027-02-30", "4 March", "2027-03-04T00:00:00Z"])
def test_a_date_that_is_no_midnight_is_refused(account: Account, sent: str) -> None:
    account.hub.define_property("contacts", "decision_date", "date", "date")
    refused = account.post("contacts", {"properties": {"decision_date": sent}})
    assert codes(refused) == ["INVALID_DATE"]


def test_a_date_time_needs_an_offset_and_is_kept_in_utc(account: Account) -> None:
    account.hub.define_property("contacts", "met_at", "datetime", "date")
    made = account.create("contacts", met_at="2027-03-04T10:00:00+02:00")
    assert account.hub.get("contacts", made["id"])["met_at"] == "2027-03-04T08:00:00Z"
    assert codes(account.patch(f"contacts/{made['id']}", {"met_at": "2027-03-04T10:00:00"})) == ["INVALID_LONG"]


def test_epoch_seconds_are_1970_on_v3_and_refused_from_2026_09(account: Account) -> None:
    account.hub.define_property("contacts", "met_at", "datetime", "date")
    made = account.create("contacts", met_at="1800000000")
    assert account.hub.get("contacts", made["id"])["met_at"].startswith("1970-01-21")
    dated = account.post("/crm/objects/2026-09/contacts", {"properties": {"met_at": "1800000000"}})
    assert codes(dated) == ["INVALID_DATE"]


def test_enumerations_take_values_and_not_labels(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    refused = account.patch(f"contacts/{made['id']}", {"hs_lead_status": "In Progress"})
    assert codes(refused) == ["INVALID_OPTION"]
    assert 'value: "IN_PROGRESS"' in refused.json()["errors"][0]["message"]
    assert account.patch(f"contacts/{made['id']}", {"hs_lead_status": "IN_PROGRESS"}).status_code == 200


def test_a_checkbox_is_replaced_or_with_a_leading_semicolon_added_to(account: Account) -> None:
    account.hub.define_property("contacts", "rivals", "enumeration", "checkbox", options=["a", "b", "c"])
    made = account.create("contacts", rivals="b;a")
    assert account.hub.get("contacts", made["id"])["rivals"] == "a;b"
    account.patch(f"contacts/{made['id']}", {"rivals": ";c;b"})
    assert account.hub.get("contacts", made["id"])["rivals"] == "a;b;c"
    account.patch(f"contacts/{made['id']}", {"rivals": "c"})
    assert account.hub.get("contacts", made["id"])["rivals"] == "c"
    assert codes(account.patch(f"contacts/{made['id']}", {"rivals": "a; b"})) == ["INVALID_OPTION"]


def test_a_boolean_is_true_or_false_in_lower_case(account: Account) -> None:
    account.hub.define_property("contacts", "on_site", "bool", "booleancheckbox")
    assert codes(account.post("contacts", {"properties": {"on_site": "True"}})) == ["INVALID_OPTION"]


def test_an_empty_string_clears_and_null_is_ignored(account: Account) -> None:
    made = account.create("contacts", email="a@b.co", phone="1", city="Ulm")
    account.patch(f"contacts/{made['id']}", {"phone": "", "city": None})
    shown = account.get(f"contacts/{made['id']}", properties=["phone", "city"]).json()["properties"]
    assert shown["phone"] == ""
    assert shown["city"] == "Ulm"


def test_an_owner_is_an_owner_id_and_not_a_user_id(account: Account) -> None:
    owner = account.get("/crm/v3/owners").json()["results"][0]
    assert account.post("contacts", {"properties": {"hubspot_owner_id": str(owner["userId"])}}).status_code == 400
    assert account.create("contacts", hubspot_owner_id=owner["id"])["properties"]["hubspot_owner_id"] == owner["id"]


def test_the_list_goes_by_id_and_ends_without_paging(account: Account) -> None:
    ids = account.hub.seed("contacts", [{"lastname": str(n)} for n in range(25)])
    read: list[str] = []
    after = None
    while True:
        page = account.get("contacts", limit=10, **({"after": after} if after else {})).json()
        read += [row["id"] for row in page["results"]]
        if "paging" not in page:
            break
        after = page["paging"]["next"]["after"]
    assert read == ids
    assert "paging" not in account.get("contacts", limit=25).json()
    assert account.get("contacts", limit=101).status_code == 400
    assert account.get("contacts", limit=51, propertiesWithHistory="email").status_code == 400


def test_archived_records_have_a_list_of_their_own_for_90_days(account: Account) -> None:
    kept, gone = account.hub.seed("contacts", [{"lastname": "kept"}, {"lastname": "gone"}])
    assert account.call("DELETE", f"contacts/{gone}").status_code == 204
    assert [row["id"] for row in account.get("contacts").json()["results"]] == [kept]
    assert [row["id"] for row in account.get("contacts", archived="true").json()["results"]] == [gone]
    assert account.get(f"contacts/{gone}").status_code == 404
    shown = account.get(f"contacts/{gone}", archived=True).json()
    assert shown["archived"] is True
    assert shown["archivedAt"]
    account.clock.pass_(91 * DAY)
    assert account.get("contacts", archived=True).json()["results"] == []


def test_deleting_what_is_not_there_is_204(account: Account) -> None:
    assert account.call("DELETE", "contacts/999").status_code == 204
    assert account.hub.writes["contacts"] == 0


def test_missing_records_and_ids_that_are_no_numbers_have_their_own_404s(account: Account) -> None:
    unknown = account.get("contacts/999")
    assert (unknown.status_code, unknown.json()["message"]) == (404, "resource not found")
    assert "category" not in unknown.json()
    wordy = account.get("contacts/ann")
    assert (wordy.status_code, wordy.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_an_address_is_trimmed_lower_cased_and_unique(account: Account) -> None:
    made = account.create("contacts", email=" Ann@Example.COM ")
    assert account.hub.get("contacts", made["id"])["email"] == "ann@example.com"
    conflict = account.post("contacts", {"properties": {"email": "ANN@example.com"}})
    assert conflict.status_code == 409
    assert conflict.json()["category"] == "CONFLICT"
    assert conflict.json()["message"] == f"Contact already exists. Existing ID: {made['id']}"
    assert len(account.hub.all("contacts")) == 1


def test_a_secondary_address_conflicts_in_the_second_form(account: Account) -> None:
    """The second id in the text owns the value; the first belongs to a record that never came to be."""
    (owner,) = account.hub.seed("contacts", [{"email": "a@b.co", "hs_additional_emails": "old@b.co;older@b.co"}])
    conflict = account.post("contacts", {"properties": {"email": "older@b.co"}})
    assert conflict.status_code == 400
    assert conflict.json()["category"] == "VALIDATION_ERROR"
    assert f". {owner} already has that value." in conflict.json()["message"]
    assert "propertyName=email, value=older@b.co} on " in conflict.json()["message"]
    assert account.get("contacts/older@b.co", idProperty="email").json()["id"] == owner


def test_a_secondary_address_is_free_once_its_record_is_archived(account: Account) -> None:
    (owner,) = account.hub.seed("contacts", [{"email": "a@b.co", "hs_additional_emails": "old@b.co"}])
    account.call("DELETE", f"contacts/{owner}")
    assert account.create("contacts", email="old@b.co")["id"] != owner


def test_an_address_that_search_does_not_see_yet_conflicts_in_the_second_form() -> None:
    with open_account(index_lag=30) as account:
        account.create("contacts", email="a@b.co")
        assert account.post("contacts", {"properties": {"email": "a@b.co"}}).status_code == 400
        account.clock.pass_(31)
        assert account.post("contacts", {"properties": {"email": "a@b.co"}}).status_code == 409


def test_a_unique_property_is_unique_and_reads_by_value(account: Account) -> None:
    account.hub.define_property("companies", "erp_id", unique=True)
    made = account.create("companies", name="Acme", erp_id="C-1")
    conflict = account.post("companies", {"properties": {"name": "Other", "erp_id": "c-1"}})
    assert conflict.status_code == 400
    assert f". {made['id']} already has that value." in conflict.json()["message"]
    assert account.get("companies/C-1", idProperty="erp_id").json()["id"] == made["id"]
    assert account.get("companies/Acme", idProperty="name").status_code == 400


def test_a_freed_value_can_be_taken(account: Account) -> None:
    first = account.create("contacts", email="a@b.co")
    account.patch(f"contacts/{first['id']}", {"email": "c@b.co"})
    second = account.create("contacts", email="a@b.co")
    account.call("DELETE", f"contacts/{second['id']}")
    assert account.create("contacts", email="a@b.co")["id"] != second["id"]


def test_a_company_domain_is_not_unique(account: Account) -> None:
    first = account.create("companies", domain="acme.com")
    assert account.create("companies", domain="acme.com")["id"] != first["id"]


def test_companies_and_deals_need_their_names(account: Account) -> None:
    assert account.post("companies", {"properties": {"city": "Ulm"}}).status_code == 400
    assert account.post("deals", {"properties": {"dealname": "d"}}).status_code == 400
    account.create("deals", dealname="d", dealstage="closedwon", pipeline="default", amount="1500.50")


def test_ids_say_nothing_without_their_type(account: Account) -> None:
    assert account.create("contacts", email="a@b.co")["id"] == account.create("companies", name="Acme")["id"]


def test_the_stage_only_goes_forward_and_says_nothing(account: Account) -> None:
    made = account.create("contacts", email="a@b.co", lifecyclestage="opportunity")
    answer = account.patch(f"contacts/{made['id']}", {"lifecyclestage": "lead"})
    assert answer.status_code == 200
    assert answer.json()["properties"]["lifecyclestage"] == "opportunity"
    assert account.patch(f"contacts/{made['id']}", {"lifecyclestage": "customer"}).json()["properties"] == {
        **answer.json()["properties"],
        "lifecyclestage": "customer",
    }


def test_the_stage_goes_back_once_it_was_cleared(account: Account) -> None:
    made = account.create("contacts", email="a@b.co", lifecyclestage="customer")
    account.patch(f"contacts/{made['id']}", {"lifecyclestage": ""})
    account.patch(f"contacts/{made['id']}", {"lifecyclestage": "lead"})
    assert account.hub.get("contacts", made["id"])["lifecyclestage"] == "lead"


def test_an_account_may_refuse_an_earlier_stage_loudly() -> None:
    with open_account(stage_backwards="refuse") as account:
        made = account.create("companies", name="Acme", lifecyclestage="customer")
        assert account.patch(f"companies/{made['id']}", {"lifecyclestage": "lead"}).status_code == 400
        account.hub.edit("companies", made["id"], {"lifecyclestage": "lead"})
        assert account.hub.get("companies", made["id"])["lifecyclestage"] == "lead"


def test_a_record_made_by_the_api_starts_as_lead_and_dates_its_stages(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    account.clock.pass_(60)
    account.patch(f"contacts/{made['id']}", {"lifecyclestage": "customer"})
    held = account.hub.get("contacts", made["id"])
    assert held["hs_lifecyclestage_lead_date"] == "2027-01-15T08:00:00Z"
    assert held["hs_lifecyclestage_customer_date"] == "2027-01-15T08:01:00Z"


def test_last_modified_moves_on_every_write_even_one_that_changes_nothing(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    stamps = [made["updatedAt"]]
    for write in (
        lambda: account.patch(f"contacts/{made['id']}", {"email": "a@b.co"}),
        lambda: account.hub.noise("contacts", made["id"]),
        lambda: account.hub.edit("contacts", made["id"], {"city": "Ulm"}),
    ):
        account.clock.pass_(0.25)
        write()
        shown = account.get(f"contacts/{made['id']}").json()
        assert shown["properties"]["lastmodifieddate"] == shown["updatedAt"]
        stamps.append(shown["updatedAt"])
    assert stamps == [f"2027-01-15T08:00:00{part}Z" for part in ("", ".250", ".500", ".750")]


def test_records_written_in_one_millisecond_share_their_stamp(account: Account) -> None:
    stamps = {account.create("contacts", email=f"{n}@b.co")["updatedAt"] for n in range(3)}
    assert stamps == {"2027-01-15T08:00:00Z"}


def test_only_writes_through_the_api_are_counted(account: Account) -> None:
    (seeded,) = account.hub.seed("contacts", [{"email": "a@b.co"}])
    account.hub.edit("contacts", seeded, {"city": "Ulm"})
    assert account.hub.writes["contacts"] == 0
    account.patch(f"contacts/{seeded}", {"city": "Bonn"})
    account.call("DELETE", f"contacts/{seeded}")
    assert account.hub.writes["contacts"] == 2


def test_history_is_newest_first_and_tells_people_from_programs(account: Account) -> None:
    made = account.create("contacts", email="a@b.co", city="Ulm")
    account.clock.pass_(1)
    account.hub.edit("contacts", made["id"], {"city": "Bonn"})
    shown = account.get(f"contacts/{made['id']}", propertiesWithHistory="city").json()
    versions = shown["propertiesWithHistory"]["city"]
    assert [(version["value"], version["sourceType"]) for version in versions] == [
        ("Bonn", "CRM_UI"),
        ("Ulm", "INTEGRATION"),
    ]
    assert shown["properties"]["city"] == "Bonn"


def test_history_keeps_45_versions(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    for n in range(50):
        account.hub.edit("contacts", made["id"], {"hs_analytics_last_url": f"https://example.com/{n}"})
    shown = account.get(f"contacts/{made['id']}", propertiesWithHistory="hs_analytics_last_url").json()
    assert len(shown["propertiesWithHistory"]["hs_analytics_last_url"]) == 45


def test_a_merge_makes_a_third_id_to_which_both_old_ones_lead(account: Account) -> None:
    first, second = account.hub.seed(
        "contacts",
        [
            {"email": "a@b.co", "city": "Ulm", "lifecyclestage": "lead"},
            {"email": "c@b.co", "city": "Bonn", "phone": "1", "lifecyclestage": "customer"},
        ],
    )
    answer = account.post("contacts/merge", {"primaryObjectId": first, "objectIdToMerge": second})
    merged = answer.json()
    assert merged["id"] not in (first, second)
    held = account.hub.get("contacts", merged["id"])
    assert (held["email"], held["city"], held["phone"], held["lifecyclestage"]) == ("a@b.co", "Ulm", "1", "customer")
    assert held["hs_additional_emails"] == "c@b.co"
    assert held["hs_merged_object_ids"] == f"{first};{second}"
    now = account.clock.ms
    assert held["hs_calculated_merged_vids"] == f"{first}:{now};{second}:{now}"
    assert [account.get(f"contacts/{old}").json()["id"] for old in (first, second)] == [merged["id"]] * 2
    assert account.get("contacts", archived=True).json()["results"] == []


def test_merges_follow_one_another(account: Account) -> None:
    a, b, c = account.hub.seed("companies", [{"name": name} for name in "abc"])
    once = account.hub.merge("companies", a, b)
    twice = account.hub.merge("companies", c, once)
    assert account.get(f"companies/{a}").json()["id"] == twice
    assert account.hub.get("companies", twice)["hs_merged_object_ids"].split(";") == [a, b, c, once]


def test_a_gdpr_delete_leaves_nothing_behind(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    answer = account.post("contacts/gdpr-delete", {"objectId": "a@b.co", "idProperty": "email"})
    assert answer.status_code == 204
    assert account.get(f"contacts/{made['id']}").status_code == 404
    assert account.get("contacts", archived=True).json()["results"] == []
    assert account.create("contacts", email="a@b.co")["id"] != made["id"]


def test_a_contact_shows_its_company_when_asked(account: Account) -> None:
    company = account.create("companies", name="Acme")["id"]
    link = {"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}
    made = account.post("contacts", {"properties": {"email": "a@b.co"}, "associations": [link]}).json()
    shown = account.get(f"contacts/{made['id']}", associations="companies").json()
    assert shown["associations"]["companies"]["results"] == [{"id": company, "type": "contact_to_company"}]
    assert "associations" not in account.get(f"contacts/{made['id']}").json()


def test_custom_objects_answer_under_their_type_id_and_full_name(account: Account) -> None:
    type_id = account.hub.define_object("branches")
    account.hub.define_property("branches", "ship_to", unique=True)
    made = account.create(type_id, ship_to="S-1")
    assert account.get(f"p{account.hub.portal.portal_id}_branches/{made['id']}").json()["id"] == made["id"]
    assert account.get("9-9").status_code == 400


def test_a_custom_rule_binds_from_2026_09_on(account: Account) -> None:
    account.hub.require("contacts", "state", when="country")
    account.hub.require("contacts", "phone")
    properties = {"properties": {"email": "a@b.co", "country": "DE"}}
    refused = account.post("/crm/objects/2026-09/contacts", properties)
    assert codes(refused) == ["MISSING_CONDITIONAL_REQUIRED_PROPERTY", "MISSING_REQUIRED_PROPERTY"]
    made = account.post("contacts", properties)
    assert made.status_code == 201
    path = f"/crm/objects/2026-09/contacts/{made.json()['id']}"
    assert codes(account.patch(path, {"country": "FR"})) == ["MISSING_CONDITIONAL_REQUIRED_PROPERTY"]
    assert account.patch(path, {"city": "Ulm"}).status_code == 200
