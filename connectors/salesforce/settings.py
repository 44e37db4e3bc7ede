"""What an admin must configure to reach one Salesforce org.

Whether the values work is found out by `check`, not here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SalesforceAuth(BaseModel):
    """How syncd logs in: `client_id` with `client_secret`, or a `session_id` made elsewhere."""

    model_config = _STRICT

    client_id: str | None = Field(
        None, description="Consumer key of the external client app that has the client credentials flow enabled."
    )
    client_secret: SecretStr | None = Field(None, description="Consumer secret of that app.")
    token_url: str | None = Field(
        None, description="Where tokens are issued. Left out: instance_url followed by /services/oauth2/token."
    )
    session_id: SecretStr | None = Field(
        None, description="A session id or access token made elsewhere. It is never renewed, so use it for trials only."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> SalesforceAuth:
        pair = (self.client_id, self.client_secret)
        if self.session_id is not None:
            if any(pair) or self.token_url:
                raise ValueError("give either session_id, or client_id and client_secret, not both")
        elif not all(pair):
            raise ValueError("client_id and client_secret are both needed (or a session_id for a trial)")
        return self


class SalesforceBudget(BaseModel):
    """How much of the org's daily API calls syncd may spend; the org shares them among all its integrations."""

    model_config = _STRICT

    per_day: int | None = Field(
        None, ge=1, description="Calls a day (UTC) that syncd may make. Left out: `share` of the org's own total."
    )
    share: float = Field(0.2, gt=0, le=1, description="Part of the org's daily total that syncd may use.")
    reserve: float = Field(0.1, ge=0, lt=1, description="Part of these calls that reading leaves to handoffs.")
    reading_stops_at: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Only handoffs go on while the org as a whole has used more than this part of its total.",
    )
    stop_at: float = Field(
        0.95, gt=0, le=1, description="syncd pauses while the org as a whole has used more than this part of its total."
    )


class SalesforceBulkFrom(BaseModel):
    """From how many rows on the Bulk API 2.0 is used in place of queries and collections."""

    model_config = _STRICT

    reads: int | None = Field(
        50_000,
        ge=2_000,
        description="Rows still to be read of one object, at its first load or after a long pause. null: never.",
    )
    writes: int | None = Field(
        None,
        ge=1,
        description="Rows of one object in one batch of the handoff. Needs a handoff.batch as large. null: never.",
    )


class SalesforceTimeouts(BaseModel):
    """Seconds after which a call is given up and tried again."""

    model_config = _STRICT

    connect: float = Field(5.0, gt=0, description="To open a connection.")
    # Salesforce itself ends a query after about two minutes, and says so: then fewer rows are asked for.
    read: float = Field(150.0, gt=0, description="Between two pieces of an answer.")
    total: float = Field(300.0, gt=0, description="For the whole answer.")


class SalesforceSettings(BaseModel):
    """The `salesforce` connector's part of the configuration."""

    model_config = _STRICT

    instance_url: str = Field(description="The org's My Domain address, such as https://acme.my.salesforce.com.")
    auth: SalesforceAuth = Field(description="How syncd logs in.")
    api_version: str = Field("66.0", pattern=r"^\d{2,3}\.0$", description="REST API version, 50.0 or later.")
    org_id: str | None = Field(
        None,
        pattern=r"^00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$",
        description="The org's id. When set, syncd refuses to read or write any other org.",
    )
    ca: str | None = Field(None, description="File of certificate authorities to trust in place of the system's.")
    insecure_http: bool = Field(
        False, description="Permit http:// to another machine. Tokens and personal data then travel in the clear."
    )
    budget: SalesforceBudget = Field(SalesforceBudget.model_construct(), description="Daily API calls.")
    timeouts: SalesforceTimeouts = Field(SalesforceTimeouts.model_construct(), description="Seconds to wait.")
    overlap: int = Field(
        900,
        ge=0,
        description="Seconds that are looked back over for rows that were committed after rows with a later stamp. "
        "Set it above the longest transaction of the org.",
    )
    bulk_from: SalesforceBulkFrom = Field(
        SalesforceBulkFrom.model_construct(), description="When the Bulk API 2.0 is used."
    )
    auto_assign: bool = Field(
        False,
        description="Let the org's lead assignment rules run on what syncd writes. They may move the owner on every "
        "update.",
    )
    create_despite_alerts: bool = Field(
        False,
        description="Create records that a duplicate rule of the org finds like others, where it only alerts people. "
        "One that blocks always stops them.",
    )

    record_types: dict[str, str] = Field(
        default_factory=dict,
        description="Record types of what syncd creates: kind -> its API name, such as "
        "Account:Syncd_Branch_Key__c: Ship_To.",
    )

    permission_set: str = Field(
        "syncd",
        pattern=r"^[A-Za-z]\w*$",
        description="API name of the permission set in which `setup` grants the fields that it creates.",
    )

    @field_validator("instance_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise ValueError("must be an address such as https://acme.my.salesforce.com")
        path = parts.path.rstrip("/")
        if parts.query or parts.fragment or (path and host.endswith(".salesforce.com")):
            raise ValueError("must end after the host name: paths are added by syncd")
        if host.endswith("lightning.force.com"):
            raise ValueError("is the address of the pages; use the My Domain address that ends in .my.salesforce.com")
        if host in ("login.salesforce.com", "test.salesforce.com"):
            raise ValueError("is the shared log-in host; use the org's My Domain address (Setup, My Domain)")
        usual = {"http": 80, "https": 443}[parts.scheme]
        port = "" if parts.port in (None, usual) else f":{parts.port}"
        name = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{name}{port}{path}"

    @field_validator("api_version")
    @classmethod
    def _has_collections(cls, value: str) -> str:
        if float(value) < 50:
            raise ValueError("must be 50.0 or later")
        return value

    @property
    def token_url(self) -> str:
        """Where tokens are issued."""
        return self.auth.token_url or f"{self.instance_url}/services/oauth2/token"
