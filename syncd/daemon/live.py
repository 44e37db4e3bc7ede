"""The admins' files while the daemon runs: seen when they change, checked, planned, and let through or held.

What an edit would do and what is in force is syncd.edits'. A set of files that was read half is never looked at: it
counts once it stood still for two looks and was the same before and after it was read. Where several workers have
folders of their own, an edit is made on files that were in force: files that ran before and were overtaken lag behind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from connectors.contract import Source
from syncd.config.yaml import Place, Problem, Problems
from syncd.daemon.workers import DEAD_AFTER_MS
from syncd.edits import passing
from syncd.edits.checking import ask, failing_cases, lacking_in_systems
from syncd.edits.difference import compare_versions
from syncd.edits.force import Running
from syncd.edits.passing import Folder, NotPassed
from syncd.edits.plan import Plan, Unread, make_plan
from syncd.edits.reach import unread
from syncd.log import logger
from syncd.mapping.files import FileSet, Print, fingerprint, read_files
from syncd.mapping.loader import compile_files
from syncd.mapping.model import Mappings
from syncd.store import inbox, versions, workers
from syncd.store.database import now_ms
from syncd.store.versions import StoredPlan

MOST_TOLD = 5
BY = "live"
# Longer than Kubernetes takes to bring a ConfigMap to all pods.
APART_SECONDS = 300.0


class Live:
    """Looks at one folder. Trouble with the files never leaves here: the version in force goes on."""

    def __init__(
        self,
        engine: Engine,
        running: Running,
        sources: Mapping[str, Source],
        folder: Folder,
        stopping: threading.Event,
    ) -> None:
        self._engine = engine
        self._running = running
        self._sources = sources
        self._folder = folder
        self._stopping = stopping
        self._lock = threading.Lock()
        self._seen: Print | None = None
        self._handled: tuple[Print, str] | None = None  # (files, version in force) that nothing is left to do about
        self._files: str | None = None  # the version that the files were at the look before
        self._stood: str | None = None  # the version in force that they last were
        self._wrong: Sequence[Problem] = ()
        self._apart = time.monotonic()  # since when they are neither in force nor waiting (monotonic)

    def watch(self, stop: threading.Event) -> None:
        """Look again and again, until `stop`."""
        while not stop.wait(self._folder.look):
            self.look()

    def look(self) -> None:
        """Look once; what differs from the look before is left until it stood still."""
        seen = fingerprint(self._folder.path)
        still, self._seen = seen == self._seen, seen
        if still:
            self.settle()

    def settle(self) -> None:
        """Do with the files as they are now whatever is to be done; they must have stood still."""
        with self._lock:
            seen = fingerprint(self._folder.path)
            try:
                self._running.follow()
                if self._handled == (seen, self._running.mappings.digest):
                    self._remind()
                    return
                files = read_files(self._folder.path)
                if fingerprint(self._folder.path) != seen:
                    return
                if self._take(files):
                    self._handled = (seen, self._running.mappings.digest)
            except _Stopped:
                return
            except DBAPIError:
                return  # the store's own trouble is told by whoever looks after it; the next look tries again
            except Exception as error:
                # Whatever stands in a file, the daemon goes on.
                logger().exception("the files of the admins could not be looked at", action="look")
                place = Place(str(self._folder.path), 1, 1)
                self._tell([Problem(place, f"cannot be looked at ({type(error).__name__})", "see the log")])
                self._handled = (seen, self._running.mappings.digest)

    def _take(self, files: FileSet) -> bool:
        """Return whether all is done that can be until the files or the version in force change."""
        running = self._running.mappings
        try:
            edited = running if files.says(running.files) else compile_files(files, self._folder.systems)
        except Problems as error:
            self._tell(error.problems)
            return True
        before, self._files, self._wrong = self._files, edited.digest, ()
        if edited.digest != before:
            self._apart = time.monotonic()
            self._close_apart()
        if edited.digest == running.digest:
            self._agree(edited, running, before)
            return True
        if self._lags(edited, running):
            return True
        edit = compare_versions(running, edited)
        wrong = lacking_in_systems(running, edited, edit, partial(ask, self._sources))
        if wrong:
            self._tell(wrong)
            return True
        with self._engine.begin() as connection:
            inbox.close_problems(connection, key=passing.FILES_KEY)
        if self._waits(running, edited):
            return True
        lacking = self._lacking(running, edited)
        if lacking:
            self._read_ahead(running, edited, lacking)
            return False
        return self._plan(running, edited, stale=before is None)

    def _agree(self, edited: Mappings, running: Mappings, before: str | None) -> None:
        """The files say what is in force: nothing is wrong, and what waits is what another worker's folder asks."""
        self._stood = running.digest
        self._close_apart()
        with self._engine.begin() as connection:
            inbox.close_problems(connection, key=passing.FILES_KEY)
            alone = workers.count_workers(connection, now_ms() - DEAD_AFTER_MS) < 2
            if before not in (None, edited.digest) or alone:
                passing.drop_waiting(connection)
            if edited.files.texts() != running.files.texts():
                versions.save_set(connection, edited.digest, edited.files, self._folder.systems, now_ms(), BY)
        self._running.renew(edited)

    def _lags(self, edited: Mappings, running: Mappings) -> bool:
        """Tell whether the files were overtaken: by another worker's, or by what a person put in force."""
        if self._stood in (None, running.digest):
            return False  # whoever edits what is in force may go back to what was before
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            return versions.ran_before(connection, edited.digest) and not _was_rolled_back(connection, edited)

    @property
    def _apart_key(self) -> str:
        return f"{passing.APART_KEY}{self._folder.worker}"

    def _close_apart(self) -> None:
        with self._engine.begin() as connection:
            inbox.close_problems(connection, key=self._apart_key)

    def _remind(self) -> None:
        """Tell again what another worker's files closed, and tell when this folder stays other than the rest."""
        running, now = self._running.mappings.digest, time.monotonic()
        if self._wrong:
            with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
                told = passing.FILES_KEY in inbox.open_keys(connection, passing.FILES_KEY)
            if not told:
                self._tell(self._wrong)
        elif self._files in (running, self._running.waiting):
            self._apart = now
        elif now - self._apart >= APART_SECONDS:
            self._apart = now
            with self._engine.begin() as connection:
                _open_apart(connection, self._apart_key, self._folder, str(self._files), running)

    def _waits(self, running: Mappings, edited: Mappings) -> bool:
        with self._engine.begin() as connection:
            held = versions.read_plans(connection, state=versions.HELD)
        return any((one.base, one.target) == (running.digest, edited.digest) for one in held)

    # --- what the edit reads anew

    def _lacking(self, running: Mappings, edited: Mappings) -> list[Unread]:
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            found = unread(connection, running, edited)
        return [
            Unread(system=key[0], kind=key[1], fields=tuple(sorted(names)), records=count)
            for key, (names, count) in found.items()
        ]

    def _read_ahead(self, running: Mappings, edited: Mappings, lacking: Sequence[Unread]) -> None:
        """Have the polls read what the edit maps anew, before it is in force: so a plan can tell what it changes."""
        name = f"reading-{edited.digest}"
        with self._engine.begin() as connection:
            known = versions.read_plans(connection, name, state=versions.READING)
            if any(one.base == running.digest for one in known):
                return
            now = now_ms()
            passing.drop_waiting(connection)
            versions.save_set(connection, edited.digest, edited.files, self._folder.systems, now, BY)
            versions.save_plan(
                connection,
                StoredPlan(
                    id=name,
                    base=running.digest,
                    target=edited.digest,
                    at=now,
                    state=versions.READING,
                    summary={"unread": [str(one) for one in lacking]},
                    packed=None,
                ),
            )
        self._running.follow()
        logger().info(
            "an edit maps fields that were never read; they are read before it is planned",
            action="edit",
            version=edited.digest,
            fields=[str(one) for one in lacking],
        )

    # --- what it would do

    def _plan(self, running: Mappings, edited: Mappings, stale: bool) -> bool:
        batches = {name: one.capabilities.write_batch for name, one in self._sources.items()}
        plan = make_plan(self._engine, running, edited, batches=batches, on_progress=self._go_on)
        reasons = [
            *passing.beyond(plan, self._folder.limits),
            *_failing(running, edited),
            *self._came_back(edited, stale),
        ]
        if reasons:
            with self._engine.begin() as connection:
                passing.keep_plan(connection, plan, edited, self._folder.systems, versions.HELD, BY)
                passing.hold(connection, plan, reasons)
            logger().warning("an edit is held", action="edit", plan=plan.id, version=edited.digest, why=reasons)
            return True
        try:
            due = self._pass(plan, running, edited)
        except NotPassed:
            return False  # another worker, or a person, was quicker
        logger().info(
            "an edit is in force",
            action="edit",
            plan=plan.id,
            version=edited.digest,
            leads=plan.totals["leads"],
            looked_at_again=due,
        )
        return True

    def _go_on(self, done: int, of: int) -> None:
        """A plan of very many leads must not hold up the end of the process."""
        del done, of
        if self._stopping.is_set():
            raise _Stopped

    def _pass(self, plan: Plan, running: Mappings, edited: Mappings) -> int:
        due = passing.put_in_force(self._engine, plan, running, edited, self._folder.systems, how="edit", by=BY)
        self._running.follow()
        self._stood = edited.digest
        return due

    def _came_back(self, edited: Mappings, stale: bool) -> list[str]:
        """Return why files that were in force before are not taken for an edit."""
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            if _was_rolled_back(connection, edited):
                return [f"the files are version {edited.digest}, which was rolled back"]
            if stale and versions.ran_before(connection, edited.digest):
                return [f"the files are version {edited.digest}, which was in force before and was replaced"]
        return []

    # --- what is wrong with it

    def _tell(self, problems: Sequence[Problem]) -> None:
        """Say what is wrong with the files, as one problem; what waited before is out of date."""
        self._wrong = problems
        told = [str(one).partition("\n")[0] for one in problems[:MOST_TOLD]]
        more = f" (and {len(problems) - MOST_TOLD} more, see `syncd check`)" if len(problems) > MOST_TOLD else ""
        message = "; ".join(told) + more
        with self._engine.begin() as connection:
            passing.drop_waiting(connection)
            _open(connection, message)
        logger().warning("an edit has mistakes and is not in force", action="edit", problems=told)


