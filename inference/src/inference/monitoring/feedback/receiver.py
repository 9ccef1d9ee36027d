"""Takes feedback: finds the answers that it is about, checks it, and stores it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from inference.errors import ConflictError, Fault, RequestError, RowsError
from inference.monitoring.feedback.records import Record
from inference.monitoring.feedback.store import FeedbackStore
from inference.monitoring.log.files.lookup import AnswerLookup
from inference.runtime.threads import make_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from inference.monitoring.log.files.lookup import Answered

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_SHOWN_FAULTS = 100
# A row is in a journal some 0.3 s after its answer.
_TRIES, _PAUSE_SECONDS = 4, 0.3

_Index = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class Truth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The truth of one row.

    Attributes:
        request_id: The ``X-Request-ID`` of the answer.
        truth: The true label or value, or an object of them by name.
        row: The row of the request.
    """

    request_id: str
    truth: Any
    row: _Index = 0


class Receipt(NamedTuple):
    """What became of feedback.

    Attributes:
        accepted: How many truths were stored, by model and version.
        unknown: Those whose answer is not in the log.
    """

    accepted: dict[tuple[str, int], int]
    unknown: list[Truth]


_decoder = msgspec.json.Decoder(list[Truth] | Truth)


def decode_truths(body: bytes) -> list[Truth]:
    """Return the truths in a body.

    Raises:
        RequestError: It is not one truth or a list of truths.
    """
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(
            'the body must be {"request_id": "...", "row": 0, "truth": ...} or a list of these: '
            f"{error}"
        ) from None
    return found if isinstance(found, list) else [found]


class Feedback:
    """Takes the feedback of one process.

    Args:
        root: The folder of the log; ``None`` where nothing is logged.
        flush: Writes what this process has answered to its journal.
        count: Counts stored truths of a version; called on the event loop.
    """

    def __init__(
        self,
        root: Path | None,
        flush: Callable[[], None] = lambda: None,
        count: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        self._lookup = None if root is None else AnswerLookup(root)
        self._store = None if root is None else FeedbackStore(root)
        self._flush = flush
        self._count = count
        # One thread: the look-up is not made for several.
        self._threads = make_threads(1, "feedback")

    async def take(self, body: bytes) -> Receipt:
        """Store the truths in a body; all that are known, or none if one is wrong.

        Raises:
            ConflictError: Nothing is logged.
            RequestError: The body has the wrong form.
            RowsError: A truth is none of its model's; names each.
            StateError: They cannot be stored.
        """
        if self._lookup is None or self._store is None:
            raise ConflictError(
                "feedback needs the prediction log, which is off: set INFERENCE_PREDICTION_LOG to "
                "a folder"
            )
        loop = asyncio.get_running_loop()
        truths = await loop.run_in_executor(self._threads, decode_truths, body)
        answers: list[Answered | None] = [None] * len(truths)
        for number in range(_TRIES):
            if number:
                await asyncio.sleep(_PAUSE_SECONDS)
            await loop.run_in_executor(self._threads, self._find, truths, answers)
            if None not in answers:
                break
        receipt = await loop.run_in_executor(self._threads, self._accept, truths, answers)
        for (model, version), rows in receipt.accepted.items():
            self._count(model, version, rows)
        return receipt

    def _find(self, truths: Sequence[Truth], answers: list[Answered | None]) -> None:
        """Look for those answers that have not been found."""
        self._flush()
        missing = [
            at
            for at, answer in enumerate(answers)
            if answer is None and _ID.fullmatch(truths[at].request_id)
        ]
        if not missing or self._lookup is None:
            return
        found = self._lookup.find([(truths[at].request_id, truths[at].row) for at in missing])
        for at, answer in zip(missing, found, strict=True):
            answers[at] = answer

    def _accept(self, truths: Sequence[Truth], answers: Sequence[Answered | None]) -> Receipt:
        now = time.time()
        groups: dict[tuple[str, int], list[Record]] = defaultdict(list)
        faults: list[Fault] = []
        unknown = []
        for at, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
            if answer is None:
                unknown.append(truth)
                continue
            try:
                groups[answer.model, answer.version].append(_record(truth, answer, now))
            except ValueError as error:
                faults.append(Fault(at, "truth", str(error)))
        if faults:
            raise RowsError(faults[:_SHOWN_FAULTS], len(faults))
        for (model, version), records in groups.items():
            if self._store is not None:
                self._store.append(model, version, records)
        return Receipt({version: len(records) for version, records in groups.items()}, unknown)


def _record(truth: Truth, answer: Answered, now: float) -> Record:
    """Return the record of a truth.

    Raises:
        ValueError: It is none of the model's.
    """
    kind = answer.kind
    if kind is None:
        raise ValueError(
            f"the answers of model '{answer.model}' version {answer.version} have no truth: it "
            "needs a contract with labels or values, and their columns in the log"
        )
    try:
        checked = kind.check(truth.truth)
    except ValueError as error:
        raise ValueError(f"model '{answer.model}' version {answer.version}: {error}") from None
    return Record(
        time=now,
        request_id=truth.request_id,
        row=truth.row,
        answered=answer.time,
        kind="label" if kind.classes else "value",
        truth=checked,
        answer=answer.answer,
    )
