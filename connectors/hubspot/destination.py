"""Writes records to HubSpot in batches and gives every request its own answer.

Which fields to write and what to do about a refusal is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from connectors.contract import Deferred, Policy, RawValue, Rejected, WriteRequest, WriteResult, Written
from connectors.errors import ConfigProblem, ConnectorError, Unavailable
from connectors.hubspot.branches import BRANCH
from connectors.hubspot.client import BATCH, Batch, HubSpotClient
from connectors.hubspot.judge import CallRefused, Forbidden, Trouble
from connectors.hubspot.links import PREFIX, Linker, links_in, put_off, without_links
from connectors.hubspot.records import milliseconds, modified_property, time_of
from connectors.hubspot.sparing import Looker

SPLIT_CALLS = 30  # for one refused batch; what is undecided then is deferred
STAGE = "lifecyclestage"


@dataclass(frozen=True, slots=True)
class _Line:
    """One request on its way; `place` is its position in the caller's list and its name towards HubSpot."""

    place: int
    request: WriteRequest

    @property
    def trace(self) -> str:
        return f"r{self.place}"

    @property
    def key(self) -> str:
        """Return what may occur only once in a batch: HubSpot refuses the whole batch otherwise."""
        if self.request.policy is Policy.UPDATE:
            return str(self.request.id)
        return "=".join(self.request.key or ("", self.trace)).lower()

    @property
    def subject(self) -> str:
        return f"{self.request.kind} {self.request.id or 'to create'}"


Answers = dict[int, WriteResult]


