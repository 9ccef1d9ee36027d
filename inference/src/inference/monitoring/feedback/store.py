"""Stores feedback: a file of lines for each version, day and process."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inference.errors import StateError
from inference.monitoring.feedback.records import encode_records
from inference.monitoring.log.files.private_folder import make_folder
from inference.monitoring.log.files.retention import FEEDBACK, day_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference.monitoring.feedback.records import Record

ENDING = ".jsonl"
_UNIQUE_BYTES = 6


class FeedbackStore:
    """Appends records; what has been appended outlives the process.

    Args:
        root: The folder of the log.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = f"{os.urandom(_UNIQUE_BYTES).hex()}{ENDING}"

    def append(self, model: str, version: int, records: Sequence[Record]) -> None:
        """Store the truths of one version, all or none.

        Args:
            model: The model's name.
            version: The version that answered.
            records: The records, of one moment.

        Raises:
            StateError: They cannot be written.
        """
        day = datetime.fromtimestamp(records[0].time, UTC).date().isoformat()
        folder = self._root / model / str(version) / FEEDBACK / day_folder(day)
        try:
            make_folder(folder)
            _append(folder / self._name, encode_records(records))
        except OSError as error:
            raise StateError(
                f"feedback cannot be stored: {error.strerror}; send it again"
            ) from None


def _append(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(descriptor).st_size
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
