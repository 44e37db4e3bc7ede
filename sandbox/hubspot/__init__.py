"""HubSpot, simulated at the wire: its objects, search, properties, owners and OAuth, as strict as its documents say."""

from sandbox.hubspot.simulator import HubSpot

__all__ = ["HubSpot"]