class HubSpotWriter:
    """Batch update by id and batch upsert by a unique property. Both are safe to send twice."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._linker = Linker(client)
        self._looker = Looker(client)
        self.moved = False  # branches are kept elsewhere than when they were last read

    def write(self, requests: Sequence[WriteRequest]) -> list[WriteResult]:
        """See connectors.contract.Destination.write."""
        answers: Answers = {}
        lines = []
        for place, request in enumerate(requests):
            problem = _unsendable(request)
            if problem is not None:
                answers[place] = problem
            elif self.moved and (request.kind == BRANCH or BRANCH in links_in(request)):
                answers[place] = Deferred("branches are kept elsewhere than before", 3600.0)
            elif request.id is not None and all(name.startswith(PREFIX) for name in request.fields):
                answers[place] = Written(request.id)
            else:
                lines.append(_Line(place, request))
        changed = self._looker.changed([line.request for line in lines])
        for line in lines:
            if line.request.token in changed:
                answers[line.place] = Deferred("somebody changed the record since it was read", changed=True)
        batches = list(_batches([line for line in lines if line.place not in answers]))
        forbidden: dict[tuple[str, Policy], Deferred] = {}
        for number, batch in enumerate(batches):
            call = (batch[0].request.kind, batch[0].request.policy)
            try:
                if call not in forbidden:
                    answers |= self._write_batch(batch)
            except Forbidden as error:
                forbidden[call] = Deferred(error.message, stuck=True, alike=True)
            except ConnectorError as error:
                if number == 0 and not isinstance(error, Unavailable):
                    raise
                after = error.retry_after or 0.0
                left = [line for each in batches[number:] for line in each]
                answers |= {line.place: Deferred(error.message, after, at_large=True) for line in left}
                break
            if call in forbidden:
                answers |= {line.place: forbidden[call] for line in batch}
        linked = [
            (place, answer.id, request)
            for place, request in enumerate(requests)
            if isinstance(answer := answers[place], Written) and links_in(request)
        ]
        answers |= self._linker.write(linked)
        for answer in answers.values():
            if isinstance(answer, Written):
                self._looker.spared.forget(answer.id)
        return [answers[place] for place in range(len(requests))]

    def _write_batch(self, lines: Sequence[_Line]) -> Answers:
        answers = self._send(lines)
        back = [line for line in lines if isinstance(answers[line.place], _HeldBack)]
        if back:
            answers |= self._set_back(list(self._by_id(back, answers)))
        made = [line for line in lines if _may_be_made(line, answers[line.place])]
        if made:
            answers |= self._adopt([(line, answers[line.place].matches[0][1]) for line in made])
        return {place: answer.result if isinstance(answer, _HeldBack) else answer for place, answer in answers.items()}

    def _send(self, lines: Sequence[_Line], *, insists: bool = False) -> dict[int, Any]:
        """`insists`: what is half done must be ended, so a lost answer is asked for again."""
        return _Sending(self._insist if insists else self._call).send(lines)

    def _call(self, lines: Sequence[_Line]) -> dict[int, Any]:
        with self._client.session.writing():
            return self._insist(lines)

    def _insist(self, lines: Sequence[_Line]) -> dict[int, Any]:
        kind = lines[0].request.kind
        send = self._client.update if lines[0].request.policy is Policy.UPDATE else self._client.upsert
        batch = send(kind, [_input(line) for line in lines])
        answers: dict[int, Any] = _read_answers(kind, lines, batch)
        missing = [line for line in lines if line.place not in answers]
        if missing:
            answers |= self._explain(kind, missing)
        return answers

    def _explain(self, kind: str, lines: Sequence[_Line]) -> Answers:
        """Say what became of lines that HubSpot passed over without a word, as it does with merged-away ids."""
        unknown = Deferred("vanished from HubSpot's answer: neither written nor refused")
        answers: Answers = {line.place: unknown for line in lines}
        updates = [line for line in lines if line.request.id is not None]
        if not updates:
            return answers
        try:
            batch = self._client.read(kind, [str(line.request.id) for line in updates], ["hs_object_id"])
            alive = {str(row.get("id")) for row in batch.rows}
            for line in updates:
                if line.request.id not in alive:
                    found = self._client.get(kind, str(line.request.id), ["hs_object_id"])
                    answers[line.place] = _gone(line, str(found["id"]) if found and "id" in found else None)
        except ConnectorError:
            pass  # the lines stay deferred, and are asked about again when they are sent again
        return answers

    def _adopt(self, existing: Sequence[tuple[_Line, str]]) -> dict[int, Any]:
        """Go on with records that an earlier create made, its answer lost, if they hold our keys; else change nothing.

        HubSpot's upsert may look for a record sooner than its index shows it, and then refuses to make a second one.
        """
        kind = existing[0][0].request.kind
        names = {line.request.key[0] for line, _ in existing if line.request.key}
        try:
            found = self._client.read(kind, sorted({id for _, id in existing}), sorted(names)).rows
            rows = {str(row.get("id")): row.get("properties") for row in found}
            ours = [
                _Line(line.place, replace(line.request, policy=Policy.UPDATE, id=id, key=None))
                for line, id in existing
                if _holds(rows.get(id), line.request.key)
            ]
            return self._send(ours) if ours else {}
        except ConnectorError as error:
            return {line.place: put_off(error) for line, _ in existing}

    def _by_id(self, lines: Sequence[_Line], answers: dict[int, Any]) -> Iterator[_Line]:
        """Yield lines as updates; the record that has the key of one that creates first gets all but the stage."""
        creates = [line for line in lines if line.request.id is None]
        again = [_without_stage(line) for line in creates if isinstance(answers[line.place].result, Rejected)]
        try:
            answers |= self._send(again)
        except ConnectorError as error:
            answers |= {line.place: put_off(error) for line in again}
        for line in lines:
            told = answers[line.place].result if isinstance(answers[line.place], _HeldBack) else answers[line.place]
            if line.request.id is not None:
                yield line
            elif isinstance(told, Written):
                yield _Line(line.place, replace(line.request, policy=Policy.UPDATE, id=told.id, key=None))

    def _set_back(self, lines: Sequence[_Line]) -> dict[int, Any]:
        """Move lifecyclestage back: HubSpot lets it only go forward, unless it was emptied in a call of its own.

        It is emptied with whatever else a line changes, so that nothing of it is lost when that is refused.
        """
        kind = lines[0].request.kind
        try:
            found = self._client.read(kind, [str(line.request.id) for line in lines], [STAGE]).rows
            answers = self._send([_with(line, {**line.request.fields, STAGE: None}) for line in lines])
        except ConnectorError as error:
            return {line.place: put_off(error) for line in lines}
        emptied = [line for line in lines if isinstance(answers[line.place], Written)]
        try:
            stage = [_with(line, {STAGE: line.request.fields[STAGE]}) for line in emptied]
            answers |= self._send(stage, insists=True)
        except ConnectorError as error:
            answers |= {line.place: put_off(error) for line in emptied}
        stages = {str(row.get("id")): (row.get("properties") or {}).get(STAGE) for row in found}
        refused = Trouble(code="LIFECYCLE_NOT_APPLIED", field=STAGE)
        answers |= {
            line.place: _rejected(line, refused) for line in emptied if isinstance(answers[line.place], _HeldBack)
        }
        vain = [line for line in emptied if not isinstance(answers[line.place], Written)]
        return answers | self._put_back(
            [_with(line, {STAGE: stages.get(str(line.request.id))}) for line in vain], answers
        )

    def _put_back(self, lines: Sequence[_Line], answers: Mapping[int, Any]) -> dict[int, Any]:
        """Write the stages again that were emptied in vain; return the answers for those that stay empty."""
        try:
            again = self._send(lines, insists=True)
        except ConnectorError:
            again = {}
        return {
            line.place: _left_empty(answers[line.place])
            for line in lines
            if not isinstance(again.get(line.place), Written)
        }


class _Sending:
    """Sends one batch, splitting what is refused as a whole until each bad line stands alone.

    One bad line among 100 costs 9 calls: the refused one, 7 halvings, and one for all that had to wait.
    """

    def __init__(self, call: Callable[[Sequence[_Line]], dict[int, Any]]) -> None:
        self._call = call
        self._calls = 0
        self._answers: dict[int, Any] = {}
        self._waiting: list[_Line] = []

    def send(self, lines: Sequence[_Line]) -> dict[int, Any]:
        """Return an answer per line; raise only when the very first call came to nothing."""
        self._waiting = list(lines)
        try:
            while self._waiting and self._calls < SPLIT_CALLS:
                batch, self._waiting = self._waiting, []
                trouble = self._try(batch)
                if trouble is not None:
                    self._narrow(batch, trouble)
        except ConnectorError as error:
            if self._calls == 1:
                raise
            reason = Deferred(error.message, error.retry_after or 0.0, at_large=True)
        else:
            reason = Deferred(
                "HubSpot refused the batch that it was in; the rest of that batch is tried again by itself", 30.0
            )
        return {line.place: self._answers.get(line.place, reason) for line in lines}

    def _try(self, lines: Sequence[_Line]) -> Trouble | None:
        self._calls += 1
        try:
            self._answers |= self._call(lines)
        except CallRefused as refused:
            if refused.status == 404 or refused.code == "UNKNOWN_OBJECT_TYPE":
                raise ConfigProblem(f"HubSpot has no object {lines[0].request.kind}; correct the mapping") from refused
            return refused.trouble
        return None

    def _narrow(self, suspects: Sequence[_Line], trouble: Trouble) -> None:
        """Find what is to blame for the refusal of `suspects`; the others wait to be sent.

        Where all but the last go through, the refusal may have passed: the last is sent by itself.
        """
        lasts = len(suspects) == 1
        while True:
            bad = [line for line in suspects if (lasts and len(suspects) == 1) or _concerns_all(line, trouble)]
            if bad:
                self._answers |= {line.place: _refused(line, trouble) for line in bad}
                self._waiting += [line for line in suspects if line not in bad]
                return
            if self._calls >= SPLIT_CALLS:
                return
            half, others = suspects[: max(1, len(suspects) // 2)], suspects[max(1, len(suspects) // 2) :]
            again = self._try(half)
            if again is not None:
                self._waiting += others
                suspects, trouble, lasts = half, again, True
            elif others:
                suspects = others
            else:
                return


# ---------------------------------------------------------------------------------------------------------------------

# Codes that say nothing about one line: whichever carries the property is refused like the one that was named.
_ABOUT_THE_PROPERTY = ("PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE")
_NO_STAGE = (*_ABOUT_THE_PROPERTY, "INVALID_OPTION")  # refused also after the stage was emptied


@dataclass(frozen=True, slots=True)
class _HeldBack:
    """The stage alone was not taken: passed over in silence, or refused."""

    result: Written | Rejected


def _unsendable(request: WriteRequest) -> Rejected | None:
    if request.policy is Policy.UPDATE and request.id:
        return None
    if request.policy is Policy.CREATE and request.key and request.key[1]:
        return None
    needed = "an id" if request.policy is Policy.UPDATE else "a key"
    return Rejected("NO_TARGET", f"a request to {request.policy.value} {request.kind} came without {needed}")


def _batches(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    """Cut into calls: one kind and policy each, no more than BATCH lines, no record twice; in order per record."""
    groups: dict[tuple[str, Policy], list[list[_Line]]] = {}
    latest: dict[tuple[str, Policy, str], int] = {}
    for line in lines:
        group = (line.request.kind, line.request.policy)
        batches = groups.setdefault(group, [])
        number = latest.get((*group, line.key), -1) + 1
        while number < len(batches) and len(batches[number]) >= BATCH:
            number += 1
        if number == len(batches):
            batches.append([])
        batches[number].append(line)
        latest[(*group, line.key)] = number
    for batches in groups.values():
        yield from batches


def _input(line: _Line) -> dict[str, Any]:
    request = line.request
    properties = {name: text_of(value) for name, value in without_links(request.fields).items()}
    if request.policy is Policy.UPDATE or request.key is None:
        return {"id": request.id, "properties": properties, "objectWriteTraceId": line.trace}
    name, value = request.key
    return {
        "id": value,
        "idProperty": name,
        "properties": {**properties, name: value},
        "objectWriteTraceId": line.trace,
    }


def text_of(value: RawValue) -> str:
    """Return a value as HubSpot takes it: always text; empty text clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)).normalize(), "f") if value - value == 0 else ""
    if isinstance(value, (list, tuple)):
        return ";".join(text_of(item) for item in value)
    return str(value)


