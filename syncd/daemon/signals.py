"""How the process is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from queue import Empty, SimpleQueue

LAST_SECONDS = 4.0  # then the process ends whatever hangs; the next start takes it up, as after a kill


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT and end within LAST_SECONDS; a second signal ends the process at once.

    Python runs a handler in the main thread, between two of its instructions, also while that thread holds the lock
    within `stop` to wait for it: a handler that set the event itself would then wait for ever for its own thread. Of
    all that tells another thread something, SimpleQueue.put alone may be interrupted by itself (library reference,
    `queue`).
    """
    asked: SimpleQueue[int] = SimpleQueue()

    def end() -> None:
        asked.get()
        stop.set()
        try:
            again = asked.get(timeout=LAST_SECONDS)
        except Empty:
            os._exit(0)
        os._exit(128 + again)

    threading.Thread(target=end, name="stop", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.put(number))
