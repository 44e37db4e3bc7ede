"""Says whether two records are one company, one place or one person, how sure that is, and why.

Pure: it reads no store and no system. Callers bring the records and keep what is decided.
"""

from syncd.matching.compare import compare
from syncd.matching.evidence import COMPANY, PERSON, SITE, Band, Comparison, Hold, Purpose, Reason, Rules, Sign
from syncd.matching.index import Candidate, Found, Index
from syncd.matching.party import Party, party_of

__all__ = [
    "COMPANY",
    "PERSON",
    "SITE",
    "Band",
    "Candidate",
    "Comparison",
    "Found",
    "Hold",
    "Index",
    "Party",
    "Purpose",
    "Reason",
    "Rules",
    "Sign",
    "compare",
    "party_of",
]
