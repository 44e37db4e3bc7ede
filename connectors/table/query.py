"""Decide whether an admin's SQL is one SELECT and nothing else, before it meets a database.

The second lock, a connection that cannot write, is left to connectors.table.database.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import NoReturn

from connectors.errors import ConfigProblem


def single_select(query: str, where: str, dialect: str = "sqlite") -> str:
    """Return the query without a closing semicolon; raise ConfigProblem unless it is a single SELECT.

    `where` names the mapping's place in the message, `dialect` is SQLAlchemy's name of the kind of database. A column
    named like a writing keyword must be quoted.
    """
    _refuse_ambiguous(query, where)
    tokens = [m for m in _grammar(dialect).finditer(query) if not m.group().isspace()]
    _refuse_nested_comments(tokens, where)
    tokens = [m for m in tokens if m.lastgroup != "comment"]
    end = len(query)
    while tokens and tokens[-1].group() == ";":
        end = tokens.pop().start()
    words = [m.group().lower() for m in tokens if m.lastgroup == "word"]
    if not tokens or not words or tokens[0].group().lower() not in ("select", "with"):
        raise ConfigProblem(f"{where}: the query must be one SELECT (it may start with WITH); nothing was run")
    if any(m.group() == ";" for m in tokens):
        raise ConfigProblem(f"{where}: the query holds more than one statement; keep one SELECT. Nothing was run")
    _refuse_writing(tokens, words, where)
    if not _balanced(tokens):
        raise ConfigProblem(f"{where}: the query's brackets or quotes do not close; mend it. Nothing was run")
    if dialect == "mssql" and words[0] == "with":
        raise ConfigProblem(f"{where}: SQL Server takes no WITH inside another query; make it a view or a subquery")
    return query[:end].strip()


# ---------------------------------------------------------------------------------------------------------------------

# What is quoted or a comment holds no keywords, and each kind of database has its own ways of quoting: what one skips
# another runs.
_QUOTES = {
    "sqlite": r"|`[^`]*`|\[[^\]\n]*\]",
    "mysql": r"|`(?:[^`]|``)*`",
    "mssql": r"|\[(?:[^\]]|\]\])*\]",
    "postgresql": r"|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$",
}
_COMMENTS = {"mysql": r"--(?=\s|$)[^\n]*|\#[^\n]*"}

_WRITING = (
    {"insert", "update", "delete", "merge", "into", "truncate", "copy", "exec", "execute", "call"}
    | {"alter", "create", "drop", "grant", "revoke"}
    | {"attach", "detach", "pragma", "vacuum"}
    | {"updlock", "xlock", "tablockx"}  # SQL Server's hints that lock rows against others
    | {"nextval"}  # Oracle's seq.nextval moves the sequence
)
_PAIRS = {("for", "share"), ("for", "no"), ("for", "key"), ("share", "mode"), ("next", "value")}
# Functions that act, or reach beyond the database, where no keyword shows it.
_ACTING = re.compile(
    r"setval|set_config|lo_\w+|dblink\w*|query_to_xml\w*|load_extension|load_file|writefile|readfile|edit"
    r"|pg_(?:terminate|cancel|reload|rotate|switch|create|drop|promote|replication|logical|read|ls)\w*"
    r"|pg_(?:backup|start|stop|wal|file|notify|stat_\w*reset|export|execute)\w*|cron|https?(?:_\w+)?"
    r"|pg_(?:try_)?advisory\w*|(?:get|release)_(?:all_)?locks?|sys_e(?:xec|val)"
    r"|openrowset|openquery|opendatasource|xp_\w+|dbms_\w+|utl_\w+"
)


@cache
def _grammar(dialect: str) -> re.Pattern[str]:
    dialect = {"mariadb": "mysql"}.get(dialect, dialect)
    comment = _COMMENTS.get(dialect, r"--[^\n]*")
    return re.compile(
        rf"""(?P<comment>{comment}|/\*.*?\*/)
          | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"{_QUOTES.get(dialect, "")})
          | (?P<word>[^\W\d]\w*)
          | (?P<other>.)""",
        re.VERBOSE | re.DOTALL,
    )


def _refuse_ambiguous(query: str, where: str) -> None:
    for sign in ("\\'", '\\"'):
        if sign in query:
            raise ConfigProblem(
                f"{where}: the query holds {sign}, which databases read differently; double the quote instead"
            )
    if re.search(r"/\*M?!", query):
        raise ConfigProblem(f"{where}: the query holds a comment that MySQL runs (/*!); take it out. Nothing was run")
    if re.search(r'\bu&"', query, re.IGNORECASE):  # PostgreSQL: the name is another than the one that is written
        raise ConfigProblem(f'{where}: the query holds U&"...", whose name only the database reads; write the name')
    if re.search(r"\bn?q'", query, re.IGNORECASE):
        raise ConfigProblem(f"{where}: the query holds q'...', which databases read differently; write '...'")


def _refuse_nested_comments(tokens: list[re.Match[str]], where: str) -> None:
    if any(m.lastgroup == "comment" and "/*" in m.group()[2:] and m.group().startswith("/*") for m in tokens):
        raise ConfigProblem(f"{where}: the query holds a comment inside a comment; take one out. Nothing was run")


def _refuse_writing(tokens: list[re.Match[str]], words: list[str], where: str) -> None:
    for word in words:
        if word in _WRITING:
            _refuse(where, word)
    for token, after in pairwise(tokens):
        name, following = token.group().strip('"`[]').lower(), after.group().lower()
        if (name, following) in _PAIRS:
            _refuse(where, f"{name} {following}")
        if following in ("(", ".") and _ACTING.fullmatch(name):
            raise ConfigProblem(f"{where}: the query calls {name}, which does more than read; take it out")


def _refuse(where: str, words: str) -> NoReturn:
    raise ConfigProblem(
        f"{where}: the query holds {words.upper()}, and syncd only reads; take it out, or quote the name if it is a "
        f"column's. Nothing was run"
    )


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
