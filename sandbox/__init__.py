"""The systems that syncd joins, simulated at the wire from their vendors' documents; shares no code with syncd."""
