"""One pass of the synchronization: list the store, copy what is new, remove what is gone.

What is *gone* is decided with care, because a wrong removal is an outage and a wrong copy is only a
file. A version is removed if

- a complete listing without it, and a request for it alone, both say that the store lacks it, or
- enough newer versions are here and admitted, so that the service no longer loads it.

A listing that fails, or that has no version at all, removes nothing. Where most models are missing
at once, they have to stay missing for ``INFERENCE_VANISHED_SECONDS``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from inference.errors import StorageError
from inference.logs import fields
from inference.storage.choice import choose_versions
from inference.storage.copies import Download
from inference.storage.object_store import ObjectMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from inference.storage.copies import Copies, Copy
    from inference.storage.layout import Key, Listing, RemoteVersion
    from inference.storage.source import ModelSource

logger = logging.getLogger(__name__)

_AT_ONCE = 4  # downloads
_LEAST_SECONDS, _LEAST_BYTES_PER_SECOND = 60.0, 256 * 1024  # of a download
# A copy that was not examined counts as good after this time; an admitted one has to be loaded.
_UNKNOWN_SECONDS, _ADMITTED_SECONDS = 600.0, 60.0


@dataclass(frozen=True, kw_only=True)
class SyncRules:
    """What a pass keeps.

    Attributes:
        keep: How many of the highest good versions of each model stay.
        most_bytes: The largest object that is copied.
        vanished_seconds: How long most models have to be missing before they count as gone.
        chosen: Returns the versions that are pinned, selected or requested, by model.
        verdict: Whether a copy is admitted; ``None`` if that is not known.
    """

    keep: int
    most_bytes: int
    vanished_seconds: float
    chosen: Callable[[], Mapping[str, Collection[int]]] = dict
    verdict: Callable[[str, Copy], bool | None] = lambda _name, _copy: None


@dataclass
class Pass:
    """What one pass did.

    Attributes:
        copied: Versions that are new here.
        removed: Versions that are no longer here.
        copied_bytes: What was read for it.
        failures: What failed, and would be tried again.
    """

    copied: list[Key] = field(default_factory=list)
    removed: list[Key] = field(default_factory=list)
    copied_bytes: int = 0
    failures: list[str] = field(default_factory=list)


class _Plan(NamedTuple):
    """What a pass is going to do."""

    copy: list[RemoteVersion]
    superseded: list[Key]
    missing: list[Key]


class Synchronizer:
    """Makes a models folder follow a store.

    Args:
        source: Where versions come from.
        copies: The copies in the folder; its lock is held.
        rules: What is kept.
        clock: Returns seconds.
    """

    def __init__(
        self,
        source: ModelSource,
        copies: Copies,
        rules: SyncRules,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._copies = copies
        self._rules = rules
        self._clock = clock
        self._missing_since: dict[str, float] = {}
        self._told: set[str] = set()
        self._warned: set[str] = set()
        self._warned_before: set[str] = set()

    async def run(self) -> Pass:
        """Run one pass.

        Raises:
            StorageError: The store could not be listed; nothing was changed.
            OSError: The folder cannot be read or written.
        """
        listing = await self._source.list_versions()
        self._warned_before, self._warned = self._warned, set()
        self._tell_ignored(listing)
        local = self._copies.all()
        plan = self._plan(listing, local)
        done = Pass()
        limit = asyncio.Semaphore(_AT_ONCE)

        async def copy(version: RemoteVersion) -> None:
            async with limit:
                await self._try_copy(version, done)

        await asyncio.gather(*map(copy, plan.copy))
        await self._remove_missing(plan.missing, done)
        for key in plan.superseded:
            self._remove(key, "newer versions have replaced it", done)
        return done

    # -- what to do --------------------------------------------------------------------------------

    def _plan(self, listing: Listing, local: Mapping[Key, Copy]) -> _Plan:
        chosen = self._rules.chosen()
        plan = _Plan([], [], [])
        here: dict[str, list[int]] = {}
        for name, version in local:
            here.setdefault(name, []).append(version)
        for name in sorted({*listing.versions, *here} - listing.unseen):
            remote, versions = listing.versions.get(name, {}), here.get(name, [])

            def verdict(version: int, name: str = name) -> bool | None:
                return self._verdict(name, local[name, version])

            choice = choose_versions(
                remote, versions, chosen.get(name, ()), self._rules.keep, verdict=verdict
            )
            for version in choice.wanted:
                found = local.get((name, version))
                if found is None or not found.is_of(remote[version]):
                    plan.copy.append(remote[version])
            stays = {*choice.wanted, *choice.kept}
            plan.superseded.extend((name, v) for v in versions if v in remote and v not in stays)
            plan.missing.extend((name, v) for v in versions if v not in remote)
        return plan._replace(missing=self._confirm(plan.missing, listing, here.keys()))

    def _verdict(self, name: str, copy: Copy) -> bool | None:
        age = time.time() - copy.source.placed
        verdict = self._rules.verdict(name, copy)
        if verdict is None:
            return True if age > _UNKNOWN_SECONDS else None
        return None if verdict and age < _ADMITTED_SECONDS else verdict

    def _confirm(self, missing: list[Key], listing: Listing, here: Collection[str]) -> list[Key]:
        """Return the missing versions that may be gone."""
        now = self._clock()
        names = set(here) - listing.versions.keys() - listing.unseen
        self._missing_since = {name: self._missing_since.get(name, now) for name in names}
        if missing and not listing.versions:
            self._warn(f"{self._source.store.url} has no models now; all copies stay")
            return []
        if len(names) < 2 or 2 * len(names) <= len(here):
            return missing
        hold = self._rules.vanished_seconds
        held = {name for name, since in self._missing_since.items() if now - since < hold}
        if held:
            self._warn(
                f"{len(names)} of {len(here)} models are missing in {self._source.store.url}; "
                f"their copies stay for {hold:g} s"
            )
        return [key for key in missing if key[0] not in held]

    # -- doing it ----------------------------------------------------------------------------------

    async def _try_copy(self, version: RemoteVersion, done: Pass) -> None:
        what = f"{version.name} version {version.version}"
        try:
            await self._copy(version, done)
        except TimeoutError:
            done.failures.append(f"{what}: {version.stored.path} was not read in time")
        except StorageError as error:
            done.failures.append(f"{what}: {error}")
        except OSError as error:
            done.failures.append(f"{what}: it cannot be written: {error.strerror or error}")
        else:
            return
        self._warn(done.failures[-1])

    async def _copy(self, version: RemoteVersion, done: Pass) -> None:
        stored, key = version.stored, (version.name, version.version)
        if self._copies.is_foreign(key):
            self._tell(f"{stored.path} is not copied: a file of that version lies here already")
            return
        if stored.size > self._rules.most_bytes:
            self._tell(
                f"{stored.path} is not copied: it has {stored.size:,} bytes, and the service takes "
                f"{self._rules.most_bytes:,} (INFERENCE_MAX_MODEL_BYTES)"
            )
            return
        with self._copies.staged() as folder:
            seconds = max(_LEAST_SECONDS, stored.size / _LEAST_BYTES_PER_SECOND)
            async with asyncio.timeout(seconds):
                digest = await self._download(version, folder)
            self._copies.place(version, folder, digest)
        done.copied.append(key)
        done.copied_bytes += stored.size
        logger.info(
            "copied %s version %d from %s, %d bytes",
            *key, self._source.store.url, stored.size,
            extra=fields("copy", model=key[0], version=key[1], bytes=stored.size),
        )  # fmt: skip

    async def _download(self, version: RemoteVersion, folder: Path) -> str:
        stored = version.stored
        download = Download(folder)
        try:
            async with self._source.store.reading(stored.path, stored.etag) as reading:
                async for chunk in reading.chunks:
                    download.write(chunk)
            digest = download.finish()
        finally:
            download.close()
        if download.size != stored.size:
            raise StorageError(f"{download.size:,} of {stored.size:,} bytes have arrived")
        expected = reading.metadata.get("sha256", digest)
        if digest != expected:
            raise StorageError(f"its SHA-256 is {digest}, and {expected} was published")
        return digest

    async def _remove_missing(self, missing: list[Key], done: Pass) -> None:
        copies = self._copies.all()
        for key in missing:
            if key not in copies:  # someone else has removed it meanwhile
                continue
            try:
                await self._source.store.head(copies[key].source.path)
            except ObjectMissingError:
                self._remove(key, "the store no longer has it", done)
            except StorageError as error:
                done.failures.append(f"{key[0]} version {key[1]}: {error}")

    def _remove(self, key: Key, reason: str, done: Pass) -> None:
        try:
            if not self._copies.remove(key):
                return
        except OSError as error:
            done.failures.append(f"{key[0]} version {key[1]} cannot be removed: {error.strerror}")
            self._warn(done.failures[-1])
            return
        done.removed.append(key)
        extra = fields("copy-removed", model=key[0], version=key[1], reason=reason)
        logger.info("removed the copy of %s version %d: %s", *key, reason, extra=extra)

    # -- the log -----------------------------------------------------------------------------------

    def _tell_ignored(self, listing: Listing) -> None:
        for path in listing.ignored:
            self._tell(f"{path} is no model: use NAME/VERSION/model.onnx or NAME.onnx")
        for path in listing.missing:
            self._tell(f"{path} is listed, but not there: upload models before the index")
        for name in listing.unseen:
            self._tell(f"{name} cannot be listed: a path in it has an empty part, '.' or '..'")

    def _tell(self, text: str) -> None:
        """Log something once."""
        if text not in self._told:
            self._told.add(text)
            logger.warning("%s", text, extra=fields("not-copied"))

    def _warn(self, text: str) -> None:
        """Log a problem, unless the pass before had it, too."""
        self._warned.add(text)
        if text not in self._warned_before:
            logger.warning("%s", text, extra=fields("sync-problem"))
