"""The state of one org: objects, rows, people, rules and counters; what a save may do is decided in save.py."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.salesforce.catalogue import LEAD_STATUSES, STAGES
from sandbox.salesforce.ids import full_id, make_id
from sandbox.salesforce.schema import ObjectType, standard_objects
from sandbox.salesforce.table import Row, Table, Undo

FIRST_NUMBER = 62**4 * 7 + 9_000_000  # ids of both cases from the first row on
DAY = 86_400


@dataclass
class Writes:
    """Rows of one object that came through the API. `unchanged` were saved with the values they had."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class DuplicateRule:
    """Refuses a row of `object` whose `field` has the value of another row of `match_object`."""

    object: str
    field: str
    match_object: str
    block: bool


@dataclass(frozen=True, kw_only=True)
class ValidationRule:
    """Refuses a row, given as it would be stored, for which `predicate` is true."""

    object: str
    predicate: Callable[[Mapping[str, Any]], bool]
    message: str
    field: str | None = None


@dataclass
class Lock:
    """Makes the next `times` writes of a row fail with `code`."""

    code: str
    times: int


@dataclass
class Cursor:
    """A query's result as it was fixed when the query ran."""

    soql: str
    ids: list[str]
    page: int
    created: int


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point to which writes can be undone."""

    undo: int
    writes: dict[str, Writes]


@dataclass
class People:
    """Ids that every org has."""

    org: str = ""
    integration: str = ""
    admin: str = ""
    rep: str = ""
    queue: str = ""
    permission_set: str = ""


@dataclass
class Features:
    """What an admin can switch on. Countries: code -> (integration value, {state code: integration value})."""

    countries: dict[str, Any] = field(default_factory=dict)
    currencies: dict[str, float] = field(default_factory=dict)
    corporate_currency: str = "USD"


@dataclass
class Bulk:
    """How Bulk 2.0 jobs go. `polls` find a job in progress before one finds it over."""

    polls: int = 1
    step: int | None = None  # rows that an ingest job takes per poll; None: all of them when the upload is closed
    fail_after: int | None = None  # rows after which ingest jobs fail as a whole; those before stay
    query_fails: bool = False
    max_bytes: int = 100_000_000  # of one upload
    batches_a_day: int = 15_000
    queries_a_day: int = 10_000


@dataclass(kw_only=True)
class Subset:
    """The options that a record type leaves of picklists; `default`: rows of which none is said get it."""

    object: str
    default: bool = False
    picklists: dict[str, list[str]] = field(default_factory=dict)


class Org:
    """One org. Times are epoch seconds; nothing here checks permissions."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.reset()
        for made in standard_objects():
            self.add_type(made)

    def reset(self) -> None:
        """Forget everything, the objects too."""
        self.journal: list[Undo] = []
        self.types: dict[str, ObjectType] = {}
        self.tables: dict[str, Table] = {}
        self._by_prefix: dict[str, Table] = {}
        self.numbers: dict[str, int] = {}
        self.people = People()
        self.features = Features()
        self.duplicate_rules: list[DuplicateRule] = []
        self.validation_rules: list[ValidationRule] = []
        self.subsets: dict[str, Subset] = {}  # by the id of the record type
        self.locks: dict[str, Lock] = {}
        self.denied: dict[str, set[str]] = {}  # object -> read, create, edit, delete that the integration user may not
        self.page_limit = 2_000
        self.assigned_owner: str | None = None
        self.writes: dict[str, Writes] = {}
        self.cursors: dict[str, Cursor] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.bulk = Bulk()
        self.calls_by_hour: Counter[int] = Counter()
        self.long_transaction_since: int | None = None

    def now(self) -> int:
        return int(self.clock())

    def add_type(self, made: ObjectType) -> None:
        self.types[made.name.lower()] = made
        self.tables[made.name] = self._by_prefix[made.key_prefix] = Table(made, self.journal)

    def type(self, name: str, *, tooling: bool = False) -> ObjectType | None:
        """Return the object in any case; those of the Tooling API exist only there."""
        found = self.types.get(name.lower())
        if found is not None and "read" in self.denied.get(found.name, ()):
            return None  # an object without Read looks like one that is not there
        return found if found is not None and found.tooling == tooling else None

    def table(self, name: str) -> Table:
        return self.tables[name]

    def new_id(self, prefix: str) -> str:
        number = self.numbers.get(prefix, FIRST_NUMBER) + 1
        self.numbers[prefix] = number
        return make_id(prefix, number)

    def row(self, key: str | None) -> Row | None:
        """Return the row with an 18-character id in whichever object, a deleted one too."""
        table = self.table_of(key) if key else None
        return table.rows.get(key) if table is not None and key else None

    def table_of(self, key: str) -> Table | None:
        """Return the table of the row with this id."""
        return self._by_prefix.get(key[:3])

    def insert(self, name: str, values: Row, *, by: str = "", stamp: int | None = None) -> str:
        """Store a new row and return its id; nothing is checked."""
        table = self.tables[name]
        when = self.now() if stamp is None else stamp
        key = self.new_id(table.type.key_prefix)
        user = by or self.people.admin
        table.put(
            {
                **{one.name: one.default for one in table.type.fields.values() if one.default is not None},
                **{name: value for name, value in values.items() if value is not None},
                **{"Id": key, "IsDeleted": False, "CreatedDate": when, "CreatedById": user},
                **{"LastModifiedDate": when, "LastModifiedById": user, "SystemModstamp": when},
            }
        )
        return key

    def change(self, row: Row, values: Row, *, by: str = "", stamp: int | None = None, quiet: bool = False) -> Row:
        """Store values over a row and return it; `quiet` moves SystemModstamp alone, as background jobs do."""
        when = self.now() if stamp is None else stamp
        new = {**row, **values, "SystemModstamp": when}
        if not quiet:
            new["LastModifiedDate"] = when
            new["LastModifiedById"] = by or self.people.admin
        new = {name: value for name, value in new.items() if value is not None}
        self.tables_for(new["Id"]).put(new)
        return new

    def tables_for(self, key: str) -> Table:
        """Return the table of a row that exists."""
        table = self.table_of(key)
        if table is None or key not in table.rows:
            raise KeyError(f"no row with id {key}")
        return table

    def get(self, name: str, key: str) -> Row:
        """Return a row for a Python caller, who may give 15 or 18 characters; raise KeyError without one."""
        whole = full_id(key)
        row = self.tables[name].rows.get(whole) if whole else None
        if row is None:
            raise KeyError(f"no {name} with id {key}")
        return row

    def mark(self) -> Mark:
        return Mark(undo=len(self.journal), writes={name: replace(count) for name, count in self.writes.items()})

    def undo(self, mark: Mark) -> None:
        """Take back every write since the mark; ids and stamps already given out are not reused."""
        while len(self.journal) > mark.undo:
            table, key, row = self.journal.pop()
            table.restore(key, row)
        self.writes = {name: replace(count) for name, count in mark.writes.items()}

    def count_write(self, name: str, kind: str) -> None:
        counts = self.writes.setdefault(name, Writes())
        setattr(counts, kind, getattr(counts, kind) + 1)

    def count_call(self) -> None:
        self.calls_by_hour[self.now() // 3600] += 1

    def calls_today(self) -> int:
        """Return the counted calls of the rolling 24 hours."""
        oldest = (self.now() - DAY) // 3600
        return sum(calls for hour, calls in self.calls_by_hour.items() if hour > oldest)

    def schema_changed(self, name: str) -> None:
        self.tables[name].type.modified = self.now()


def furnish(org: Org) -> None:
    """Put in what an org has before its first lead: people, a queue, statuses, stages and a permission set."""
    people = org.people
    company = {"Name": "Acme Valves GmbH", "IsSandbox": True, "DefaultCurrencyIsoCode": "USD"}
    people.org = org.insert("Organization", company)
    people.admin = add_user(org, "Ada", "Admin")
    people.integration = add_user(org, "Sync", "Integration")
    people.rep = add_user(org, "Rita", "Rep")
    people.queue = org.insert("Group", {"Name": "Inbound Leads", "DeveloperName": "Inbound_Leads", "Type": "Queue"})
    org.assigned_owner = people.queue
    people.permission_set = org.insert("PermissionSet", {"Name": "Sync_Integration", "Label": "Sync Integration"})
    grant = {"PermissionSetId": people.permission_set, "AssigneeId": people.integration}
    org.insert("PermissionSetAssignment", grant)
    for order, (label, default, converted) in enumerate(LEAD_STATUSES, 1):
        status = {"ApiName": label, "MasterLabel": label, "SortOrder": order}
        org.insert("LeadStatus", {**status, "IsDefault": default, "IsConverted": converted})
    for order, (label, chance, closed, won, forecast) in enumerate(STAGES, 1):
        stage = {"ApiName": label, "MasterLabel": label, "SortOrder": order, "IsActive": True, "IsClosed": closed}
        more = {"IsWon": won, "DefaultProbability": chance, "ForecastCategoryName": forecast}
        org.insert("OpportunityStage", {**stage, **more})


def add_user(org: Org, first: str, last: str, *, active: bool = True) -> str:
    """Add a person who can own rows and edit them."""
    address = f"{first}.{last}@acme.example".lower()
    person = {"FirstName": first, "LastName": last, "Name": f"{first} {last}", "Email": address, "Username": address}
    return org.insert("User", {**person, "IsActive": active, "UserType": "Standard"})
