"""The people at work: marketers fill in what was refused, contacts come by, reps accept, reject and move on.

They act on the systems as people do in the UI, never through the API, and know nothing of syncd but its fields.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import erp
from sandbox.hubspot import HubSpot
from sandbox.hubspot.errors import ApiError
from sandbox.people import FACTS, fact, stamp, words
from sandbox.salesforce import Refused, Salesforce

_PAUSE = 1.5  # seconds between two actions at pace 1
# The first word of a fact's name in a refusal ("budget: missing, marketing can fill it; ...") -> the property to fill.
_FACT_OF = {name.split("_")[0]: name for name in FACTS}
_OTHERS: Mapping[str, tuple[str, str]] = {
    "phone": ("phone", "(312) 555-0142"),
    "employees": ("numberofemployees", "850"),
    "industry": ("industry", "MACHINERY"),
    "country": ("country", "USA"),
    "first": ("firstname", "Sam"),
    "last": ("lastname", "Sample"),
    "company": ("company", "Sample Works Inc."),
}


class Actors:
    """Everyone, one action at a time. `done` counts the actions by name."""

    def __init__(
        self,
        hubspot: HubSpot,
        salesforce: Salesforce,
        database: Path,
        *,
        seed: int,
        pace: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.done: Counter[str] = Counter()
        self._hubspot = hubspot
        self._salesforce = salesforce
        self._database = database
        self._rng = random.Random(f"{seed}:actors")
        self._pace = pace
        self._now = now
        self._known: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="actors", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the present action end, then stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def step(self) -> str:
        """Do one thing that is there to be done and return its name; a refusal by a system is part of the day."""
        urgent = self._rng.random() < 0.8
        acts = [self._decide, self._complete, self._sell] if urgent else [self._visit, self._ship]
        self._rng.shuffle(acts)
        for act in [*acts, self._visit]:
            try:
                name = act()
            except (ApiError, Refused) as refusal:
                name = f"refused: {type(refusal).__name__}"
            if name:
                self.done[name] += 1
                return name
        return ""

    def _work(self) -> None:
        while not self._stop.wait(_PAUSE / self._pace * self._rng.uniform(0.5, 1.5)):
            self.step()

    def _complete(self) -> str:
        """Fill one or all of the facts that a refusal on a contact names."""
        refused = [row for row in self._hubspot.all("contacts") if row.get("syncd_handoff_missing")]
        if not refused:
            return ""
        contact = self._rng.choice(refused)
        found = self._missing(contact)
        if not found:
            return ""
        if self._rng.random() < 0.3:
            found = dict([self._rng.choice(list(found.items()))])
        self._hubspot.edit("contacts", contact["hs_object_id"], found)
        return "marketer fills in"

    def _missing(self, contact: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for clause in contact["syncd_handoff_missing"].lower().split(";"):
            word = next(iter(re.findall(r"\w+", clause.partition(":")[0].replace("_", " "))), "")
            if word in _FACT_OF:
                found[_FACT_OF[word]] = fact(self._rng, _FACT_OF[word], self._now())
            elif word in _OTHERS:
                found[_OTHERS[word][0]] = _OTHERS[word][1]
            elif word == "email":
                found["email"] = f"contact-{contact['hs_object_id']}@example.com"
        return found

    def _visit(self) -> str:
        """Let somebody read a page, click in a mail or send a form."""
        contact = self._anyone()
        moment = stamp(self._now())
        changes: dict[str, Any] = {
            "hs_analytics_num_page_views": int(float(contact.get("hs_analytics_num_page_views") or 0)) + 1,
            "hs_analytics_last_timestamp": moment,
            "hs_analytics_last_url": f"https://www.example.com{self._rng.choice(words()['pages'])}",
        }
        name = "contact reads a page"
        if self._rng.random() < 0.4:
            name = "contact sends a form"
            changes |= {
                "recent_conversion_event_name": self._rng.choice(words()["forms"]),
                "recent_conversion_date": moment,
                "num_conversion_events": int(float(contact.get("num_conversion_events") or 0)) + 1,
            }
        elif self._rng.random() < 0.3:
            name = "contact clicks in a mail"
            changes |= {
                "hs_email_last_email_name": self._rng.choice(words()["emails"]),
                "hs_email_last_click_date": moment,
            }
        self._hubspot.edit("contacts", contact["hs_object_id"], changes)
        return name

    def _anyone(self) -> dict[str, str]:
        """Return some contact; the list of who there is is kept, since reading it whole holds the callers up."""
        while True:
            if not self._known:
                self._known = [row["hs_object_id"] for row in self._hubspot.all("contacts")]
            chosen = self._rng.choice(self._known)
            try:
                return self._hubspot.get("contacts", chosen)
            except KeyError:
                self._known = []

    def _decide(self) -> str:
        """Accept or reject a Lead that was handed over and has no answer yet."""
        waiting = [row for row in self._handed_over() if not row.get("Syncd_Decision__c")]
        if not waiting:
            return ""
        lead = self._rng.choice(waiting)
        if self._rng.random() < 0.75:
            self._salesforce.edit("Lead", lead["Id"], {"Syncd_Decision__c": "accepted"})
            return "rep accepts"
        self._refuse(lead["Id"], "rejected", words()["refusals"])
        return "rep rejects"

    def _sell(self) -> str:
        """Work on an accepted Lead: contact it, then convert it, disqualify it or put it off."""
        accepted = [row for row in self._handed_over() if row.get("Syncd_Decision__c") == "accepted"]
        if not accepted or self._rng.random() < 0.5:
            return ""
        lead = self._rng.choice(accepted)
        if lead.get("Status") == "Open - Not Contacted":
            self._salesforce.edit("Lead", lead["Id"], {"Status": "Working - Contacted"})
            return "rep contacts"
        roll = self._rng.random()
        if roll < 0.3:
            self._salesforce.convert(lead["Id"])
            return "rep converts"
        if roll < 0.5:
            decision = self._rng.choice(("recycled", "disqualified"))
            self._refuse(lead["Id"], decision, words()["disqualified"])
            return f"rep {'recycles' if decision == 'recycled' else 'disqualifies'}"
        return ""

    def _refuse(self, lead: str, decision: str, reasons: Mapping[str, str]) -> None:
        code = self._rng.choice(list(reasons))
        answer = {"Syncd_Decision__c": decision, "Syncd_Reason__c": code, "Syncd_Reason_Text__c": reasons[code]}
        self._salesforce.edit("Lead", lead, answer)

    def _handed_over(self) -> list[dict[str, Any]]:
        return [row for row in self._salesforce.all("Lead") if row.get("Syncd_Key__c") and not row.get("IsConverted")]

    def _ship(self) -> str:
        erp.ship(self._database, self._rng, self._now())
        return "goods are shipped"
