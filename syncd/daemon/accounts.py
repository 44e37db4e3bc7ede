"""Whether the account that answers is the one whose records the state holds; ids of one say nothing in another.

What follows from a stranger's answer is work.py's, as for every trouble with a system.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping

from sqlalchemy import Engine

from connectors.contract import Source
from connectors.errors import ConfigProblem
from syncd.store import systems
from syncd.store.database import now_ms


class Accounts:
    """Admits each system once, before anything of it is read or written.

    `settings`: system -> what was configured, as bytes that may hold secrets. They are kept as a keyed hash only, so
    that a process which runs once need not spend a call on asking again; a daemon asks at its start all the same.
    """

    def __init__(self, engine: Engine, sources: Mapping[str, Source], settings: Mapping[str, bytes]) -> None:
        self._engine = engine
        self._sources = sources
        self._settings = settings
        self._admitted: set[str] = set()
        self._lock = threading.Lock()
        self.trusting = True  # a daemon is not

    def admit(self, system: str) -> None:
        """Return when this is the account that the state knows; raise the ConnectorError that it is not, or unknown."""
        with self._lock:
            if system in self._admitted:
                return
            ask = getattr(self._sources[system], "account", None)
            if ask is not None:
                self._compare(system, ask)
            self._admitted.add(system)

    def _compare(self, system: str, ask: object) -> None:
        assert callable(ask)
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            known = systems.read_account(connection, system)
        same_settings = known is not None and self._matches(system, known[1])
        if self.trusting and same_settings and not self._sources[system].capabilities.free_account:
            return
        name = str(ask())
        if not name:
            return
        if known is not None and name != known[0]:
            raise ConfigProblem(
                f"{system}: the state holds the records of account {known[0]}, and account {name} answered. Nothing of "
                f"{system} was read or written. Point it at {known[0]} again; or, if it is to be {name} from now on, "
                f"begin with a new `state`",
                system=system,
            )
        if not same_settings:
            with self._engine.begin() as connection:
                systems.save_account(connection, system, name, self._seal(system, secrets.token_hex(16)), now_ms())

    def _matches(self, system: str, seal: str) -> bool:
        return hmac.compare_digest(seal, self._seal(system, seal.partition(":")[0]))

    def _seal(self, system: str, salt: str) -> str:
        return f"{salt}:{hmac.digest(salt.encode(), self._settings.get(system, b''), 'sha256').hex()}"
