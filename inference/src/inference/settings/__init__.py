"""The service's settings, all from environment variables that begin with ``INFERENCE_``.

Every field is one setting; its description is the reference (docs/reference/settings.md is made
from it). A bad value stops the start: nothing is skipped or guessed. The fields stand in modules by
area, :mod:`inference.settings.explanation` says what is wrong with a value.
"""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

from inference.settings.access import Access
from inference.settings.folder import Folder
from inference.settings.listening import Listening
from inference.settings.observation import Observation
from inference.settings.proxies import Proxies
from inference.settings.requests import Requests
from inference.settings.runs import PlanSetting, Runs
from inference.settings.units import MIB

__all__ = ["AREAS", "MIB", "PREFIX", "PlanSetting", "Settings"]

PREFIX = "INFERENCE_"
# In the order of the reference page.
AREAS = (Folder, Listening, Proxies, Access, Requests, Runs, Observation)


class Settings(Folder, Listening, Proxies, Access, Requests, Runs, Observation, BaseSettings):
    """What the operator can choose. Immutable once read."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")
