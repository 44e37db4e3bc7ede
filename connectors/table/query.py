"""Decide whether an admin's SQL is one SELECT and nothing else, before it meets a database.

The second lock, a connection that cannot write, is left to connectors.table.sql.
"""

from __future__ import annotations

import re

from connectors.errors import ConfigProblem

# A token is a comment, something quoted, a word, or one other character. Quoted text and comments hold no keywords.
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]\n]*\]|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<word>[^\W\d]\w*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_WRITING = (
    {"insert", "update", "delete", "merge", "into", "truncate", "copy", "exec", "execute"}
    | {"alter", "create", "drop", "grant", "revoke"}
    | {"attach", "detach", "pragma", "vacuum"}
)


def single_select(query: str, where: str) -> str:
    """Return the query without a closing semicolon; raise ConfigProblem unless it is a single SELECT.

    `where` names the mapping's place in the message. A column named like a writing keyword must be quoted.
    """
    if "\\'" in query:
        raise ConfigProblem(f"{where}: the query holds \\', which databases read differently; write '' for a quote")
    tokens = [m for m in _TOKEN.finditer(query) if m.lastgroup != "comment" and not m.group().isspace()]
    end = len(query)
    while tokens and tokens[-1].group() == ";":
        end = tokens.pop().start()
    words = [m.group().lower() for m in tokens if m.lastgroup == "word"]
    if not tokens or not words or tokens[0].group().lower() not in ("select", "with"):
        raise ConfigProblem(f"{where}: the query must be one SELECT (it may start with WITH); nothing was run")
    if any(m.group() == ";" for m in tokens):
        raise ConfigProblem(f"{where}: the query holds more than one statement; keep one SELECT. Nothing was run")
    for word in words:
        if word in _WRITING:
            raise ConfigProblem(
                f"{where}: the query holds {word.upper()}, and syncd only reads; take it out, or put the name in "
                f"double quotes if it is a column's. Nothing was run"
            )
    if not _balanced(tokens):
        raise ConfigProblem(f"{where}: the query's brackets or quotes do not close; mend it. Nothing was run")
    return query[:end].strip()


# ---------------------------------------------------------------------------------------------------------------------


def _balanced(tokens: list[re.Match[str]]) -> bool:
    """Return whether the query can stand inside brackets without ending them early."""
    depth = 0
    for token in tokens:
        text = token.group()
        if token.lastgroup != "other":
            continue
        if text in ("'", '"', "`"):
            return False
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            return False
    return depth == 0
