"""The invariants I1 to I5, I7 and I8 of the safety bar, checked from outside.

It shares no code with syncd: it knows what the systems hold and held, the rules of the handoff in its own words, and
reads the state with SQL only where an invariant is about the state. What happened is the harness's to arrange.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from crash.journal import LIVE, Entry

REQUIRED = (
    "firstname", "lastname", "mobilephone", "company", "industry", "numberofemployees", "country", "problem",
    "authority", "buying_group", "budget_amount", "competitors_considered", "decision_date",
)  # fmt: skip
# Lead field <- contact property, those that arrive as they are.
COPIED = {
    "FirstName": "firstname",
    "LastName": "lastname",
    "Email": "email",
    "Company": "company",
    "Title": "jobtitle",
    "Problem__c": "problem",
    "Authority__c": "authority",
    "Budget__c": "budget_amount",
    "Decision_Date__c": "decision_date",
    "Competitors__c": "competitors_considered",
}
TWO_WAY = {"Authority__c": "authority", "Budget__c": "budget_amount", "Decision_Date__c": "decision_date"}


@dataclass(frozen=True)
class Seen:
    """What an outsider can see, when syncd has had two polls since the last edit."""

    contacts: Sequence[Mapping[str, Any]]
    leads: Sequence[Mapping[str, Any]]
    branches: Sequence[Mapping[str, Any]]
    history: Sequence[Entry]
    state: str


def check(seen: Seen) -> list[str]:
    """Return every broken invariant in words."""
    past = History(seen.history)
    broken = [*nothing_lost(seen, past), *nothing_doubled(seen), *refused_means_refused(past)]
    broken += [*nothing_invented(past), *agrees(seen, past)]
    engine = sa.create_engine(_driver(seen.state))
    try:
        with engine.connect() as state:
            broken += [*audited(state, past), *ledger_adds_up(state), *nothing_pending(state)]
    finally:
        engine.dispose()
    return broken


class History:
    """Who said what when, per record; a person of the company is known by the last name."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        self.names: dict[tuple[str, str], str] = {}  # (kind, id) -> last name
        for one in entries:
            if one.field in ("lastname", "LastName") and one.value:
                self.names[(one.kind, one.id)] = one.value
        # (last name, contact property or Lead field) -> entries
        self.said: dict[tuple[str, str], list[tuple[int, Entry]]] = defaultdict(list)
        for at, one in enumerate(entries):
            name = self.names.get((one.kind, one.id))
            if name is not None:
                self.said[(name, one.field)].append((at, one))

    def was_complete(self, name: str, until: int) -> bool:
        """Return whether the contact of this name held every required fact at once, at some time before `until`."""
        held: dict[str, Any] = {}
        for at, one in enumerate(self.entries):
            if at > until:
                break
            if one.kind == "contacts" and self.names.get((one.kind, one.id)) == name:
                held[one.field] = one.value
                if all(held.get(fact) for fact in REQUIRED):
                    return True
        return False


def nothing_lost(seen: Seen, past: History) -> Iterator[str]:
    """I1: each contact is in the CRM, or refused with the reason on the contact, or sales deleted its Lead."""
    leads = {row["LastName"] for row in seen.leads}
    for contact in seen.contacts:
        name = contact["lastname"]
        missing = [fact for fact in REQUIRED if not contact.get(fact)]
        if missing:
            told = contact.get("syncd_handoff_missing", "")
            labels = {"budget_amount": "budget", "mobilephone": "phone", "decision_date": "decision date"}
            unsaid = [fact for fact in missing if labels.get(fact, fact) not in told]
            if name not in leads and (contact.get("syncd_handoff_status") != "refused" or unsaid):
                yield f"I1 {name}: refused, but the contact does not say that {unsaid or missing} is missing"
        elif name not in leads and not _deleted_by_a_person(past, name):
            yield f"I1 {name}: complete, but not in the CRM"
        elif name in leads and contact.get("syncd_handoff_status") in (None, "refused"):
            yield f"I1 {name}: in the CRM, but the contact says {contact.get('syncd_handoff_status')}"


def nothing_doubled(seen: Seen) -> Iterator[str]:
    """I2: one live Lead per contact, by our key, by e-mail and by person; one branch per ship-to."""
    for what, rows in (("Syncd_Key__c", seen.leads), ("Email", seen.leads), ("LastName", seen.leads)):
        for value, count in Counter(str(row[what]).lower() for row in rows if row.get(what)).items():
            if count > 1:
                yield f"I2 {count} Leads with {what} {value}"
    for pair, count in Counter((row.get("Customer__c"), row.get("Ship_To__c")) for row in seen.branches).items():
        if count > 1:
            yield f"I2 {count} branches for ship-to {pair}"


def refused_means_refused(past: History) -> Iterator[str]:
    """I5: no Lead was ever created for somebody whose contact was not complete at that time or before."""
    for at, one in enumerate(past.entries):
        if one.kind == "Lead" and one.field == LIVE and one.value and one.api:
            name = past.names.get(("Lead", one.id), "")
            if not past.was_complete(name, at):
                yield f"I5 {name}: a Lead was created while facts were missing"


