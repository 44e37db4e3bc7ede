"""The definitions of properties: what one is, and those that every HubSpot account is born with.

What may be stored under a definition is judged in values.py; the properties API is in properties.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Option:
    """One choice of an enumeration; `value` is stored, `label` is shown."""

    label: str
    value: str
    display_order: int
    hidden: bool = False
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property of an object type. `created`, `updated` and `archived` are epoch milliseconds."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: tuple[Option, ...] = ()
    description: str = ""
    display_order: int = -1
    unique: bool = False
    calculated: bool = False
    read_only: bool = False
    hidden: bool = False
    form_field: bool = False
    external_options: bool = False
    referenced_object_type: str | None = None
    hubspot_defined: bool = False
    created: int = 0
    updated: int = 0
    archived: int | None = None

    @property
    def email(self) -> bool:
        """Whether HubSpot checks and lower-cases the value as an address."""
        return self.name == "email" and self.hubspot_defined


STAGES = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)

_SOURCES = (
    "ORGANIC_SEARCH PAID_SEARCH EMAIL_MARKETING SOCIAL_MEDIA REFERRALS OTHER_CAMPAIGNS DIRECT_TRAFFIC OFFLINE "
    "PAID_SOCIAL"
)
_OPTIONS = {
    "hs_lead_status": "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING",
    "hs_analytics_source": _SOURCES,
    "hs_latest_source": _SOURCES,
    "numemployees": "1-5 5-25 25-50 50-100 100-500 500-1000 1000+",
    "type": "PROSPECT PARTNER RESELLER VENDOR OTHER",
    "hs_buying_role": (
        "BLOCKER BUDGET_HOLDER CHAMPION DECISION_MAKER END_USER EXECUTIVE_SPONSOR INFLUENCER LEGAL_AND_COMPLIANCE OTHER"
    ),
    "dealstage": (
        "appointmentscheduled qualifiedtobuy presentationscheduled decisionmakerboughtin contractsent closedwon "
        "closedlost"
    ),
    "pipeline": "default",
    "industry": (
        "ACCOUNTING AIRLINES_AVIATION ALTERNATIVE_DISPUTE_RESOLUTION ALTERNATIVE_MEDICINE ANIMATION APPAREL_FASHION "
        "ARCHITECTURE_PLANNING ARTS_AND_CRAFTS AUTOMOTIVE AVIATION_AEROSPACE BANKING BIOTECHNOLOGY BROADCAST_MEDIA "
        "BUILDING_MATERIALS BUSINESS_SUPPLIES_AND_EQUIPMENT CAPITAL_MARKETS CHEMICALS CIVIC_SOCIAL_ORGANIZATION "
        "CIVIL_ENGINEERING COMMERCIAL_REAL_ESTATE COMPUTER_NETWORK_SECURITY COMPUTER_GAMES COMPUTER_HARDWARE "
        "COMPUTER_NETWORKING COMPUTER_SOFTWARE INTERNET CONSTRUCTION CONSUMER_ELECTRONICS CONSUMER_GOODS "
        "CONSUMER_SERVICES COSMETICS DAIRY DEFENSE_SPACE DESIGN EDUCATION_MANAGEMENT E_LEARNING "
        "ELECTRICAL_ELECTRONIC_MANUFACTURING ENTERTAINMENT ENVIRONMENTAL_SERVICES EVENTS_SERVICES EXECUTIVE_OFFICE "
        "FACILITIES_SERVICES FARMING FINANCIAL_SERVICES FINE_ART FISHERY FOOD_BEVERAGES FOOD_PRODUCTION FUND_RAISING "
        "FURNITURE GAMBLING_CASINOS GLASS_CERAMICS_CONCRETE GOVERNMENT_ADMINISTRATION GOVERNMENT_RELATIONS "
        "GRAPHIC_DESIGN HEALTH_WELLNESS_AND_FITNESS HIGHER_EDUCATION HOSPITAL_HEALTH_CARE HOSPITALITY HUMAN_RESOURCES "
        "IMPORT_AND_EXPORT INDIVIDUAL_FAMILY_SERVICES INDUSTRIAL_AUTOMATION INFORMATION_SERVICES "
        "INFORMATION_TECHNOLOGY_AND_SERVICES INSURANCE INTERNATIONAL_AFFAIRS INTERNATIONAL_TRADE_AND_DEVELOPMENT "
        "INVESTMENT_BANKING INVESTMENT_MANAGEMENT JUDICIARY LAW_ENFORCEMENT LAW_PRACTICE LEGAL_SERVICES "
        "LEGISLATIVE_OFFICE LEISURE_TRAVEL_TOURISM LIBRARIES LOGISTICS_AND_SUPPLY_CHAIN LUXURY_GOODS_JEWELRY MACHINERY "
        "MANAGEMENT_CONSULTING MARITIME MARKET_RESEARCH MARKETING_AND_ADVERTISING MECHANICAL_OR_INDUSTRIAL_ENGINEERING "
        "MEDIA_PRODUCTION MEDICAL_DEVICES MEDICAL_PRACTICE MENTAL_HEALTH_CARE MILITARY MINING_METALS "
        "MOTION_PICTURES_AND_FILM MUSEUMS_AND_INSTITUTIONS MUSIC NANOTECHNOLOGY NEWSPAPERS "
        "NON_PROFIT_ORGANIZATION_MANAGEMENT OIL_ENERGY ONLINE_MEDIA OUTSOURCING_OFFSHORING PACKAGE_FREIGHT_DELIVERY "
        "PACKAGING_AND_CONTAINERS PAPER_FOREST_PRODUCTS PERFORMING_ARTS PHARMACEUTICALS PHILANTHROPY PHOTOGRAPHY "
        "PLASTICS POLITICAL_ORGANIZATION PRIMARY_SECONDARY_EDUCATION PRINTING PROFESSIONAL_TRAINING_COACHING "
        "PROGRAM_DEVELOPMENT PUBLIC_POLICY PUBLIC_RELATIONS_AND_COMMUNICATIONS PUBLIC_SAFETY PUBLISHING "
        "RAILROAD_MANUFACTURE RANCHING REAL_ESTATE RECREATIONAL_FACILITIES_AND_SERVICES RELIGIOUS_INSTITUTIONS "
        "RENEWABLES_ENVIRONMENT RESEARCH RESTAURANTS RETAIL SECURITY_AND_INVESTIGATIONS SEMICONDUCTORS SHIPBUILDING "
        "SPORTING_GOODS SPORTS STAFFING_AND_RECRUITING SUPERMARKETS TELECOMMUNICATIONS TEXTILES THINK_TANKS TOBACCO "
        "TRANSLATION_AND_LOCALIZATION TRANSPORTATION_TRUCKING_RAILROAD UTILITIES VENTURE_CAPITAL_PRIVATE_EQUITY "
        "VETERINARY WAREHOUSING WHOLESALE WINE_AND_SPIRITS WIRELESS WRITING_AND_EDITING"
    ),
}

# One line a property: name, type, fieldType, marks. r: read-only, c: calculated (so read-only), x: options kept
# elsewhere, u: unique, p: made by the portal's admin.
_COMMON = """
hs_object_id number number r
createdate datetime date r
hs_merged_object_ids enumeration checkbox rx
hs_object_source enumeration select rx
hs_object_source_label enumeration select rx
hs_object_source_detail_1 string text r
hubspot_owner_id enumeration select x
hubspot_owner_assigneddate datetime date r
hubspot_team_id enumeration select rx
hs_all_owner_ids enumeration checkbox rx
"""
_STAGED = "lifecyclestage enumeration radio -\nhs_lead_status enumeration radio -\n" + "".join(
    f"hs_lifecyclestage_{stage}_date datetime date r\n" for stage, _ in STAGES
)
_WEB = """
hs_analytics_source enumeration select r
hs_analytics_source_data_1 string text r
hs_analytics_source_data_2 string text r
hs_latest_source enumeration select r
hs_latest_source_timestamp datetime date r
hs_analytics_first_timestamp datetime date r
hs_analytics_last_timestamp datetime date r
hs_analytics_first_visit_timestamp datetime date r
hs_analytics_last_visit_timestamp datetime date r
hs_analytics_num_page_views number number r
hs_analytics_num_visits number number r
first_conversion_date datetime date c
first_conversion_event_name string text c
recent_conversion_date datetime date c
recent_conversion_event_name string text c
num_conversion_events number number c
notes_last_contacted datetime date r
notes_last_updated datetime date r
num_associated_deals number number c
"""
_LINES = {
    "contacts": _COMMON
    + _STAGED
    + _WEB
    + """
