"""The standard fields, condensed from the contract's field catalogue; what a field means is schema.py's business.

One line per field: name, type, length, flags, referenced objects. Flags: c createable, u updateable, n nillable,
d defaulted on create, f filterable, r restricted picklist, i idLookup. The seven system fields every object has are
left out. The objects after LeadStatus are not in the contract's catalogue: they hold what the daemon needs to look up
(owners, stages, permissions), with the key prefixes of OpportunityStage and FieldPermissions unverified.
"""

from __future__ import annotations

OBJECTS = """
Lead 00Q
  MasterRecordId reference 18 nf Lead
  LastName string 80 cuf
  FirstName string 40 cunf
  Salutation picklist 40 cunf
  Name string 121 f
  Title string 128 cunf
  Company string 255 cuf
  Street textarea 255 cunf
  City string 40 cunf
  State string 80 cunf
  PostalCode string 20 cunf
  Country string 80 cunf
  StateCode picklist 10 cunf
  CountryCode picklist 10 cunf
  Latitude double 0 cunf
  Longitude double 0 cunf
  GeocodeAccuracy picklist 40 cunfr
  Address address 0 nf
  Phone phone 40 cunf
  MobilePhone phone 40 cunf
  Fax phone 40 cunf
  Email email 80 cunfi
  Website url 255 cunf
  Description textarea 32000 cun
  LeadSource picklist 255 cunf
  Status picklist 255 cudf
  Industry picklist 255 cunf
  Rating picklist 255 cunf
  AnnualRevenue currency 0 cunf
  NumberOfEmployees int 0 cunf
  OwnerId reference 18 cudf Group,User
  HasOptedOutOfEmail boolean 0 cudf
  HasOptedOutOfFax boolean 0 cudf
  DoNotCall boolean 0 cudf
  IsConverted boolean 0 df
  ConvertedDate date 0 nf
  ConvertedAccountId reference 18 nf Account
  ConvertedContactId reference 18 nf Contact
  ConvertedOpportunityId reference 18 nf Opportunity
  IsUnreadByOwner boolean 0 cudf
  LastActivityDate date 0 nf
  LastViewedDate datetime 0 nf
  LastReferencedDate datetime 0 nf
  Jigsaw string 20 cunf
  JigsawContactId string 20 nf
  CleanStatus picklist 40 cunfr
  CompanyDunsNumber string 9 cunf
  DandbCompanyId reference 18 cunf DandBCompany
  EmailBouncedReason string 255 unf
  EmailBouncedDate datetime 0 unf
  IndividualId reference 18 cunf Individual
  RecordTypeId reference 18 cunf RecordType
  CurrencyIsoCode picklist 3 cundfr
Contact 003
  MasterRecordId reference 18 nf Contact
  AccountId reference 18 cunf Account
  LastName string 80 cuf
  FirstName string 40 cunf
  Salutation picklist 40 cunf
  Name string 121 f
  MailingStreet textarea 255 cunf
  MailingCity string 40 cunf
  MailingState string 80 cunf
  MailingPostalCode string 20 cunf
  MailingCountry string 80 cunf
  MailingStateCode picklist 10 cunf
  MailingCountryCode picklist 10 cunf
  MailingAddress address 0 nf
  OtherStreet textarea 255 cunf
  OtherCity string 40 cunf
  OtherState string 80 cunf
  OtherPostalCode string 20 cunf
  OtherCountry string 80 cunf
  OtherAddress address 0 nf
  Phone phone 40 cunf
  Fax phone 40 cunf
  MobilePhone phone 40 cunf
  HomePhone phone 40 cunf
  OtherPhone phone 40 cunf
  AssistantPhone phone 40 cunf
  AssistantName string 40 cunf
  ReportsToId reference 18 cunf Contact
  Email email 80 cunfi
  Title string 128 cunf
  Department string 80 cunf
  LeadSource picklist 255 cunf
  Birthdate date 0 cunf
  Description textarea 32000 cun
  OwnerId reference 18 cudf User
  HasOptedOutOfEmail boolean 0 cudf
  HasOptedOutOfFax boolean 0 cudf
  DoNotCall boolean 0 cudf
  LastActivityDate date 0 nf
  LastCURequestDate datetime 0 nf
  LastCUUpdateDate datetime 0 nf
  EmailBouncedReason string 255 unf
  EmailBouncedDate datetime 0 unf
  IsEmailBounced boolean 0 df
  Jigsaw string 20 cunf
  CleanStatus picklist 40 cunfr
  IndividualId reference 18 cunf Individual
  RecordTypeId reference 18 cunf RecordType
  CurrencyIsoCode picklist 3 cundfr
Account 001
  MasterRecordId reference 18 nf Account
  Name string 255 cufi
  Type picklist 255 cunf
  ParentId reference 18 cunf Account
  BillingStreet textarea 255 cunf
  BillingCity string 40 cunf
  BillingState string 80 cunf
  BillingPostalCode string 20 cunf
  BillingCountry string 80 cunf
  BillingStateCode picklist 10 cunf
  BillingCountryCode picklist 10 cunf
  BillingLatitude double 0 cunf
  BillingLongitude double 0 cunf
  BillingAddress address 0 nf
  ShippingStreet textarea 255 cunf
  ShippingCity string 40 cunf
  ShippingState string 80 cunf
  ShippingPostalCode string 20 cunf
  ShippingCountry string 80 cunf
  ShippingStateCode picklist 10 cunf
  ShippingCountryCode picklist 10 cunf
  ShippingLatitude double 0 cunf
  ShippingLongitude double 0 cunf
  ShippingAddress address 0 nf
  Phone phone 40 cunf
  Fax phone 40 cunf
  AccountNumber string 40 cunf
  Website url 255 cunf
  Sic string 20 cunf
  SicDesc string 80 cunf
  Industry picklist 255 cunf
  AnnualRevenue currency 0 cunf
  NumberOfEmployees int 0 cunf
  Ownership picklist 255 cunf
  TickerSymbol string 20 cunf
  Description textarea 32000 cun
  Rating picklist 255 cunf
  Site string 80 cunf
  OwnerId reference 18 cudf User
  AccountSource picklist 255 cunf
  DunsNumber string 9 cunf
  NaicsCode string 8 cunf
  NaicsDesc string 120 cunf
  Tradestyle string 255 cunf
  YearStarted string 4 cunf
  DandbCompanyId reference 18 cunf DandBCompany
  OperatingHoursId reference 18 cunf OperatingHours
  CleanStatus picklist 40 cunfr
  Jigsaw string 20 cunf
  LastActivityDate date 0 nf
  RecordTypeId reference 18 cunf RecordType
  CurrencyIsoCode picklist 3 cundfr
Opportunity 006
  AccountId reference 18 cunf Account
  Name string 120 cuf
  Description textarea 32000 cun
  StageName picklist 255 cuf
  Amount currency 0 cunf
  Probability percent 0 cundf
  ExpectedRevenue currency 0 nf
  TotalOpportunityQuantity double 0 cunf
  CloseDate date 0 cuf
  Type picklist 255 cunf
  NextStep string 255 cunf
  LeadSource picklist 255 cunf
  IsClosed boolean 0 df
  IsWon boolean 0 df
  ForecastCategory picklist 40 dfr
  ForecastCategoryName picklist 255 cundfr
  CampaignId reference 18 cunf Campaign
  HasOpportunityLineItem boolean 0 df
  Pricebook2Id reference 18 cunf Pricebook2
  OwnerId reference 18 cudf User
  ContactId reference 18 cnf Contact
  FiscalQuarter int 0 nf
  FiscalYear int 0 nf
  Fiscal string 6 nf
  LastActivityDate date 0 nf
  LastStageChangeDate datetime 0 nf
  RecordTypeId reference 18 cunf RecordType
  CurrencyIsoCode picklist 3 cundfr
Campaign 701
  Name string 80 cufi
  ParentId reference 18 cunf Campaign
  Type picklist 255 cundf
  Status picklist 255 cundf
  StartDate date 0 cunf
  EndDate date 0 cunf
  ExpectedRevenue currency 0 cunf
  BudgetedCost currency 0 cunf
  ActualCost currency 0 cunf
  ExpectedResponse percent 0 cunf
  NumberSent double 0 cunf
  IsActive boolean 0 cudf
  Description textarea 32000 cun
  OwnerId reference 18 cudf User
  CampaignMemberRecordTypeId reference 18 cunf RecordType
  NumberOfLeads int 0 f
  NumberOfConvertedLeads int 0 f
  NumberOfContacts int 0 f
  NumberOfResponses int 0 f
  NumberOfOpportunities int 0 f
  NumberOfWonOpportunities int 0 f
  AmountAllOpportunities currency 0 f
  AmountWonOpportunities currency 0 f
  LastActivityDate date 0 nf
  CurrencyIsoCode picklist 3 cundfr
CampaignMember 00v
  CampaignId reference 18 cf Campaign
  LeadId reference 18 cnf Lead
  ContactId reference 18 cnf Contact
  AccountId reference 18 cnf Account
  Status picklist 40 cunf
  HasResponded boolean 0 df
  FirstRespondedDate date 0 nf
  LeadOrContactId reference 18 nf Contact,Lead
  LeadOrContactOwnerId reference 18 nf Group,User
  CompanyOrAccount string 255 nf
  Name string 121 nf
  FirstName string 40 nf
  LastName string 80 nf
  Email email 80 nf
  Phone phone 40 nf
  MobilePhone phone 40 nf
  Title string 128 nf
  Street textarea 255 nf
  City string 40 nf
  State string 80 nf
  PostalCode string 20 nf
  Country string 80 nf
  LeadSource picklist 255 nf
  Type picklist 255 nf
  HasOptedOutOfEmail boolean 0 df
  HasOptedOutOfFax boolean 0 df
  DoNotCall boolean 0 df
  Description textarea 32000 n
  RecordTypeId reference 18 cunf RecordType
CampaignMemberStatus 01Y
  CampaignId reference 18 cf Campaign
  Label string 765 cuf
  SortOrder int 0 cuf
  IsDefault boolean 0 cudf
  HasResponded boolean 0 cudf
Task 00T
  WhoId reference 18 cunf Contact,Lead
  WhatId reference 18 cunf Account,Campaign,Opportunity,other
  Subject combobox 255 cunf
  ActivityDate date 0 cunf
  Status picklist 255 cudf
  Priority picklist 255 cudf
  IsHighPriority boolean 0 df
  OwnerId reference 18 cudf Group,User
  Description textarea 32000 cun
  Type picklist 255 cunf
  AccountId reference 18 nf Account
  IsClosed boolean 0 df
  IsArchived boolean 0 df
  CallDurationInSeconds int 0 cunf
  CallType picklist 40 cunfr
  CallDisposition string 255 cunf
  CallObject string 255 cunf
  ReminderDateTime datetime 0 cunf
  IsReminderSet boolean 0 cudf
  TaskSubtype picklist 40 cnfr
  CompletedDateTime datetime 0 nf
  IsRecurrence boolean 0 cdf
  RecordTypeId reference 18 cunf RecordType
OpportunityContactRole 00K
  OpportunityId reference 18 cf Opportunity
  ContactId reference 18 cuf Contact
  Role picklist 255 cunf
  IsPrimary boolean 0 cudf
  CurrencyIsoCode picklist 3 cndfr
LeadStatus 01J
  ApiName string 255 fi
  MasterLabel string 255 nf
  SortOrder int 0 nf
  IsDefault boolean 0 df
  IsConverted boolean 0 df
OpportunityStage 01j
  ApiName string 255 fi
  MasterLabel string 255 nf
  SortOrder int 0 nf
  IsActive boolean 0 df
  IsClosed boolean 0 df
  IsWon boolean 0 df
  DefaultProbability percent 0 nf
  ForecastCategoryName picklist 255 nf
User 005
  Username string 80 cufi
  Name string 121 f
  FirstName string 40 cunf
  LastName string 80 cuf
  Email email 128 cuf
  IsActive boolean 0 cudf
  UserType picklist 40 df
Group 00G
  Name string 40 cuf
  DeveloperName string 80 cunf
  Type picklist 40 cf
  Email email 255 cunf
Organization 00D
  Name string 80 uf
  IsSandbox boolean 0 df
  DefaultCurrencyIsoCode picklist 3 nf
RecordType 012
  Name string 80 cuf
  DeveloperName string 80 cuf
  SobjectType picklist 40 cf
  IsActive boolean 0 cudf
PermissionSet 0PS
  Name string 80 cuf
  Label string 80 cuf
PermissionSetAssignment 0Pa
  PermissionSetId reference 18 cf PermissionSet
  AssigneeId reference 18 cf User
FieldPermissions 01k
  ParentId reference 18 cf PermissionSet
  SobjectType picklist 40 cf
  Field picklist 255 cf
  PermissionsRead boolean 0 cudf
  PermissionsEdit boolean 0 cudf
CustomField 00N tooling
  DeveloperName string 80 f
  TableEnumOrId string 255 f
"""