def nothing_invented(past: History) -> Iterator[str]:
    """I3: what a call wrote was said before by the other side, and no older word ever replaces a newer one."""
    for (name, field), told in past.said.items():
        pairs = [("Lead", field, "contacts", COPIED.get(field))]
        pairs += [("contacts", field, "Lead", lead) for lead, contact in TWO_WAY.items() if contact == field]
        for kind, _, other, source in pairs:
            if source is None:
                continue
            latest = -1
            for at, one in told:
                if one.kind != kind or not one.api or one.value is None:
                    continue
                versions = [t for t, e in past.said.get((name, source), ()) if e.kind == other and e.value == one.value]
                earlier = [t for t in versions if t <= at]
                if not earlier:
                    yield f"I3 {name}: {kind}.{field} was given a value that nobody said"
                elif max(earlier) < latest:
                    yield f"I3 {name}: {kind}.{field} went back to an older value"
                latest = max([latest, *earlier])


def agrees(seen: Seen, past: History) -> Iterator[str]:
    """I7: both sides hold the same, except where a rep's word stands against marketing's."""
    leads = {row["LastName"]: row for row in seen.leads}
    for contact in seen.contacts:
        lead = leads.get(contact["lastname"])
        if lead is None:
            continue
        for field, source in COPIED.items():
            ours, theirs = contact.get(source), lead.get(field)
            if (ours or None) == (theirs or None):
                continue
            reps = [e for _, e in past.said.get((contact["lastname"], field), ()) if e.kind == "Lead" and not e.api]
            by_rep = bool(reps) and reps[-1].value == theirs and field not in TWO_WAY
            if not by_rep:
                yield f"I7 {contact['lastname']}: Lead.{field} and the contact's {source} differ"
        if contact.get("syncd_crm_id") != lead["Id"]:
            yield f"I7 {contact['lastname']}: the contact does not name its Lead"


def audited(state: sa.Connection, past: History) -> Iterator[str]:
    """I8: everything that a call wrote stands in an intent that was done, or lapsed and was made anew."""
    rows = state.execute(sa.text("select system, kind, record_id, request, state from intent")).all()
    intents: dict[tuple[str, str], list[tuple[dict[str, Any], str]]] = defaultdict(list)
    for row in rows:
        request = _json(row.request)
        fields = {**request["fields"], **({request["key"][0]: request["key"][1]} if request["key"] else {})}
        if row.record_id:
            intents[(row.system, row.record_id)].append((fields, row.state))
        if request["key"]:
            intents[(row.system, request["key"][1])].append((fields, row.state))
        if row.state == "planned":
            yield f"I8 an intent for {row.system} {row.kind} {row.record_id} was left planned"
    keys = {(e.kind, e.id): e.value for e in past.entries if e.field == "Syncd_Key__c"}
    for one in past.entries:
        if not one.api or one.field in (LIVE, "Name") or one.value is None:
            continue
        known = intents[(one.system, one.id)] + intents[(one.system, str(keys.get((one.kind, one.id))))]
        if not any(_same(fields[one.field], one.value) for fields, _ in known if one.field in fields):
            yield f"I8 {one.system} {one.kind} {one.id}: {one.field} was written without an intent"


def ledger_adds_up(state: sa.Connection) -> Iterator[str]:
    """I8: the ledger tells every change of the golden values: each starts where the one before ended."""
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for entity, changes in state.execute(sa.text("select entity, changes from ledger order by id")):
        for field, (old, new, *_) in _json(changes).items():
            if values[entity].get(field) != old:
                yield f"I8 ledger of {entity}: {field} starts elsewhere than it ended"
            values[entity][field] = new
    for entity, stored in state.execute(sa.text('select id, "values" from entity')):
        told = {field: value for field, value in values[entity].items() if value is not None}
        held = {field: value for field, value in _json(stored).items() if value is not None}
        if told != held:
            yield f"I8 ledger of {entity}: it does not add up to what is stored in {sorted(told.keys() ^ held.keys())}"


def nothing_pending(state: sa.Connection) -> Iterator[str]:
    """I7: nothing is due any more, and nothing waits that nobody was told of."""
    for row in state.execute(sa.text("select entity, why from due")):
        yield f"I7 {row.entity} is still due: {row.why}"


# ---------------------------------------------------------------------------------------------------------------------


def _deleted_by_a_person(past: History, name: str) -> bool:
    gone = [e for e in past.entries if e.kind == "Lead" and e.field == LIVE and not e.value and not e.api]
    return any(past.names.get(("Lead", e.id)) == name for e in gone)


def _same(sent: Any, held: Any) -> bool:
    if isinstance(held, (int, float)) and not isinstance(held, bool):
        if isinstance(sent, str) and "T" in sent:
            return datetime.fromisoformat(sent).timestamp() == held
        return sent is not None and float(sent) == float(held)
    return bool(sent == held or str(sent) == str(held) or (isinstance(held, str) and str(sent).strip() == held))


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
