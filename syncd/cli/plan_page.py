"""A plan as one HTML page to be mailed: nothing from outside, no script, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from syncd.edits.words import head_words, sides

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #c0392b; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
  padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
summary { cursor: pointer; padding: .3rem 0; } code { font-size: .9em; } .grave { color: var(--bad); }
details { border-bottom: 1px solid var(--line); } .count { display: inline-block; min-width: 5rem; }
"""
_GRAVE = frozenset({"cleared", "created", "no longer passed", "newly passed", "stage moved"})


def plan_page(told: Mapping[str, Any]) -> str:
    """Return a plan's JSON as a page; what can be opened opens without a script."""
    title = f"syncd plan {told['id']}"
    parts = [f"<h1>{escape(title)}</h1>", *_head(head_words(told))]
    edited = [one for one in told["groups"] if one["edited"]]
    anyway = [one for one in told["groups"] if not one["edited"]]
    for heading, groups in (("What the edit changes", edited), ("What would be done without it too", anyway)):
        if groups:
            parts += [f"<h2>{heading}</h2>", *(_group(one, told) for one in groups)]
    if told["effects"]:
        parts += ["<h2>Every change</h2>", _table(told["effects"])]
    if not told["groups"]:
        parts.append("<p>Nothing would change.</p>")
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


# ---------------------------------------------------------------------------------------------------------------------


def _head(lines: Sequence[str]) -> list[str]:
    """Return what the terminal shows above the groups: lists where it indents, the verdict in colour."""
    found: list[str] = []
    for line in lines:
        if not line.startswith("  "):
            bad = ' class="grave"' if line.startswith("would be") else ""
            found.append(f"<p{bad}>{escape(line)}</p>")
        elif found and found[-1].endswith("</ul>"):
            found[-1] = f"{found[-1].removesuffix('</ul>')}<li><code>{escape(line.strip())}</code></li></ul>"
        else:
            found.append(f"<ul><li><code>{escape(line.strip())}</code></li></ul>")
    return found


def _group(one: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    name = escape(f"{one['of']} {one['field']}".strip())
    grave = ' class="grave"' if one["risk"] in _GRAVE else ""
    line = f" <code>{escape(one['line'])}</code>" if one["line"] else ""
    then = ", once made" if one["once_made"] else ""
    return (
        f'<details><summary><span class="count">{one["count"]:,}</span> <b{grave}>{escape(one["risk"])}</b> '
        f"{name}{then}{line}</summary>\n{_table(one['samples'])}{_rest(one, told)}</details>"
    )


def _rest(one: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Return how many of a group are not on the page, and how to get them; nothing where every change follows."""
    rest = one["count"] - len(one["samples"])
    if rest <= 0 or told["effects"]:
        return ""
    name = f" {told['id']}" if told.get("kept", True) and told["from"] != told["to"] else ""
    return f"\n<p>and {rest:,} more: <code>syncd plan{escape(name)} --all</code></p>"


def _table(effects: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("record", "field", "old", "new", "from", "rule, line"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, effects))}</tbody></table>"


def _row(one: Mapping[str, Any]) -> str:
    who = one["where"] or f"{one['kind']} {one['entity']}"
    why = " ".join(part for part in (one["rule"], one["line"]) if part)
    cells = (who, one["field"], *sides(one), one["source"], why)
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
