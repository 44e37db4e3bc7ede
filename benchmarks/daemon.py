"""The daemon's own engine on a config file, one cycle at a time, measuring itself; commands on standard input."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.child import measured, serve
from syncd.cli.common import make_work
from syncd.collector import spare_the_collector
from syncd.daemon import cycle, opened
from syncd.edits.plan import Plan, make_plan
from syncd.health import Health
from syncd.log import set_up
from syncd.wiring import build


def main() -> None:
    set_up("error", "json", ())
    spare_the_collector()
    app = build(Path(sys.argv[1]))
    work = make_work(app, Health())

    def cycles(count: int = 1) -> dict[str, Any]:
        """Poll every system and hand over what is due, so many times."""

        def run() -> dict[str, Any]:
            did = [cycle(work) for _ in range(count)]
            troubles = {name: words for one in did for name, words in one.troubles.items()}
            return {"fates": dict(did[-1].fates), "outcomes": dict(did[-1].outcomes), "troubles": troubles}

        return measured(run)

    def preview() -> dict[str, Any]:
        """Do what `syncd plan` does."""
        return measured(lambda: {"changed": _changed(make_plan(app.engine, app.mappings, app.mappings, everyone=True))})

    def _changed(plan: Plan) -> int:
        return plan.totals["leads"] + plan.totals["anyway"]

    def rest(seconds: float) -> dict[str, Any]:
        """Do nothing, but for what the engine does by itself."""

        def sleep() -> dict[str, Any]:
            time.sleep(seconds)
            return {}

        return measured(sleep)

    def profile(path: str) -> dict[str, Any]:
        """Do one cycle in this thread, without the engine, under the profiler."""
        import cProfile

        profiler = cProfile.Profile()
        with profiler, contextlib.suppress(KeyError):
            for system in work.polls:
                work.poll(system)
            while True:
                with app.engine.begin() as connection:
                    decided = work.decide(connection)
                if decided["batch"] is None:
                    break
                work.send(decided["batch"])
                if decided["unseen"]:
                    work.look_before_creating()
        profiler.dump_stats(path)
        return {}

    with opened(work, app.config.state, "benchmark"):
        work.settle()
        serve({"cycles": cycles, "plan": preview, "rest": rest, "profile": profile})


if __name__ == "__main__":
    main()
