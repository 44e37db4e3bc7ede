"""What an operator may set for a HubSpot account; the descriptions here are the reference that admins read.

Reading the file and resolving ${...} to secrets is left to the caller.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.http import HttpSettings


class _Part(BaseModel):
    # An error that quotes what was typed could quote a token.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HubSpotOAuth(_Part):
    """An OAuth app's credentials, in place of a static token."""

    client_id: str = Field(description="The app's client id.")
    client_secret: SecretStr = Field(description="The app's client secret.")
    refresh_token: SecretStr = Field(description="The refresh token that the install of the app gave.")


class HubSpotBudget(_Part):
    """How many calls may be made. Lower the figures when other apps share the account."""

    per_day: int | None = Field(
        default=None,
        ge=1,
        description="Calls per day (UTC) before polling stops until tomorrow; null: no limit of ours.",
    )
    reserve: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Part of the day's calls, ours and the account's, that reading leaves to handoffs.",
    )
    burst: int | None = Field(
        default=100,
        ge=1,
        description="Calls per 10 seconds, searches excluded; Professional and up allow 190; null: none.",
    )
    search_per_second: int | None = Field(
        default=5, ge=1, description="Searches per second; HubSpot allows 5 for all apps of an account; null: no limit."
    )


class HubSpotTimeouts(_Part):
    """How long to wait, in seconds."""

    connect: float = Field(default=5.0, gt=0, description="For a connection.")
    read: float = Field(default=60.0, gt=0, description="Between two pieces of an answer.")
    total: float = Field(default=120.0, gt=0, description="For a whole answer.")


class HubSpotSettings(_Part):
    """One HubSpot account. Exactly one of `access_token` and `oauth` is set."""

    access_token: SecretStr | None = Field(
        default=None, description="A service key's or private app's token (pat-...), best as ${HUBSPOT_TOKEN}."
    )
    oauth: HubSpotOAuth | None = Field(default=None, description="OAuth credentials, renewed before they expire.")
    base_url: str = Field(
        default="https://api.hubapi.com", description="Where the API is; change it for a sandbox only."
    )
    api_version: Literal["v3", "2026-09"] = Field(
        default="v3", description="Which paths to call. v3 ends in September 2027; 2026-09 enforces validation rules."
    )
    ca: Path | None = Field(default=None, description="A PEM file of certificate authorities in place of the system's.")
    insecure_http: bool = Field(default=False, description="Allow http:// to another machine: the token is readable.")
    budget: HubSpotBudget = Field(default_factory=HubSpotBudget, description="Limits on calls.")
    timeouts: HubSpotTimeouts = Field(default_factory=HubSpotTimeouts, description="Waiting times.")
    branches: Literal["auto", "custom_object", "child_companies", "contact_only"] = Field(
        default="auto",
        description="Where branches are kept: a custom object where the plan has them, else child companies of their "
        "company; contact_only: nowhere but in properties of the contacts.",
    )
    overlap: float = Field(
        default=600.0,
        ge=0,
        description="Seconds to look back at each poll for records that HubSpot's search index shows late.",
    )

    @model_validator(mode="after")
    def _one_credential(self) -> HubSpotSettings:
        if (self.access_token is None) == (self.oauth is None):
            raise ValueError("set exactly one of access_token and oauth")
        if self.access_token is not None and not self.access_token.get_secret_value().strip():
            raise ValueError("access_token is empty; is the variable that it comes from set?")
        return self

    def http(self) -> HttpSettings:
        """Return the same choices in the words of the HTTP session."""
        budget = self.budget
        return HttpSettings(
            connect_timeout=self.timeouts.connect,
            read_timeout=self.timeouts.read,
            total_timeout=self.timeouts.total,
            burst=(budget.burst, 10.0) if budget.burst else None,
            per_second={"search": budget.search_per_second} if budget.search_per_second else None,
            per_day=budget.per_day,
            reserve=budget.reserve,
            ca=str(self.ca) if self.ca else None,
            insecure_http=self.insecure_http,
        )
