"""Composition of the synchronization: the store, the folder, the operator's choices, verdicts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from inference.admission.report_cache import ReportCache
from inference.admission.trusted_keys import TrustedKeys
from inference.errors import SignatureError
from inference.repository.loaded_versions import choices_of
from inference.repository.operator_state import StateFile
from inference.settings.model_name import is_name
from inference.storage.copies import Copies
from inference.storage.loop import SyncLoop
from inference.storage.requests import FetchRequests
from inference.storage.source import open_source
from inference.storage.status import SyncStatus
from inference.storage.sync import Synchronizer, SyncRules

if TYPE_CHECKING:
    from inference.settings import Settings
    from inference.storage.copies import Copy

_LARGEST_BYTES = 2**31 - 1  # protobuf's own limit on a message


def make_loop(settings: Settings, numbers: memoryview[Any] | None = None) -> SyncLoop:
    """Make what copies the models of ``settings.models_url`` into ``settings.models_dir``.

    Args:
        settings: The settings.
        numbers: Where the status is noted; ``None`` for private memory.

    Raises:
        SettingError: The URL is wrong.
    """
    assert settings.models_url is not None  # noqa: S101 - the callers check
    copies = Copies(settings.models_dir)
    requests = FetchRequests(settings.state_dir)
    wishes = Wishes(settings, requests)
    rules = SyncRules(
        keep=settings.keep_versions,
        most_bytes=settings.max_model_bytes or _LARGEST_BYTES,
        vanished_seconds=settings.vanished_seconds,
        chosen=wishes.chosen,
        verdict=Verdicts(settings).of,
    )
    return SyncLoop(
        Synchronizer(open_source(settings.models_url, is_name), copies, rules),
        copies,
        SyncStatus(numbers),
        interval_seconds=settings.sync_seconds,
        requests=requests,
    )


class Wishes:
    """The versions that the operator has chosen, or that a worker requests."""

    def __init__(self, settings: Settings, requests: FetchRequests) -> None:
        self._state_file = StateFile(settings.state_dir)
        self._requests = requests

    def chosen(self) -> dict[str, set[int]]:
        """Return them by model."""
        chosen: dict[str, set[int]] = defaultdict(set)
        for name, version, _ in choices_of(self._state_file.refresh()):
            if version is not None:
                chosen[name].add(version)
        for name, version in self._requests.pending():
            chosen[name].add(version)
        return chosen


class Verdicts:
    """What the service has found out about the copies."""

    def __init__(self, settings: Settings) -> None:
        self._reports = ReportCache(settings.state_dir / "reports")
        keys = settings.trusted_keys_file
        self._keys = None if keys is None else TrustedKeys(keys)
        self._signed: dict[tuple[str, str], bool] = {}

    def of(self, name: str, copy: Copy) -> bool | None:
        """Return whether a copy is admitted; ``None`` if it has not been examined."""
        if self._keys is not None and not self._is_signed(name, copy, self._keys):
            return False
        report = self._reports.get(copy.source.sha256)
        if report is None or report.was_cut_short:
            return None
        return report.admitted

    def _is_signed(self, name: str, copy: Copy, keys: TrustedKeys) -> bool:
        if keys.refresh():
            self._signed.clear()
        key = (name, copy.source.sha256)
        if key not in self._signed:
            try:
                keys.check(memoryview(copy.file.read_bytes()), name)
            except (SignatureError, OSError):
                self._signed[key] = False
            else:
                self._signed[key] = True
        return self._signed[key]