# ---------------------------------------------------------------------------------------------------------------------


class _Stopped(Exception):
    """The process ends; the next start looks again."""


def _open(connection: Connection, message: str) -> None:
    told = message if message.endswith("?") else f"{message}."
    inbox.open_problem(
        connection,
        key=passing.FILES_KEY,
        kind="files",
        message=f"{told} Nothing of the edit is in force, the version before it goes on; this closes by itself once "
        f"the files are mended",
        now=now_ms(),
    )


def _open_apart(connection: Connection, key: str, folder: Folder, files: str, running: str) -> None:
    inbox.open_problem(
        connection,
        key=key,
        kind="files",
        message=f"the files of worker {folder.worker} in {folder.path} are version {files}, which is neither in force "
        f"nor waiting for approval: version {running} is, for all workers, this one too. Nothing of these files takes "
        f"effect. Give all workers the same files, or edit these anew; this closes by itself once they are the same",
        now=now_ms(),
    )


def _was_rolled_back(connection: Connection, edited: Mappings) -> bool:
    latest = versions.latest_reign(connection)
    return latest is not None and latest.how == "rollback" and latest.previous == edited.digest


def _failing(running: Mappings, edited: Mappings) -> list[str]:
    """Return the cases that speak against the edit, without the values in them."""
    return [f"{one.place}: {one.message}" for one in failing_cases(running, edited)[:MOST_TOLD]]