email string text u
firstname string text -
lastname string text -
salutation string text -
phone string phonenumber -
mobilephone string phonenumber -
fax string phonenumber -
company string text -
jobtitle string text -
country string text -
state string text -
city string text -
zip string text -
address string text -
industry string text -
numemployees enumeration select -
numberofemployees number number p
annualrevenue string text -
website string text -
message string textarea -
hs_buying_role enumeration checkbox -
hs_language enumeration select x
lastmodifieddate datetime date r
associatedcompanyid number number -
hs_additional_emails enumeration checkbox rx
hs_email_optout bool booleancheckbox r
hs_email_bad_address bool booleancheckbox r
hs_email_hard_bounce_reason_enum enumeration select rx
hs_email_last_email_name string text r
hs_email_last_open_date datetime date r
hs_email_last_click_date datetime date r
hs_email_open number number r
hs_email_click number number r
hs_sales_email_last_opened datetime date r
hs_sales_email_last_clicked datetime date r
hs_sales_email_last_replied datetime date r
hs_marketable_status enumeration select rx
hs_analytics_first_url string text r
hs_analytics_last_url string text r
hs_analytics_first_referrer string text r
hs_analytics_last_referrer string text r
hs_analytics_num_event_completions number number r
hs_analytics_average_page_views number number r
num_unique_conversion_events number number c
hs_calculated_form_submissions string text c
hs_calculated_merged_vids enumeration checkbox cx
hs_all_contact_vids enumeration checkbox cx
""",
    "companies": _COMMON
    + _STAGED
    + _WEB
    + """