PICKLISTS: dict[str, tuple[str, ...]] = {
    "Salutation": ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof."),
    "LeadSource": ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
    "Industry": ("Agriculture", "Chemicals", "Construction", "Engineering", "Manufacturing", "Retail", "Other"),
    "Rating": ("Hot", "Warm", "Cold"),
    "CleanStatus": (
        "Matched",
        "Different",
        "Acknowledged",
        "NotFound",
        "Inactive",
        "Pending",
        "SelectMatch",
        "Skipped",
    ),
    "GeocodeAccuracy": ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "City", "County", "State"),
    "Task.Status": ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
    "Task.Priority": ("High", "Normal", "Low"),
    "Task.CallType": ("Internal", "Inbound", "Outbound"),
    "Task.TaskSubtype": ("Task", "Email", "ListEmail", "Call", "LinkedIn"),
    "Campaign.Status": ("Planned", "In Progress", "Completed", "Aborted"),
    "Campaign.Type": ("Conference", "Webinar", "Trade Show", "Email", "Advertisement", "Direct Mail", "Other"),
    "Opportunity.ForecastCategoryName": ("Omitted", "Pipeline", "Best Case", "Commit", "Closed"),
    "Opportunity.ForecastCategory": ("Omitted", "Pipeline", "BestCase", "Forecast", "Closed"),
}

