"""What each key of the files is for, in the words that editors and the reference show.

Keys whose model describes them already are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

KEYS: Mapping[str, Mapping[str, str]] = {
    "DefinitionFile": {
        "version": "raise it when both teams agree to a change",
        "agreed": "for each team: by whom, on which day",
        "lead": "the fields of a lead",
        "account": "the fields of an account",
        "branch": "the fields of a ship-to branch",
        "markets": "name: condition; the first that holds is the lead's market",
        "score": "points for who somebody is and for what they did",
        "stages": "the ladder, lowest first",
        "handoff": "what a lead must have before it is handed over",
        "reasons": "the codes with which sales sends a lead back",
        "currency": "in which amounts are meant; nothing is converted",
    },
    "AgreementSection": {"by": "who agreed", "on": "on which day"},
    "AlsoSection": {"requires": "fields that the leads for which `when` holds must have too"},
    "EngagementSection": {
        "points": "for each",
        "per": "of these",
        "decay": "the share that is lost in each such time",
    },
    "FieldSection": {
        "type": "what it holds",
        "group": "a heading under which fields belong together; nothing acts on it",
        "choices": "the only values allowed",
        "merge": "which value counts when several records have one",
        "refers_to": "for a reference: what it points at",
        "together": "fields with the same word are one thing, an address: they are taken from one record",
        "from_account": "of a lead: the account's field that fills it where no record of the lead does",
    },
    "FitSection": {"points": "for leads for which `when` holds"},
    "HandoffSection": {
        "requires": "lists of fields that a lead must have",
        "also": "more fields for the leads for which a condition holds",
    },
    "ReasonSection": {
        "label": "how people read it",
        "goes_to": "nurture and fix: it may qualify again; closed: it may not",
        "retry_after": "not before this time",
        "who": "who should act; for the reader",
    },
    "ScoreSection": {"fit": "for who it is", "engagement": "for what the person did"},
    "StageSection": {
        "name": "its name",
        "owner": "whose step it is; for the reader",
        "when": "under which condition a lead moves up into it",
        "within": "how soon it should be reached",
        "terminal": "the end of the road",
    },
    "MappingFile": {"system": "its name in the config; every other key is a kind of record"},
    "KindSection": {
        "is": "what such a record is for us",
        "create": "may syncd make such records?",
        "create_when": "over our values: make one only where it holds",
        "only": "over their fields: a record for which it does not hold is left alone",
        "method": "how this system came to know its values, the most trusted first",
        "every": "how often it is read; without it at each poll of the system",
        "fields": "one line per field of ours",
        "touches": "what of it shows that the person did something",
        "table": "for sql and files systems: where the rows come from",
    },
    "FieldMapSection": {
        "values": "a value table: a file, or the table itself",
        "conflict": "who wins when both sides changed it",
        "method": "as for the kind, for this line only",
        "truncate": "longest text to write; without it nothing is ever cut",
    },
    "LineOverride": {
        "values": "another value table",
        "truncate": "another longest text",
        "default": "another word for blank",
        "constant": "another constant",
        "value": "another formula",
        "when": "another condition",
        "separator": "another separator",
    },
    "TableSection": {
        "query": "sql: one SELECT that gives every column named",
        "file": "files: its name from the connector's folder, or a pattern such as plants-*.csv",
        "sheet": "files: the sheet of an Excel workbook; default: its first",
        "take": "files: of those that fit the pattern the newest (default) or all",
        "done": "files: what a file's name with this added says, when it is there: the file is whole",
        "id": "the column, or columns together, that tell one row from all others",
        "modified": "the column with the time of the last change",
        "group": "rows of one id become one, each column by its rule; without one they must agree in it",
    },
    "TouchSection": {
        "kind": "your word for it",
        "at": "the field with its time; default: `watch`",
        "what": "the field that says what it was",
        "campaign": "the field with its campaign",
    },
    "CaseSection": {
        "name": "what the case shows",
        "kind": "the kind of record; default: the first of the mapping file",
        "given": "a record of theirs; what is not listed is empty",
        "expect": "what it is for us; only what is listed is compared",
        "ours": "values of ours",
        "writes": "what is written of `ours`",
    },
}
