"""Build the authorizer that the settings ask for, and refuse to serve the network without keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.access.authorizer import Authorizer
from inference.access.key_store import KeyStore
from inference.access.rate_limit import RateLimiter
from inference.errors import SettingError
from inference.logs import JsonRequestLine, RequestLog, TextRequestLine

if TYPE_CHECKING:
    from inference.runtime.shared_memory import Section
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder


def build_authorizer(settings: Settings, recorder: Recorder, section: Section) -> Authorizer | None:
    """Build the authorizer; ``None`` if no file of keys is set.

    Raises:
        SettingError: The file of keys is missing or invalid.
    """
    if settings.api_keys_file is None:
        return None
    limiter = None
    if settings.rate_limit:
        arrays = (section.memory.array("rate-tags"), section.memory.array("rate-times"))
        limiter = RateLimiter(settings.rate_limit, settings.rate_burst, arrays)
    return Authorizer(KeyStore(settings.api_keys_file), limiter, recorder.callers)


def build_request_log(
    settings: Settings, recorder: Recorder, section: Section
) -> RequestLog | None:
    """Build the log of answered requests; ``None`` if they are not logged."""
    if not settings.log_requests:
        return None
    worker = str(section.worker) if section.memory.workers > 1 else ""
    line = JsonRequestLine if settings.log_format == "json" else TextRequestLine
    return RequestLog(line(worker), recorder.count_unlogged)


def check_exposure(settings: Settings) -> None:
    """Check that an address which other machines can reach has keys, or is open on purpose.

    Raises:
        SettingError: The file of keys is missing or invalid, or the address is open by accident.
    """
    if settings.api_keys_file is not None:
        KeyStore(settings.api_keys_file)
        return
    if settings.is_loopback or settings.allow_anonymous:
        return
    raise SettingError(
        f"INFERENCE_HOST={settings.host} is reachable from other machines, and there are no API "
        "keys: set INFERENCE_API_KEYS_FILE to a file of keys ('inference key NAME' makes one), or "
        "allow every caller with INFERENCE_ALLOW_ANONYMOUS=true"
    )
