"""One object store: list, read, create, delete, with errors that name the store and the object.

All access goes through :class:`ObjectStore`, which wraps a store of ``obstore``. Credentials and
endpoints come from the environment variables of each cloud, and from its metadata services, see
docs/how-to/models-from-a-bucket.md. The module imports ``obstore``, which is an extra.
"""

from __future__ import annotations

import contextlib
import os
from base64 import b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions, store

from inference.errors import SettingError, StorageError
from inference.settings.storage import check_url, local_path, shown_url
from inference.storage.reason import reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

_CLIENT: dict[str, Any] = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=20),
    "timeout": timedelta(minutes=30),  # of one object; callers have shorter limits
    "user_agent": "rookery",
}
# Only short interruptions are bridged here: the caller tries again, and reports what fails.
_RETRIES: dict[str, Any] = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2)},
}
_ALLOW_HTTP = ("AWS_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "ALLOW_HTTP")
_NO_ETAG = "none:"  # begins what stands for the ETag where a store has none
_CHUNK_BYTES = 1024 * 1024
_LIST_CHUNK = 1000


class ObjectMissingError(StorageError):
    """There is no such object."""


class ObjectExistsError(StorageError):
    """An object that was to be created exists."""


class ObjectChangedError(StorageError):
    """The object is no longer the one that was listed."""


class BadPathError(StorageError):
    """An object's path has an empty part, ``.`` or ``..``, so that no listing with it is read."""


class StoredObject(NamedTuple):
    """One object of a listing.

    Attributes:
        path: Relative to the URL of the store.
        size: In bytes.
        etag: Identifies the content, without quotes; the size and time of change if the store has
            no ETag.
    """

    path: str
    size: int
    etag: str


class Reading(NamedTuple):
    """An object that is being read.

    Attributes:
        found: The object as it is read.
        metadata: What its publisher attached.
        chunks: The content, in pieces of about 1 MiB.
    """

    found: StoredObject
    metadata: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class ObjectStore:
    """One store.

    Args:
        open_store: Opens the store of ``obstore`` at the first use; it may fail and be repeated.
        url: Shown in messages.
        folder: The folder, if the store is one. It must exist for a listing to count.
    """

    def __init__(
        self, open_store: Callable[[], Any], url: str, *, folder: Path | None = None
    ) -> None:
        self.url = url
        self._open = open_store
        self._opened: Any = None
        self._folder = folder

    @property
    def _store(self) -> Any:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    async def list_objects(self, prefix: str = "") -> list[StoredObject]:
        """Return all objects under a prefix, which ends at a slash.

        Raises:
            StorageError: The listing failed; no part of it is returned.
        """
        found: list[StoredObject] = []
        with self._explained("list", prefix):
            stream = obstore.list(self._store, prefix or None, chunk_size=_LIST_CHUNK)
            async for chunk in stream:
                found += map(_describe, chunk)
        return found

    async def list_folders(self) -> tuple[list[str], list[StoredObject]]:
        """Return the names of the folders at the top, and the objects beside them.

        Raises:
            StorageError: The listing failed.
        """
        with self._explained("list", ""):
            found = await obstore.list_with_delimiter_async(self._store)
        return [str(name) for name in found["common_prefixes"]], [*map(_describe, found["objects"])]

    async def head(self, path: str) -> StoredObject:
        """Return what the store knows of an object.

        Raises:
            ObjectMissingError: There is none.
            StorageError: The store does not answer, or refuses.
        """
        with self._explained("find", path):
            return _describe(await obstore.head_async(self._store, path))

    @contextlib.asynccontextmanager
    async def reading(self, path: str, etag: str | None = None) -> AsyncIterator[Reading]:
        """Read an object in pieces.

        Args:
            path: The object.
            etag: Only if it still has this ETag.

        Raises:
            ObjectMissingError: There is none.
            ObjectChangedError: It has another ETag.
            StorageError: The store does not answer, refuses, or ends the content too early.
        """
        is_strong = etag and not etag.startswith((_NO_ETAG, "W/"))
        options: Any = {"if_match": f'"{etag}"'} if is_strong else None
        with self._explained("read", path):
            result = await obstore.get_async(self._store, path, options=options)
            found = _describe(result.meta)
            if etag and found.etag != etag:
                raise ObjectChangedError(f"{path} has changed while it was read")
            attributes = {key.lower(): value for key, value in result.attributes.items()}
        yield Reading(found, attributes, self._read_chunks(path, result))

    async def _read_chunks(self, path: str, result: Any) -> AsyncIterator[bytes]:
        """Yield the content; what its reader does with it is not explained as the store's fault."""
        with self._explained("read", path):
            async for chunk in result.stream(_CHUNK_BYTES):
                yield chunk

    async def read(self, path: str, most_bytes: int) -> bytes:
        """Return the content of a small object.

        Raises:
            ObjectMissingError: There is none.
            StorageError: The store does not answer or refuses, or the object is too large.
        """
        async with self.reading(path) as reading:
            if reading.found.size > most_bytes:
                raise StorageError(f"{path} in {self.url} is larger than {most_bytes:,} bytes")
            return b"".join([bytes(chunk) async for chunk in reading.chunks])

    async def create(
        self, path: str, content: bytes, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Create an object in one step, unless it exists.

        Raises:
            ObjectExistsError: It exists.
            StorageError: The store does not answer or refuses. The object may have been created.
        """
        given = dict(metadata or {}) if self._folder is None else {}  # files have no metadata
        with self._explained("create", path):
            await obstore.put_async(
                self._store, path, content, mode="create", attributes=given or None
            )

    async def put(self, path: str, content: bytes) -> None:
        """Create or replace an object.

        Raises:
            StorageError: The store does not answer or refuses.
        """
        with self._explained("write", path):
            await obstore.put_async(self._store, path, content)

    async def delete(self, path: str) -> None:
        """Delete an object, if it exists.

        Raises:
            StorageError: The store does not answer or refuses.
        """
        with self._explained("delete", path), contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, path)

    @contextlib.contextmanager
    def _explained(self, doing: str, path: str) -> Iterator[None]:
        what = f"cannot {doing} {path or 'the objects'} in {self.url}"
        if self._folder is not None and not self._folder.is_dir():  # a store that is away
            raise StorageError(f"{what}: there is no folder {self._folder}")
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectMissingError(f"{what}: {reason(error)}") from error
        except exceptions.AlreadyExistsError as error:
            raise ObjectExistsError(f"{path} exists already in {self.url}") from error
        except exceptions.PreconditionError as error:
            raise ObjectChangedError(f"{path} has changed while it was read") from error
        except exceptions.InvalidPathError as error:
            raise BadPathError(f"{what}: {reason(error)}") from error
        # NotImplementedError: what a kind of store cannot do, such as a conditional put by HTTP.
        except (exceptions.BaseError, OSError, ValueError, NotImplementedError) as error:
            raise StorageError(f"{what}: {reason(error)}") from error


def open_store(url: str) -> ObjectStore:
    """Return the store of a URL; nothing is sent yet.

    Raises:
        SettingError: The URL is wrong.
    """
    try:
        url = check_url(url)
    except ValueError as error:
        raise SettingError(str(error)) from None
    folder = local_path(url)
    if folder is not None:
        return ObjectStore(lambda: store.LocalStore(folder), shown_url(url), folder=folder)
    make: Any = store.HTTPStore.from_url if url.startswith("http") else store.from_url
    # The variables of the options are read only where no options are passed.
    client = _CLIENT | {"allow_http": url.startswith("http://") or _allows_http()}
    if url.startswith("http"):
        client |= _authorization(url)
    return ObjectStore(
        lambda: make(url, client_options=client, retry_config=_RETRIES), shown_url(url)
    )


def _authorization(url: str) -> dict[str, Any]:
    """Return the option that sends user and password of a URL, which a store leaves out."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    value = b64encode(pair.encode()).decode()
    return {"default_headers": {"Authorization": f"Basic {value}"}}


def _allows_http() -> bool:
    return any(os.environ.get(name, "").lower() in ("1", "true") for name in _ALLOW_HTTP)


def _describe(meta: Mapping[str, Any]) -> StoredObject:
    # Azure's listings have ETags without quotes, and its other answers with them.
    etag = (meta["e_tag"] or "").strip('"')
    etag = etag or f"{_NO_ETAG}{meta['size']}-{meta['last_modified'].timestamp():.6f}"
    return StoredObject(str(meta["path"]), int(meta["size"]), etag)
