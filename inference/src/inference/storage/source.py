"""Where versions come from: a bucket or folder, one file, or a list of files on a web server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec

from inference.errors import StorageError
from inference.storage.layout import MOST_NAMED, Listing, parse_listing
from inference.storage.object_store import BadPathError, ObjectMissingError, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.storage.object_store import ObjectStore, StoredObject

INDEX_NAME = "index.json"
_INDEX = '["NAME/VERSION/model.onnx", ...]'
_MOST_INDEX_BYTES = 16 * 1024 * 1024
_AT_ONCE = 8  # requests for single objects


class ModelSource(Protocol):
    """Where versions come from.

    Attributes:
        store: The store that has the objects.
    """

    store: ObjectStore

    async def list_versions(self) -> Listing:
        """Return all versions; see :meth:`BucketSource.list_versions`."""


class BucketSource:
    """A store that can be listed: a bucket, a container, a folder.

    Args:
        store: The store.
        is_name: Whether a model may have a name.
    """

    def __init__(self, store: ObjectStore, is_name: Callable[[str], bool]) -> None:
        self.store = store
        self._is_name = is_name

    async def list_versions(self) -> Listing:
        """Return all versions.

        A path such as ``a//b`` or ``../c`` makes the listing of all objects fail. The models are
        then listed one by one, and only the model that has such a path is left out as unseen.

        Raises:
            StorageError: The store could not be listed.
        """
        try:
            return parse_listing(await self.store.list_objects(), self._is_name)
        except BadPathError:
            folders, objects = await self.store.list_folders()
        limit = asyncio.Semaphore(_AT_ONCE)
        unseen: set[str] = set()

        async def list_one(name: str) -> None:
            async with limit:
                try:
                    objects.extend(await self.store.list_objects(f"{name}/"))
                except BadPathError:
                    unseen.add(name)

        await asyncio.gather(*map(list_one, filter(self._is_name, folders)))
        listing = parse_listing(objects, self._is_name)
        listing.unseen = unseen
        return listing


class WebSource:
    """A web server: ``index.json`` under the URL lists paths, or the URL is one ONNX file.

    A web server cannot be listed, so someone has to say what is there. The index is a list of
    paths: ``["penguins/3/model.onnx", "iris.onnx"]``.

    Args:
        store: The web server.
        is_name: Whether a model may have a name.
        file: The path of the only file; ``None`` if there is an index.
    """

    def __init__(
        self, store: ObjectStore, is_name: Callable[[str], bool], file: str | None = None
    ) -> None:
        self.store = store
        self._is_name = is_name
        self._file = file

    async def list_versions(self) -> Listing:
        """Return all versions; their ETags are those of the listing before."""
        paths = [self._file] if self._file else await self._read_index()
        limit = asyncio.Semaphore(_AT_ONCE)

        async def find(path: str) -> StoredObject | None:
            async with limit:
                try:
                    return await self.store.head(path)
                except ObjectMissingError:
                    return None

        found = await asyncio.gather(*map(find, paths))
        listing = parse_listing(filter(None, found), self._is_name)
        missing = [path for path, one in zip(paths, found, strict=True) if one is None]
        listing.missing = missing[:MOST_NAMED]
        return listing

    async def _read_index(self) -> list[str]:
        try:
            content = await self.store.read(INDEX_NAME, _MOST_INDEX_BYTES)
        except ObjectMissingError as error:
            raise StorageError(
                f"there is no {INDEX_NAME} under {self.store.url}. A web server cannot be listed: "
                f"put a file there with the paths of its models, {_INDEX}, or name one .onnx file"
            ) from error
        try:
            return msgspec.json.decode(content, type=list[str])
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise StorageError(
                f"{INDEX_NAME} in {self.store.url} is wrong: it must be {_INDEX}: {error}"
            ) from None


def open_source(url: str, is_name: Callable[[str], bool]) -> ModelSource:
    """Open the source of a URL; nothing is sent yet.

    Raises:
        SettingError: The URL is wrong.
        StorageError: The environment is wrong, or a folder is missing.
    """
    if not url.startswith(("http://", "https://")):
        return BucketSource(open_store(url), is_name)
    if url.endswith(".onnx"):
        base, _, file = url.rpartition("/")
        return WebSource(open_store(base), is_name, file)
    return WebSource(open_store(url), is_name)
