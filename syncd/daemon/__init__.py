"""When each poll and handoff runs, what follows trouble, how it all stops; no business rule.

`work.py` is what one worker does when told to, `engine.py` the durable workflows and queues that tell it.
"""

from syncd.daemon.engine import Once, cycle, opened, run_once, serve
from syncd.daemon.work import Work
from syncd.daemon.workers import EngineUnusable

__all__ = ["EngineUnusable", "Once", "Work", "cycle", "opened", "run_once", "serve"]
