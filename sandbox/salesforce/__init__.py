"""Salesforce as its wire contract describes it: REST, SOQL, collections, composite, Bulk 2.0 and the Tooling API."""

from sandbox.salesforce.errors import Refused
from sandbox.salesforce.schema import standard_fields
from sandbox.salesforce.simulator import Salesforce

__all__ = ["Refused", "Salesforce", "standard_fields"]
