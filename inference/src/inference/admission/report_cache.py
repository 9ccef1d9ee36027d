"""ReportCache of earlier examinations, by content: what was examined once is not examined again.

They are kept in the state folder, so that restarts and several workers need not repeat them. A
report holds for the versions of service and runtime that made it, and for nothing else. Without a
folder that can be written they are kept in memory only.
"""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from inference.admission.report import Report
from inference.runtime.machine_turn import turn

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

logger = logging.getLogger(__name__)

_KEPT = 10_000  # so many junk files must not push out what is known of good ones


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    made_by: str
    report: Report
    memory_bytes: int = 0


_decode_kept = msgspec.json.Decoder(_Kept).decode


class ReportCache:
    """The reports.

    Args:
        folder: Where they are kept; created when missing.
        memory_bytes: What an examination may take. What was refused with less is not known, since
            it may have needed more.
    """

    def __init__(self, folder: Path, memory_bytes: int = 0) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._known: dict[str, Report] = {}
        self._made_by = (
            f"inference {version('inference')}, onnxruntime {version('onnxruntime')}, "
            f"reports of {len(Report.__struct_fields__)} fields"
        )

    def get(self, digest: str) -> Report | None:
        """Find the report on a content."""
        known = self._known.get(digest)
        if known is not None:
            return known
        try:
            kept = _decode_kept(self._path(digest).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        if kept.made_by != self._made_by or kept.report.digest != digest:
            return None
        if not kept.report.admitted and kept.memory_bytes < self._memory_bytes:
            return None
        self._known[digest] = kept.report
        return kept.report

    def put(self, report: Report) -> None:
        """Keep a report; a folder that cannot be written costs a repetition and no more.

        Blocks; to be called in a thread.
        """
        if len(self._known) >= _KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[report.digest] = report
        path = self._path(report.digest)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            kept = _Kept(self._made_by, report, self._memory_bytes)
            temporary.write_bytes(msgspec.json.encode(kept))
            temporary.replace(path)
            self._prune()
        except OSError as error:
            logger.debug("the report %s is kept in memory only: %s", path, error)

    def turn(self, digest: str, within_seconds: float) -> AbstractAsyncContextManager[None]:
        """Hold every other process off the same content, so that only one examines it.

        Args:
            digest: Of the content.
            within_seconds: How long is waited at most; then the turn is taken.
        """
        lock = self._folder / f".{digest[:2]}.lock"
        return turn(lock, within_seconds, f"examine {digest[:12]}")

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"

    def _prune(self) -> None:
        # Names are listed without a path each: there are thousands, and this holds the interpreter.
        listed = os.listdir(self._folder)  # noqa: PTH208
        names = [name for name in listed if name.endswith(".json")]
        if len(names) <= _KEPT + _KEPT // 10:  # to sort them costs a look at each
            return
        kept = [self._folder / name for name in names]
        kept.sort(key=lambda path: path.stat().st_mtime)
        for path in kept[:-_KEPT]:
            path.unlink(missing_ok=True)
