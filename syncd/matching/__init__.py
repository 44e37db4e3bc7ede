"""Says whether two records are one company, one place or one person, how sure that is, and why.

Pure: it reads no store and no system. Callers bring the records and keep what is decided.
"""

from syncd.matching.compare import compare
from syncd.matching.evidence import COMPANY, PERSON, SITE, Band, Comparison, Hold, Purpose, Reason, Rules, Sign
from syncd.matching.frequency import Frequencies
from syncd.matching.index import MOST_PER_KEY, Candidate, Found, Index, break_tie, choose, shortlist
from syncd.matching.keys import block_keys
from syncd.matching.party import Form, Party, form_of, party_of
from syncd.matching.person import Named, named, person_keys
from syncd.matching.reach import is_for_anybody, mail_domain

__all__ = [
    "COMPANY",
    "MOST_PER_KEY",
    "PERSON",
    "SITE",
    "Band",
    "Candidate",
    "Comparison",
    "Form",
    "Found",
    "Frequencies",
    "Hold",
    "Index",
    "Named",
    "Party",
    "Purpose",
    "Reason",
    "Rules",
    "Sign",
    "block_keys",
    "break_tie",
    "choose",
    "compare",
    "form_of",
    "is_for_anybody",
    "mail_domain",
    "named",
    "party_of",
    "person_keys",
    "shortlist",
]
