"""The gate that the settings ask for, and whether they may go without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.access.authorizer import Gate
from inference.access.key_store import Keyring
from inference.access.rate_limit import Rates
from inference.errors import SettingError

if TYPE_CHECKING:
    from inference.runtime.shared_memory import Place
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder


def build_gate(settings: Settings, recorder: Recorder, place: Place) -> Gate | None:
    """Make the gate; ``None`` where no keys are asked for.

    Raises:
        SettingError: There is no such file, or nothing of use in it.
    """
    if settings.api_keys_file is None:
        return None
    rates = None
    if settings.rate_limit:
        rates = Rates(settings.rate_limit, settings.rate_burst, place.memory.section("rates"))
    return Gate(Keyring(settings.api_keys_file), rates, recorder.callers)


def check_exposure(settings: Settings) -> None:
    """Check that strangers are kept out, or let in on purpose.

    Raises:
        SettingError: Other machines reach the address, and there are no keys.
    """
    if settings.api_keys_file is not None:
        Keyring(settings.api_keys_file)
        return
    if settings.is_loopback or settings.allow_anonymous:
        return
    raise SettingError(
        f"INFERENCE_HOST={settings.host} lets other machines in, and there are no API keys: name a "
        "file of them in INFERENCE_API_KEYS_FILE ('inference key NAME' makes one), or let "
        "every caller in with INFERENCE_ALLOW_ANONYMOUS=true"
    )
