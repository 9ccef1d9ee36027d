"""The service's settings, all from environment variables that begin with ``INFERENCE_``.

Each field is a setting. It is declared as ``Annotated[TYPE, Field(limits, description)] = default``
in the module of its area. docs/reference/settings.md is generated from the descriptions. An invalid
value stops the start; :mod:`inference.settings.explanation` explains what is wrong with it.
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
    """All settings of the service; immutable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")
