"""The nine stages in order, both halves.

    poll -> map -> match   ||   merge -> enrich -> qualify -> gate -> deliver -> feedback

`take_in` remembers what was seen and marks leads due (intake.py). `decide_batch` works out what every side should hold,
as a plain value (deciding.py). `store_decisions`, `send_batch` carry it out: intents first (acting.py), then the calls,
then the answers (sending.py). Deciding is a pure function of what is stored, the definition, the mappings and the
clock, shared by the daemon, `plan` and `explain`; when any of it runs, and what follows a failure, is syncd.daemon's.
"""

from syncd.pipeline.acting import amend_fates, settle_leftovers, store_decisions
from syncd.pipeline.apart import each_apart, left_out, set_aside, take_in_each
from syncd.pipeline.braking import Brake, approve_held, settle_brakes
from syncd.pipeline.deciding import Stored, decide_batch, decide_stored, load_stored
from syncd.pipeline.erasing import forget_entity, forget_erased
from syncd.pipeline.foreseen import NEW, once_made
from syncd.pipeline.intake import follow_gone, link_again, take_in
from syncd.pipeline.sending import send_batch

__all__ = [
    "NEW",
    "Brake",
    "Stored",
    "amend_fates",
    "approve_held",
    "decide_batch",
    "decide_stored",
    "each_apart",
    "follow_gone",
    "forget_entity",
    "forget_erased",
    "left_out",
    "link_again",
    "load_stored",
    "once_made",
    "send_batch",
    "set_aside",
    "settle_brakes",
    "settle_leftovers",
    "store_decisions",
    "take_in",
    "take_in_each",
]
