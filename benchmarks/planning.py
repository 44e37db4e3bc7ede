"""`syncd plan` over 100,000 leads: an edit that reaches all of them, one that reaches few, and nothing but what is due.

`python -m benchmarks.planning FOLDER` measures on the state that an earlier run left in FOLDER, or makes it there.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.child import Child, memory
from benchmarks.figures import Figure, table
from benchmarks.world import World, write_config
from syncd.cli.planning import sharing_of
from syncd.collector import spare_the_collector
from syncd.edits.plan import make_plan
from syncd.log import set_up
from syncd.mapping.loader import load
from syncd.wiring import build

LEADS = 100_000
BAR = 60.0
# Name -> (file, old, new) of one edit.
EDITS: Mapping[str, tuple[str, str, str]] = {
    "an edit that changes every lead": (
        "definition.yaml",
        "points: 30, when: in_market",
        "points: 31, when: in_market",
    ),
    "an edit that every lead is decided for": ("definition.yaml", "score >= 50", "score >= 49"),
    "an edit that reaches few": ("hubspot.yaml", "{from: firstname}", "{from: firstname, values: tables/few.csv}"),
}


def build_state(folder: Path) -> None:
    """Hand the leads over in a world of its own, and leave its state in the folder."""
    folder.mkdir(parents=True)
    with Child("systems") as systems:
        write_config(folder, systems.ask("urls"), one_way=False)
        with Child("daemon", str(folder / "config.yaml")) as daemon:
            systems.ask("seed", count=LEADS)
            World(folder, systems, daemon).cycle(2)


def measure(folder: Path) -> Iterator[Figure]:
    app = build(folder / "config.yaml")
    for name, (file, old, new) in EDITS.items():
        edited = folder / "edited"
        shutil.rmtree(edited, ignore_errors=True)
        shutil.copytree(folder / "mappings", edited)
        text = (edited / file).read_text(encoding="utf-8")
        assert old in text, old
        (edited / file).write_text(text.replace(old, new), encoding="utf-8")
        (edited / "tables" / "few.csv").write_text("theirs,ours\nGiven13,Thirteen\n", encoding="utf-8")
        mappings = load(edited, app.connectors)
        wall, spent = time.perf_counter(), _cpu()
        plan = make_plan(app.engine, app.mappings, mappings, batches=app.batches, sharing=sharing_of(app))
        yield Figure(
            name=f"{name} ({plan.looked_at:,} decided, {plan.totals['leads']:,} change)",
            unit="wall s",
            figure=time.perf_counter() - wall,
            bar=BAR,
        )
        yield Figure(name="the same, all processes", unit="CPU s", figure=_cpu() - spent)
    yield Figure(name="peak memory of the process that adds up", unit="MB", figure=memory()["peak"])


def _cpu() -> float:
    told = os.times()
    return told.user + told.system + told.children_user + told.children_system


def main() -> None:
    folder = Path(sys.argv[1])
    set_up("error", "json", ())
    spare_the_collector()
    if not folder.exists():
        build_state(folder)
    print(table(list(measure(folder))))


if __name__ == "__main__":
    main()
