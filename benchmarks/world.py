"""A world for one benchmark: the systems, the daemon and the floor as processes around a folder that is thrown away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT, Child

# What the shared definition of the one-way mapping has beyond the shipped one.
_EXTRA_FIELDS = """\
  product_interest: {type: text}
  current_supplier: {type: text}
  preferred_channel: {type: text}
  plant_count: {type: integer}
  contract_ends: {type: date}
  annual_output: {type: number}
"""


class Trouble(Exception):
    """The work that was to be measured did not succeed, so its figure would mean nothing."""


@dataclass(frozen=True)
class World:
    """The processes. `systems` and the daemon answer commands; `floor` works on systems of its own."""

    folder: Path
    systems: Child
    daemon: Child

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def cycle(self, count: int = 1) -> dict[str, Any]:
        """Let the daemon do cycles; raise Trouble when a system was not reached."""
        did = self.daemon.ask("cycles", count=count)
        if did["troubles"]:
            raise Trouble(str(did["troubles"]))
        return did

    def spent(self) -> tuple[int, int, int]:
        """Return (HubSpot calls, Salesforce calls, records written) since the last asking; tokens are calls too."""
        told = self.systems.ask("counters")
        calls = told["calls"]
        return (sum(calls["hubspot"].values()), sum(calls["salesforce"].values()), sum(told["writes"].values()))

    def state_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("state.db*") if not path.name.endswith(".lock"))


@contextmanager
def world(*, one_way: bool) -> Iterator[World]:
    """Start empty systems and a daemon on them, with the shipped mappings or the one-way ones of thirty fields."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-bench-")))
        systems = stack.enter_context(Child("systems"))
        write_config(folder, systems.ask("urls"), one_way=one_way)
        daemon = stack.enter_context(Child("daemon", str(folder / "config.yaml")))
        yield World(folder, systems, daemon)


@contextmanager
def floor(contacts: int) -> Iterator[tuple[Child, Child]]:
    """Start systems with so many contacts, and the bare loop on them."""
    with Child("systems") as systems:
        urls = systems.ask("urls")
        systems.ask("seed", count=contacts)
        with Child("floor", urls["hubspot"], urls["salesforce"]) as loop:
            yield systems, loop


def write_config(folder: Path, urls: dict[str, str], *, one_way: bool) -> None:
    """Write the operator's file and the mappings into the folder."""
    shipped = ROOT / "mappings"
    shutil.copytree(shipped / "tables", folder / "mappings" / "tables")
    source = ROOT / "benchmarks" / "mappings" if one_way else shipped
    for name in ("hubspot.yaml", "salesforce.yaml"):
        shutil.copy(source / name, folder / "mappings" / name)
    definition = (shipped / "definition.yaml").read_text(encoding="utf-8")
    if one_way:
        line = "  source: {type: text}\n"
        assert line in definition
        definition = definition.replace(line, line + _EXTRA_FIELDS)
    (folder / "mappings" / "definition.yaml").write_text(definition, encoding="utf-8")
    (folder / "config.yaml").write_text(
        f"""\
state: sqlite:///{folder}/state.db
systems:
  hubspot:
    connector: hubspot
    poll: 30m
    base_url: {urls["hubspot"]}
    access_token: pat-na1-sandbox
    budget: {{burst: null, search_per_second: null}}
  salesforce:
    connector: salesforce
    poll: 30m
    instance_url: {urls["salesforce"]}
    auth: {{client_id: sandbox, client_secret: sandbox-secret}}
    budget: {{per_day: 10000000}}
web:
  enabled: false
log: {{level: error, format: json}}
""",
        encoding="utf-8",
    )
