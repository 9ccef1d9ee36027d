"""Whether a store creates an object once, which versions and the operator's choices rely on.

A store may ignore the condition (``If-None-Match: *``), or look for the object only before it
receives the content, as OpenStack Swift does. Then two callers create the same object at once, and
one of them loses what it wrote. A contest shows it: while a large content is on its way, a second
caller creates the same object.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from typing import TYPE_CHECKING

from inference.errors import StorageError
from inference.storage.object_store import ObjectExistsError, ObjectMissingError

if TYPE_CHECKING:
    from inference.storage.object_store import ObjectStore

MARK = ".rookery/conditional-writes"  # says that the store has passed
# When the second caller begins, by contest, in round trips: after the store has looked for the
# object of the first one, and before it has the whole content.
_DELAYS = (0.25, 0.5, 1)
_BYTES = 2 * 1024 * 1024  # of the first caller; Swift on the same machine needs 50 ms for them
_LONG_SECONDS = 3.0  # a contest over so slow a connection needs no repetition


class NotOnceError(StorageError):
    """The store lets two callers create the same object; only contests were written."""


async def check_creates_once(store: ObjectStore) -> None:
    """Check that of two callers that create an object at once, one succeeds.

    The store keeps that it has passed in an object, so that later checks are one request.

    Raises:
        NotOnceError: Both callers succeeded.
        StorageError: The store does not answer or refuses, so that it cannot be checked.
    """
    if await _exists(store, MARK):
        return
    begun = time.perf_counter()
    for delay in _DELAYS:
        if await _hold_contest(store, delay) > 1:
            raise NotOnceError(
                f"{store.url} lets two callers create the same object at once, so that one of "
                "them would lose what it wrote; use a store with atomic conditional writes "
                "(If-None-Match)"
            )
        if time.perf_counter() - begun > _LONG_SECONDS:
            break
    with contextlib.suppress(ObjectExistsError):
        await store.create(MARK, b"see inference.storage.create_once\n")


async def _hold_contest(store: ObjectStore, delay: float) -> int:
    """Let two callers create one object; return how many succeeded.

    Raises:
        StorageError: One of them got neither answer.
    """
    path = f".rookery/{uuid.uuid4().hex}"
    begun = time.perf_counter()
    await _exists(store, path)
    seconds = delay * (time.perf_counter() - begun)
    callers = _try_create(store, path, 0, bytes(_BYTES)), _try_create(store, path, seconds, b"late")
    results = await asyncio.gather(*callers, return_exceptions=True)
    with contextlib.suppress(StorageError):  # a caller may not be allowed to delete
        await store.delete(path)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results.count(True)


async def _try_create(store: ObjectStore, path: str, seconds: float, content: bytes) -> bool:
    await asyncio.sleep(seconds)
    try:
        await store.create(path, content)
    except ObjectExistsError:
        return False
    return True


async def _exists(store: ObjectStore, path: str) -> bool:
    try:
        await store.head(path)
    except ObjectMissingError:
        return False
    return True