DEFAULTS: dict[str, str] = {
    "Task.Status": "Not Started",
    "Task.Priority": "Normal",
    "Campaign.Status": "Planned",
    "Campaign.Type": "Other",
}

# label, IsDefault, IsConverted
LEAD_STATUSES: tuple[tuple[str, bool, bool], ...] = (
    ("Open - Not Contacted", True, False),
    ("Working - Contacted", False, False),
    ("Closed - Converted", False, True),
    ("Closed - Not Converted", False, False),
)

# label, probability, IsClosed, IsWon, forecast category
STAGES: tuple[tuple[str, float, bool, bool, str], ...] = (
    ("Prospecting", 10.0, False, False, "Pipeline"),
    ("Qualification", 10.0, False, False, "Pipeline"),
    ("Needs Analysis", 20.0, False, False, "Pipeline"),
    ("Proposal/Price Quote", 75.0, False, False, "Best Case"),
    ("Negotiation/Review", 90.0, False, False, "Commit"),
    ("Closed Won", 100.0, True, True, "Closed"),
    ("Closed Lost", 0.0, True, False, "Omitted"),
)

# Exist only where the feature is on: state and country picklists, several currencies, record types.
CONDITIONAL = ("StateCode", "CountryCode", "CurrencyIsoCode", "RecordTypeId", "CampaignMemberRecordTypeId")
