"""A bucket as the destination of versions.

An object is created in one request that fails if the object exists, so that two publishers never
share a version and no service sees a part of a file. Nothing is written before the file is proved.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from exporter.delivery.staging import Stage
from exporter.errors import NotAtomicWarning, PlacementError, warn
from inference.errors import StorageError
from inference.storage.create_once import NotOnceError, check_creates_once
from inference.storage.layout import version_path
from inference.storage.object_store import ObjectExistsError, ObjectMissingError, open_store

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from exporter.delivery.destination import Admit
    from inference.admission.report import Report

T = TypeVar("T")

_VERSION = re.compile(r"([1-9][0-9]{0,17})/")
_MAX_TRIES = 1000
_SIMILAR_BYTES = 64 * 1024  # by which files of the same model differ at most: times and counts
_MOST_BYTES = 2**31


class BucketDestination:
    """A bucket, or a path in one.

    Args:
        url: Such as ``s3://bucket/models``.

    Raises:
        SettingError: The URL is wrong.
    """

    def __init__(self, url: str) -> None:
        self._store = open_store(url)
        self._creates_once = False  # or not checked yet

    def describe(self) -> str:
        """Return its URL."""
        return self._store.url

    def path_of(self, name: str, version: int) -> str:
        """Return the URL of a version's object."""
        return f"{self._store.url}/{version_path(name, version)}"

    def versions(self, name: str) -> list[int]:
        """Return the versions of a model, newest first.

        Raises:
            PlacementError: The bucket cannot be listed.
        """
        objects = self._run(self._store.list_objects(f"{name}/"))
        found = (_VERSION.match(one.path[len(name) + 1 :]) for one in objects)
        return sorted({int(match[1]) for match in found if match}, reverse=True)

    def read(self, name: str, version: int, size: int) -> bytes | None:
        """Return a version's object, if it exists and has about this size."""
        path = version_path(name, version)
        found = self._find(path)
        if found is None or abs(found - size) > _SIMILAR_BYTES:
            return None
        return self._run(self._store.read(path, _MOST_BYTES))

    def digest(self, name: str, version: int) -> str | None:
        """Return the SHA-256 of a version's object, if it exists."""
        path = version_path(name, version)
        if self._find(path) is None:
            return None
        return hashlib.sha256(self._run(self._store.read(path, _MOST_BYTES))).hexdigest()

    def admit(self, name: str, version: int, admit: Admit) -> Report:
        """Examine a version that is there."""
        return _admit(self._run(self._store.read(version_path(name, version), _MOST_BYTES)), admit)

    def place(self, name: str, content: bytes, admit: Admit) -> tuple[int, Report]:
        """Examine a file, and make it the next version; see :class:`.destination.Destination`."""
        report = _admit(content, admit)
        is_atomic = self._is_atomic()
        mark = uuid.uuid4().hex
        metadata = {"sha256": hashlib.sha256(content).hexdigest(), "publication": mark}
        for _ in range(_MAX_TRIES):
            version = self._next_version(name)
            path = version_path(name, version)
            try:
                self._run(self._store.create(path, content, metadata))
            except ObjectExistsError:
                is_certain = False  # of a repeated request, the first may have got no answer
            else:
                is_certain = is_atomic
            if is_certain or self._run(self._read_mark(path)) == mark:
                return version, report
        raise PlacementError(f"{self.path_of(name, 1)}: no free version after {_MAX_TRIES} tries")

    def remove(self, name: str, version: int) -> None:
        """Remove a version's object.

        Raises:
            OSError: It cannot be removed.
        """
        try:
            self._run(self._store.delete(version_path(name, version)))
        except PlacementError as error:
            raise OSError(0, str(error)) from None

    def _next_version(self, name: str) -> int:
        flat = 0 if self._find(f"{name}.onnx") is None else 1
        return max([*self.versions(name), flat]) + 1

    def _find(self, path: str) -> int | None:
        """Return the size of an object, if it exists."""
        try:
            return self._run(self._store.head(path)).size
        except ObjectMissingError:
            return None

    async def _read_mark(self, path: str) -> str | None:
        async with self._store.reading(path) as reading:
            return reading.metadata.get("publication")

    def _is_atomic(self) -> bool:
        """Return whether no publisher can overwrite another's version; warns otherwise."""
        if not self._creates_once:
            try:
                self._run(check_creates_once(self._store))
            except NotOnceError as error:
                warn(
                    f"the version is published, but publish from one place at a time: {error}",
                    NotAtomicWarning,
                )
                return False
            self._creates_once = True
        return True

    def _run(self, request: Coroutine[Any, Any, T]) -> T:
        """Wait for a request; in a thread, because a notebook has an event loop of its own.

        Raises:
            PlacementError: The store does not answer, or refuses.
        """
        with ThreadPoolExecutor(1) as thread:
            try:
                return thread.submit(asyncio.run, request).result()
            except (NotOnceError, ObjectExistsError, ObjectMissingError):
                raise
            except StorageError as error:
                raise PlacementError(f"cannot publish to {self._store.url}: {error}") from error


def _admit(content: bytes, admit: Admit) -> Report:
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        stage.write(content)
        return admit(stage.file)
