"""The mappings folder, read whole: the definition, one mapping per system, their tables; all problems in one report.

What a section means is left to syncd.mapping.definition_file and syncd.mapping.compile, finding files to
syncd.mapping.files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from syncd.config.check import check
from syncd.config.yaml import Document, Place, Problem, Problems, parse
from syncd.lead.definition import Definition
from syncd.mapping.compile import KindCompiler, answers_left, unknown_system
from syncd.mapping.definition_file import digest_of, read_definition
from syncd.mapping.files import DEFINITION, FileSet, read_files
from syncd.mapping.model import KindMap, Mappings, SystemMap
from syncd.mapping.schema import KindSection, MappingFile


def load(directory: Path, systems: Mapping[str, str]) -> Mappings:
    """Read every file of the folder; raise Problems with everything wrong in any of them.

    `systems` are the configured systems: name -> connector.
    """
    return compile_files(read_files(directory), systems)


def compile_files(files: FileSet, systems: Mapping[str, str]) -> Mappings:
    """Compile files that were read already; raise Problems with everything wrong in any of them.

    The same files are compiled once: those of an edit are looked at, planned, put in force and taken over.
    """
    content = tuple(sorted(files.files.items())), tuple(sorted(files.unread.items()))
    return _compiled(files.folder, files.there, *content, tuple(systems.items()))


# ---------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _compiled(
    folder: str,
    there: bool,
    content: tuple[tuple[str, bytes], ...],
    unread: tuple[tuple[str, str], ...],
    configured: tuple[tuple[str, str], ...],
) -> Mappings:
    files = FileSet(folder=folder, files=dict(content), unread=dict(unread), there=there)
    systems = dict(configured)
    documents, problems = _documents(files)
    definition: Definition | None = None
    if DEFINITION in documents:
        definition, found = read_definition(documents.pop(DEFINITION), systems)
        problems += found
    compiled: dict[str, SystemMap] = {}
    for document in documents.values():
        one, found = _mapping(document, files, systems, definition)
        problems += found
        if one is None:
            continue
        if one.system in compiled:
            where = document.place(("system",))
            problems.append(
                Problem(where, f"a second file for {one.system}", f"the first is {compiled[one.system].file}")
            )
        compiled[one.system] = one
    if problems or definition is None:
        raise Problems(problems)
    tables = {table for one in compiled.values() for table in one.tables}
    return Mappings(
        definition=definition,
        systems=compiled,
        files=files.only(tables),
        digest=digest_of([definition.digest, sorted((one.system, one.digest) for one in compiled.values())]),
    )


def _documents(files: FileSet) -> tuple[dict[str, Document], list[Problem]]:
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    if not files.there:
        return {}, [Problem(Place(files.folder, 1, 1), "no such folder", "correct 'mappings' in the config")]
    names = files.top()
    if DEFINITION not in names:
        where = Place(files.path(DEFINITION), 1, 1)
        problems.append(Problem(where, "the lead definition is missing", "every mapping refers to it"))
    for name in names:
        where = Place(files.path(name), 1, 1)
        if name.endswith(".yml"):
            problems.append(Problem(where, "ends in .yml", "rename it to .yaml"))
            continue
        if name in files.unread:
            problems.append(Problem(where, f"cannot be read: {files.unread[name]}", "check the path and its rights"))
            continue
        try:
            documents[name] = parse(files.files[name], files.path(name))
        except Problems as error:
            problems += error.problems
    return documents, problems


def _mapping(
    document: Document, files: FileSet, systems: Mapping[str, str], definition: Definition | None
) -> tuple[SystemMap | None, list[Problem]]:
    model, problems = check(MappingFile, document)
    if model is None:
        return None, problems
    if model.system not in systems:
        problems.append(unknown_system(document, model.system, systems))
    sections: Mapping[str, KindSection] = model.__pydantic_extra__ or {}
    if definition is None:
        return None, problems
    compiler = KindCompiler(definition, document, files, model.system, systems.get(model.system, ""))
    kinds = _kind_names(compiler, sections, document, problems)
    compiled: dict[str, KindMap] = {}
    for name, section in sections.items():
        one = compiler.compile(name, section, kinds)
        compiled[one.kind] = one
    problems += compiler.problems
    return (
        SystemMap(
            system=model.system,
            file=document.file,
            digest=digest_of([document.data, sorted(compiler.tables.items())]),
            source=document.data,
            tables=dict(compiler.tables),
            kinds=compiled,
            notes=(*compiler.lacking_look_ups(compiled), *answers_left(compiled)),
        ),
        problems,
    )


def _kind_names(
    compiler: KindCompiler, sections: Mapping[str, KindSection], document: Document, problems: list[Problem]
) -> dict[str, str]:
    """Return every name by which a kind of the file can be called -> the system's name of it."""
    names: dict[str, str] = {}
    for name, section in sections.items():
        kind = compiler.kind_name(name, section)
        if kind in names.values():
            problems.append(Problem(document.key_place((name,)), f"the kind {kind!r} is mapped twice", "join the two"))
        names[name] = names[kind] = kind
    return names
