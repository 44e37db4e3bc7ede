"""References to secrets in a config file: ${VAR}, ${VAR:-default} and ${file:/path}, inside text values only.

Where such a value is used, and that it is never shown, is left to those who receive it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncd.config.yaml import Document, Path_, Problem

MAX_SECRET = 65_536

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass
class _Resolver:
    document: Document
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    found: set[str] = field(default_factory=set)

    def walk(self, value: Any, path: Path_) -> Any:
        match value:
            case dict():
                return {key: self.walk(inner, (*path, key)) for key, inner in value.items()}
            case list():
                return [self.walk(inner, (*path, index)) for index, inner in enumerate(value)]
            case str() if "${" in value:
                return self.text(value, path)
            case _:
                return value

    def text(self, value: str, path: Path_) -> str:
        def put(reference: re.Match[str]) -> str:
            try:
                return self.value_of(reference[1])
            except LookupError as why:
                message, _, hint = str(why.args[0]).partition("; ")
                self.problems.append(Problem(self.document.inside(path, reference.start()), message, hint))
                return ""

        replaced = _REFERENCE.sub(put, value)
        rest = _REFERENCE.sub("", value)
        if "${" in rest:
            where = self.document.inside(path, value.rindex("${"))
            self.problems.append(Problem(where, "'${' that is never closed", "write ${NAME} or ${file:/path}"))
        return replaced

    def value_of(self, reference: str) -> str:
        if reference.startswith("file:"):
            return self.remember(_file(reference[len("file:") :]))
        named = _VARIABLE.fullmatch(reference)
        if not named:
            raise LookupError("a reference that is no name; write ${NAME}, ${NAME:-default} or ${file:/path}")
        name, default = named[1], named[2]
        if self.environ.get(name):
            return self.remember(self.environ[name])
        if default is not None:
            return default
        state = "empty" if name in self.environ else "not set"
        raise LookupError(
            f"the environment variable {name} is {state}; set it where syncd starts, or use ${{file:/path}}"
        )

    def remember(self, secret: str) -> str:
        self.found.add(secret)
        return secret


def resolve_secrets(document: Document, environ: Mapping[str, str]) -> tuple[Document, frozenset[str], list[Problem]]:
    """Return the document with every reference replaced, the values put in, and what could not be resolved."""
    resolver = _Resolver(document, environ)
    data = resolver.walk(document.data, ())
    return replace(document, data=data), frozenset(resolver.found), resolver.problems


def _file(path: str) -> str:
    """Return a secret file's text without its trailing line end (most tools write one)."""
    if not path:
        raise LookupError("a reference to a file without a path; write ${file:/run/secrets/name}")
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_SECRET + 1)
        text = raw.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise LookupError(
            f"the secret file {path} cannot be read: {error.strerror}; mount it, or correct the path and its rights"
        ) from None
    except UnicodeDecodeError:
        raise LookupError(f"the secret file {path} is not UTF-8 text; store the secret as plain text") from None
    if len(raw) > MAX_SECRET:
        raise LookupError(f"the secret file {path} is larger than 64 kB; check that the path names the secret")
    if not text:
        raise LookupError(f"the secret file {path} is empty; write the secret into it")
    return text