def _read_answers(kind: str, lines: Sequence[_Line], batch: Batch) -> dict[int, Any]:
    by_trace = {line.trace: line for line in lines}
    by_key = {line.key: line for line in lines}
    answers: dict[int, Any] = {}
    for row in batch.rows:
        line = by_trace.get(str(row.get("objectWriteTraceId"))) or _line_of(row, lines, by_key)
        if line is not None and "id" in row:
            answers[line.place] = _written(kind, line, row)
    for trouble in batch.errors:
        named = [by_trace[trace] for trace in trouble.traces if trace in by_trace]
        named += [by_key[record_id] for record_id in trouble.ids if record_id in by_key]
        for line in named:
            if line.place not in answers:
                later = Deferred(f"HubSpot could not write {line.subject} now: {trouble.code}")
                answers[line.place] = _refused(line, trouble) if trouble.final else later
    return answers


def _line_of(row: Any, lines: Sequence[_Line], by_key: dict[str, _Line]) -> _Line | None:
    """Match a row that came without a trace id by its id, or by the unique value that it was upserted with."""
    if lines[0].request.policy is Policy.UPDATE:
        return by_key.get(str(row.get("id")))
    properties = row.get("properties")
    names = {line.request.key[0] for line in lines if line.request.key}
    for name in names if isinstance(properties, dict) else ():
        line = by_key.get(f"{name}={properties.get(name)}".lower())
        if line is not None:
            return line
    return None


