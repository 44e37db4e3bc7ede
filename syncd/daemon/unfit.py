"""What a source has and cannot give as records stands in the inbox for as long as it is so."""

from __future__ import annotations

from sqlalchemy import Connection

from connectors.contract import Page
from syncd.store import inbox


def tell_unfit(connection: Connection, system: str, page: Page, now: int) -> None:
    """Open a problem for each that the page names, and close those of its kind that it does not name any more."""
    if page.unfit is None:
        return
    about = f"row|{system}|{page.kind}|"
    told = {about + one.key: one for one in page.unfit}
    for key in inbox.open_keys(connection, about):
        if key not in told:
            inbox.close_problems(connection, key=key)
    for key, one in told.items():
        inbox.open_problem(connection, key=key, kind="row", system=system, message=one.message, now=now)
