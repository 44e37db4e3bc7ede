"""What the Mappings page works on: the files and their versions read, a draft checked, planned, saved, put in force.

It goes by the same check, plan and approval as the commands and the daemon. Requests are syncd.web.mapping_answers',
wording is syncd.web.mapping_page's.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Engine

from connectors.contract import FieldInfo, Source
from syncd.config.yaml import Problem, Problems
from syncd.edits import disk, passing
from syncd.edits.checking import ask, judge_cases, lacking_in_systems
from syncd.edits.difference import Kind, compare_versions
from syncd.edits.history import Chapter, read_history
from syncd.edits.passing import Folder, NotPassed
from syncd.edits.plan import Plan, make_plan
from syncd.edits.tally import Closer
from syncd.log import logger
from syncd.mapping.files import FileSet, read_files
from syncd.mapping.loader import compile_files
from syncd.mapping.model import Mappings
from syncd.store import inbox, versions
from syncd.store.versions import Reign, StoredPlan

MOST_BYTES = 1_000_000  # of a file that is edited in a page; a mapping of 3,000 lines has 100 kB
DESCRIBED_SECONDS = 60.0  # a description of a kind is asked for again after this long
MOST_EFFECTS = 500
NAMES = re.compile(
    r"(?:[A-Za-z0-9][\w-]*\.yaml|cases/[A-Za-z0-9][\w-]*\.yaml|tables/[A-Za-z0-9][\w.-]*\.csv)", re.ASCII
)


class Refused(Exception):
    """Nothing was done; the text says why and what to do."""


class Changed(Refused):
    """The file is not what it was when it was opened."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One file as somebody would have it. `was`: the digest of the file as it was opened, empty for a new one."""

    name: str
    text: str = field(repr=False)
    was: str


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One file of the folder. `why_not`: why it cannot be edited in a page."""

    name: str
    text: str = field(repr=False)
    digest: str
    why_not: str = ""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A set of files and what is wrong with it. `doubts`: cases that do not hold, for which an edit is held.

    `doubted`: the mapping lines by which they do not.

    `edited` is None where the files cannot be loaded at all.
    """

    files: FileSet
    running: Mappings
    edited: Mappings | None
    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...] = ()
    doubted: tuple[Problem, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it would be another version than the one in force."""
        return self.edited is not None and self.edited.digest != self.running.digest

    def name_of(self, problem: Problem) -> str:
        """Return the file of a problem, by its name below the folder."""
        return problem.place.file.removeprefix(f"{self.files.folder}/")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What an edit would do. `held`: why it would wait for approval, each reason in words."""

    plan: Plan
    held: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where things stand: what is in force, what waits, and what the inbox asks about the files."""

    reign: Reign
    checked: Checked
    waiting: StoredPlan | None
    asked: tuple[str, ...]


@dataclass(kw_only=True)
class Desk:
    """One folder and one state. `approves`: versions may be put in force here; `writes`: files may be saved."""

    engine: Engine
    folder: Folder
    sources: Mapping[str, Source]
    approves: bool
    writes: bool
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._planning = threading.Lock()
        self._saving = threading.Lock()
        self._described: dict[Kind, tuple[float, Mapping[str, Sequence[FieldInfo]]]] = {}

    @property
    def batches(self) -> dict[str, int]:
        return {name: one.capabilities.write_batch for name, one in self.sources.items()}

    def short(self, text: str) -> str:
        """Return a text that names files of the folder, with their names alone."""
        return text.replace(f"{self.folder.path}/", "")

    # --- looking

    def standing(self) -> Standing:
        """Look at the folder and the state; no system is asked."""
        checked = self.check(asking=False)
        with self._reading() as connection:
            reign = versions.latest_reign(connection)
            waiting = [
                one
                for state in (versions.HELD, versions.READING)
                for one in versions.read_plans(connection, state=state)
                if one.base == checked.running.digest
            ]
            asked = [row.message for kind in ("edit", "files") for row in inbox.list_problems(connection, kind=kind)]
        assert reign is not None  # a state that a daemon opened has a version in force
        return Standing(reign=reign, checked=checked, waiting=next(iter(waiting), None), asked=tuple(asked))

    def running(self) -> Mappings:
        """Return the version in force; raise Refused before there is one."""
        with self._reading() as connection:
            version = versions.running_version(connection)
        if version is None:
            raise Refused("nothing is in force yet; look again once syncd has started")
        return self._load(version)

    def open(self, name: str) -> Opened:
        """Return a file of the folder; raise Refused for one that is not there."""
        files = read_files(self.folder.path)
        if name in files.unread:
            return Opened(name=name, text="", digest="", why_not=f"it cannot be read: {files.unread[name]}")
        if name not in files.files or not is_ours(name):
            raise Refused(f"there is no file {name!r} in the mappings folder")
        return _opened(name, files.files[name])

    def history(self, limit: int | None = None) -> list[Chapter]:
        with self._reading() as connection:
            return read_history(connection, limit)

    def texts(self, version: str) -> dict[str, str]:
        """Return the files of a version. Raises Refused."""
        with self._reading() as connection:
            stored = versions.load_set(connection, version)
        if stored is None:
            raise Refused(f"there is no version {version!r}; the history lists those that were in force")
        return stored.files.texts()

    def texts_on_disk(self) -> dict[str, str]:
        return disk.texts_on_disk(self.folder.path)

    def find_plan(self, named: str) -> StoredPlan:
        try:
            return passing.find_plan(self.engine, named)
        except NotPassed as error:
            raise Refused(str(error)) from error

    # --- a draft

    def check(self, draft: Draft | None = None, *, asking: bool = True) -> Checked:
        """Check the folder as it is, or with one file as drafted; `asking`: the systems too."""
        files = read_files(self.folder.path)
        if draft is not None:
            files = replace(files, files={**files.files, draft.name: self._bytes(draft, files)})
        running = self.running()
        try:
            edited = compile_files(files, self.folder.systems)
        except Problems as error:
            return Checked(files=files, running=running, edited=None, problems=error.problems)
        edit = compare_versions(running, edited)
        lacks = lacking_in_systems(running, edited, edit, self._describe) if asking else []
        doubts, lines = judge_cases(edited)
        return Checked(
            files=files,
            running=running,
            edited=edited,
            problems=tuple(lacks),
            doubts=tuple(doubts),
            doubted=tuple(lines),
        )

    def plan(self, checked: Checked, closer: str = "") -> Planned:
        """Work out what a set of files would do; `closer`: a field, theirs or ours, of which every change is told.

        Raises Refused while another plan is worked out.
        """
        assert checked.edited is not None
        plan = self._plan(checked.running, checked.edited, closer)
        doubts = [f"{one.place}: {one.message}" for one in checked.doubts]
        return Planned(plan=plan, held=(*passing.beyond(plan, self.folder.limits), *doubts))

    def plan_to(self, version: str, closer: str = "") -> Planned:
        """Do the same with a version that is kept, against the one in force."""
        edited = self._load(version)
        plan = self._plan(self.running(), edited, closer)
        return Planned(plan=plan, held=tuple(passing.beyond(plan, self.folder.limits)))

    def save(self, draft: Draft) -> None:
        """Put a draft in the place of its file. Raises Changed when somebody else was quicker, Refused, OSError."""
        if not self.writes:
            raise Refused("files are not written here (`web.mappings` in the config); take the patch")
        with self._saving:
            files = read_files(self.folder.path)
            raw = self._bytes(draft, files)
            now = files.files.get(draft.name)
            if (digest_of(now) if now is not None else "") != draft.was:
                raise Changed(
                    f"{draft.name} was changed on the disk since it was opened here; nothing was saved. What you wrote "
                    f"stands below: take it as a patch, or open the file again and bring it over"
                )
            disk.write_file(self.folder.path / draft.name, raw)
        logger().info("a file of the mappings was saved on the page", action="edit", file=draft.name)

    def patch(self, draft: Draft) -> str:
        """Return what leads from the file on the disk to the draft."""
        files = read_files(self.folder.path)
        drafted = {draft.name: self._bytes(draft, files).decode()}
        there = {draft.name: files.files[draft.name].decode("utf-8", "replace")} if draft.name in files.files else {}
        return disk.patch(there, drafted)

    def patch_to(self, version: str) -> str:
        """Return what leads from the files on the disk to a version."""
        return disk.patch(self.texts_on_disk(), self.texts(version))

    # --- putting in force

    def approve(self, named: str, by: str) -> tuple[Plan, int]:
        """Let a held plan through; raise Refused, NotPassed (Moved when it would do something else by now)."""
        self._may_approve()
        with self._one_plan():
            done = passing.approve(self.engine, named, by, self.batches, self._go_on)
        logger().info("an edit was approved on the page", action="approve", plan=done[0].id, by=by)
        return done

    def never_in_force(self, version: str) -> list[str]:
        """Return the edited files that a version's would replace."""
        return passing.never_in_force(self.engine, self.texts_on_disk(), self.texts(version))

    def roll_back(self, version: str, by: str, *, write: bool, over: bool = False) -> tuple[Plan, int]:
        """Put a version in force again; `write`: its files on the disk too; `over`: also over edits, with copies.

        Raises Refused, NotPassed, OSError.
        """
        self._may_approve()
        if write and not self.writes:
            raise Refused("files are not written here (`web.mappings` in the config); nothing was changed")
        with self._one_plan(), self._saving:
            edited = self.never_in_force(version) if write else []
            if edited and not over:
                raise NotPassed(passing.refuse_to_overwrite(edited, "tick that they may be overwritten"))
            done = passing.roll_back(self.engine, version, by, self.batches)
            if write:
                disk.write_version(self.folder.path, self.texts(version), keep=edited)
        logger().info("a version was put in force again on the page", action="rollback", version=version, by=by)
        return done

    # --- inside

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.engine.execution_options(syncd_reads_only=True).connect() as connection:
            yield connection

    def _load(self, version: str) -> Mappings:
        with self._reading() as connection:
            stored = versions.load_set(connection, version)
        if stored is None:
            raise Refused(f"version {version} is not kept; the history lists those that are")
        try:
            # Wherever it was read, its places are shown as those of the present folder.
            return compile_files(replace(stored.files, folder=str(self.folder.path)), stored.systems)
        except Problems as error:
            raise Refused(f"version {version} cannot be used under this config: {error.problems[0]}") from error

    def _plan(self, running: Mappings, edited: Mappings, closer: str) -> Plan:
        told = Closer(field=closer or None, most=MOST_EFFECTS)
        with self._one_plan():
            return make_plan(self.engine, running, edited, batches=self.batches, closer=told, on_progress=self._go_on)

    @contextmanager
    def _one_plan(self) -> Iterator[None]:
        """A plan of many leads takes a processor for a while: one at a time."""
        if not self._planning.acquire(blocking=False):
            raise Refused("another plan is being worked out; nothing was done. Try again in a moment")
        try:
            yield
        finally:
            self._planning.release()

    def _go_on(self, done: int, of: int) -> None:
        """A plan must not hold up the end of the process."""
        del done, of
        if self.stopping.is_set():
            raise Refused("syncd stops; nothing was done")

    def _may_approve(self) -> None:
        if not self.approves:
            raise Refused("nothing is put in force here (`web.mappings` in the config); nothing was changed")

    def _describe(self, key: Kind) -> Mapping[str, Sequence[FieldInfo]] | None:
        known = self._described.get(key)
        if known is not None and time.monotonic() - known[0] < DESCRIBED_SECONDS:
            return known[1]
        found = ask(self.sources, key)
        if found is not None:
            self._described[key] = (time.monotonic(), found)
        return found

    def _bytes(self, draft: Draft, files: FileSet) -> bytes:
        """Return a draft with the line ends that its file has. Raises Refused."""
        there = files.files.get(draft.name)
        if not is_ours(draft.name) or draft.name in files.unread:
            raise Refused(f"{draft.name!r} is no name of a file that can be edited here; nothing was done")
        if there is not None and (why := _opened(draft.name, there).why_not):
            raise Refused(f"{draft.name} cannot be edited here: {why}; nothing was done")
        text = draft.text.replace("\r\n", "\n").replace("\r", "\n")
        if there is not None and b"\r\n" in there:
            text = text.replace("\n", "\r\n")
        raw = text.encode()
        if len(raw) > MOST_BYTES:
            raise Refused(f"{draft.name} would be larger than {MOST_BYTES:,} bytes; nothing was done")
        return raw


def is_ours(name: str) -> bool:
    """Return whether a file of this name has a place in a mappings folder."""
    return NAMES.fullmatch(name) is not None


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


# ---------------------------------------------------------------------------------------------------------------------


def _opened(name: str, raw: bytes) -> Opened:
    if len(raw) > MOST_BYTES:
        return Opened(name=name, text="", digest="", why_not=f"it is larger than {MOST_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Opened(name=name, text="", digest="", why_not="it is not UTF-8 text; save it as UTF-8")
    if "\0" in text:
        return Opened(name=name, text="", digest="", why_not="it is no text")
    return Opened(name=name, text=text, digest=digest_of(raw))