def _written(kind: str, line: _Line, row: Any) -> Written | _HeldBack:
    properties = row.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    told = (milliseconds(row.get("updatedAt")), milliseconds(properties.get(modified_property(kind))))
    # The earlier of the two, should they ever differ: what search shows later must not look older than this.
    stamp = min((one for one in told if one is not None), default=None)
    modified = None if stamp is None else time_of(stamp)
    result = Written(str(row["id"]), created=row.get("new") is True, modified=modified)
    sent = line.request.fields.get(STAGE)
    if sent and STAGE in properties and properties[STAGE] != sent:
        return _HeldBack(result)
    return result


def _may_be_made(line: _Line, answer: Any) -> bool:
    return line.request.policy is Policy.CREATE and isinstance(answer, Rejected) and bool(answer.matches)


def _holds(properties: Any, key: tuple[str, str] | None) -> bool:
    """Tell whether a record that was read has the key; HubSpot compares unique values regardless of case."""
    return key is not None and isinstance(properties, dict) and str(properties.get(key[0])).lower() == key[1].lower()


def _concerns_all(line: _Line, trouble: Trouble) -> bool:
    return trouble.code in _ABOUT_THE_PROPERTY and trouble.field in line.request.fields


def _refused(line: _Line, trouble: Trouble) -> Rejected | Deferred | _HeldBack:
    if trouble.code == "CONFLICT" and trouble.existing is None:  # with nobody, so with another write
        return Deferred(f"HubSpot could not write {line.subject} now: {trouble.code}")
    answer = _rejected(line, trouble)
    return _HeldBack(answer) if trouble.fields == (STAGE,) and trouble.code not in _NO_STAGE else answer


def _left_empty(answer: Rejected | Deferred) -> Rejected | Deferred:
    words = f"; its {STAGE} was emptied for this and could not be written back"
    if isinstance(answer, Rejected):
        return replace(answer, message=answer.message + words)
    return replace(answer, reason=answer.reason + words)


def _without_stage(line: _Line) -> _Line:
    return _with(line, {name: value for name, value in line.request.fields.items() if name != STAGE})


def _with(line: _Line, fields: Mapping[str, RawValue]) -> _Line:
    return _Line(line.place, replace(line.request, fields=fields))


def _rejected(line: _Line, trouble: Trouble) -> Rejected:
    matches = ((line.request.kind, trouble.existing),) if trouble.existing else ()
    return Rejected(trouble.code, trouble.sentence(line.subject), trouble.field, matches, trouble.gone)


def _gone(line: _Line, survivor: str | None) -> WriteResult:
    if survivor == line.request.id:
        return Deferred("vanished from HubSpot's answer: neither written nor refused")
    if survivor is None:
        return Rejected("OBJECT_NOT_FOUND", f"{line.subject} is no longer in HubSpot", gone=True)
    return Rejected(
        "MERGED",
        f"{line.subject} was merged into {survivor}; write to that record",
        matches=((line.request.kind, survivor),),
        gone=True,
    )