name string text -
domain string text -
hs_additional_domains enumeration checkbox rx
hs_lastmodifieddate datetime date r
industry enumeration select -
numberofemployees number number -
annualrevenue number number -
phone string phonenumber -
address string text -
address2 string text -
city string text -
state string text -
zip string text -
country string text -
timezone string text -
website string text -
description string textarea -
founded_year string text -
is_public bool booleancheckbox -
type enumeration select -
hs_parent_company_id number number r
num_associated_contacts number number c
""",
    "deals": _COMMON
    + """
dealname string text -
amount number number -
closedate datetime date -
pipeline enumeration select -
dealstage enumeration radio -
dealtype enumeration select x
hs_lastmodifieddate datetime date r
""",
}
_CUSTOM = _COMMON + "hs_lastmodifieddate datetime date r\n"
GROUPS = {"contacts": "contactinformation", "companies": "companyinformation", "deals": "dealinformation"}


def standard_properties(kind: str) -> dict[str, Property]:
    """Return what an account has for the object type before anybody adds to it."""
    lines = _LINES.get(kind, _CUSTOM).split("\n")
    group = GROUPS.get(kind, f"{kind}_information")
    found = [_property(line.split(), group) for line in lines if line]
    return {definition.name: definition for definition in found}


def _property(line: list[str], group: str) -> Property:
    name, value_type, field_type, marks = line
    owner = name == "hubspot_owner_id"
    return Property(
        name=name,
        label=name.removeprefix("hs_").replace("_", " ").capitalize(),
        type=value_type,
        field_type=field_type,
        group="analyticsinformation" if name.startswith("hs_analytics") else group,
        options=() if "x" in marks or value_type != "enumeration" else _options(name),
        unique="u" in marks,
        calculated="c" in marks,
        read_only="r" in marks or "c" in marks,
        form_field=marks == "-",
        external_options="x" in marks,
        referenced_object_type="OWNER" if owner else None,
        hubspot_defined="p" not in marks,
    )


def _options(name: str) -> tuple[Option, ...]:
    if name == "lifecyclestage":
        return tuple(Option(label=label, value=value, display_order=i) for i, (value, label) in enumerate(STAGES))
    values = _OPTIONS[name].split()
    return tuple(
        Option(label=value.replace("_", " ").title(), value=value, display_order=i) for i, value in enumerate(values)
    )
