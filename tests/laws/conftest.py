"""Examples may take as long as the machine needs: a deadline would make a law fail for its neighbours' load."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")
