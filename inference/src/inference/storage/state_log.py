"""A log of immutable documents in a bucket: ``state/N.json``, each created only if it is absent.

A writer that creates N+1 has read N, so that no change is lost. Documents are never changed. They
must not be deleted: a replica that is behind would take its own for the newest. So the numbers of
the documents have no gaps, and the newest of N is found with about 2 log2(N) requests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inference.errors import StateError, StorageError
from inference.storage.create_once import NotOnceError, check_creates_once
from inference.storage.object_store import ObjectExistsError, ObjectMissingError

if TYPE_CHECKING:
    from inference.storage.object_store import ObjectStore

FOLDER = "state"
_PATH = re.compile(rf"{FOLDER}/([1-9][0-9]{{0,17}})\.json")
_LARGEST = 10**18 - 1
_MOST_BYTES = 16 * 1024 * 1024
_NEAR = 16  # documents that are read one after the other; behind more of them, a search is faster


class StateLog:
    """The log in one bucket.

    Args:
        store: The bucket.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._creates_once = False  # or not checked yet
        self._has_known = False  # likewise

    async def read_latest(self, known: int) -> tuple[int, bytes | None]:
        """Return the newest document and its number.

        Args:
            known: A number that was read before; 0 if none was. If nothing is newer, one request
                finds it out.

        Returns:
            The number, and the document; ``None`` if nothing is newer than ``known``.

        Raises:
            StorageError: The store does not answer, or refuses, or its log is not the one of which
                ``known`` was read.
        """
        number = known if known and self._has_known else await self._find_begin(known)
        content = await self._read(number) if number > known else None
        for _ in range(_NEAR):
            newer = await self._read(number + 1)
            if newer is None:
                return number, content
            number, content = number + 1, newer
        number = await self._search_newest(number)
        return number, await self._read(number)

    async def append(self, number: int, content: bytes) -> bool:
        """Create a document.

        Returns:
            False if the number is taken: read the newest document, and try again.

        Raises:
            StateError: The store cannot hold a log; the document is not there.
            StorageError: The store does not answer or refuses; the document may be there.
        """
        if not self._creates_once:
            await self._check_store()
        path = f"{FOLDER}/{number}.json"
        try:
            await self._store.create(path, content)
        except ObjectExistsError:
            # Of a repeated request, the first one may have succeeded without an answer.
            return await self._read(number) == content
        return True

    async def _check_store(self) -> None:
        try:
            await check_creates_once(self._store)
        except NotOnceError as error:
            raise StateError(f"the change was not made: {error}") from error
        self._creates_once = True

    async def _find_begin(self, known: int) -> int:
        """Return the number from which newer documents are looked for.

        Raises:
            StorageError: Another bucket has a log of its own, or documents were deleted. To go on
                from ``known`` would divide the replicas.
        """
        newest = known if known and await self._exists(known) else await self._find_newest()
        if 0 < newest < known:
            raise StorageError(
                f"{self._store.url} has the state until number {newest}, and this replica knows "
                f"number {known}: it is another bucket, or objects under {FOLDER}/ were deleted. "
                "Restore them, or remove state.json in INFERENCE_STATE_DIR to follow the bucket"
            )
        self._has_known = known > 0
        return max(newest, known)  # of an empty log, the next document is the first

    async def _find_newest(self) -> int:
        """Return the number of the newest document; 0 if there is none."""
        if await self._exists(1):
            return await self._search_newest(1)
        # Empty, unless documents were deleted: a rule of the bucket begins at the oldest.
        return await self._list_newest()

    async def _search_newest(self, number: int) -> int:
        """Return the number of the newest document; ``number`` is that of one that exists."""
        step = 1
        while await self._exists(number + step):
            number, step = number + step, 2 * step
        missing = number + step
        while missing - number > 1:
            middle = (number + missing) // 2
            if await self._exists(middle):
                number = middle
            else:
                missing = middle
        return number

    async def _list_newest(self) -> int:
        found = (_PATH.fullmatch(one.path) for one in await self._store.list_objects(f"{FOLDER}/"))
        return max((int(match[1]) for match in found if match), default=0)

    async def _exists(self, number: int) -> bool:
        if number > _LARGEST:
            return False
        try:
            await self._store.head(f"{FOLDER}/{number}.json")
        except ObjectMissingError:
            return False
        return True

    async def _read(self, number: int) -> bytes | None:
        if not number:
            return None
        try:
            return await self._store.read(f"{FOLDER}/{number}.json", _MOST_BYTES)
        except ObjectMissingError:
            return None
