"""Fixtures that every test may ask for."""

from __future__ import annotations

from support.databases import postgres_server, postgres_url, sqlite_url, state_url

__all__ = ["postgres_server", "postgres_url", "sqlite_url", "state_url"]
