"""The service's settings, all from environment variables that begin with ``INFERENCE_``.

Each field is a setting. It is declared as ``Annotated[TYPE, Field(limits, description)] = default``
in the module of its area. docs/reference/settings.md is generated from the descriptions. An invalid
value stops the start; :mod:`inference.settings.explanation` explains what is wrong with it.
"""

from __future__ import annotations

import os
from typing import Any

from inference.settings.access import Access
from inference.settings.declaration import PREFIX, InvalidSettingsError
from inference.settings.folder import Folder
from inference.settings.listening import Listening, platform_values
from inference.settings.observation import Drift, Observation
from inference.settings.prediction_log import PredictionLog
from inference.settings.proxies import Proxies
from inference.settings.requests import Requests
from inference.settings.runs import PlanSetting, Runs
from inference.settings.storage import Storage
from inference.settings.units import MIB

__all__ = ["AREAS", "MIB", "PREFIX", "InvalidSettingsError", "PlanSetting", "Settings"]

# In the order of the reference page.
AREAS = (
    Folder, Storage, Listening, Proxies, Access, Requests, Runs, Observation, Drift, PredictionLog,
)  # fmt: skip


class Settings(
    Folder, Storage, Listening, Proxies, Access, Requests, Runs, Observation, Drift, PredictionLog
):
    """All settings of the service; immutable.

    Args:
        given: Values that replace those of the environment.

    Raises:
        InvalidSettingsError: Values are invalid.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**(_read_environment() | given))

    @property
    def uses_store(self) -> bool:
        """Whether models or the state come from an object store."""
        return self.models_url is not None or self.state_url is not None

    def check(self) -> None:
        """Check that a bucket of models is not to be one model.

        Raises:
            ValueError: It is.
        """
        super().check()
        if self.models_url is not None and self.model_name is not None:
            raise ValueError(
                "INFERENCE_MODELS_URL copies folders of models, and INFERENCE_MODEL_NAME says that "
                "the folder is one model: unset one of them"
            )


def _read_environment() -> dict[str, str]:
    """Return the values of the settings that the environment has; case does not matter."""
    values = {name.upper(): value for name, value in os.environ.items()}
    return platform_values(os.environ) | {
        field: values[name]
        for field in Settings.fields
        if (name := f"{PREFIX}{field}".upper()) in values
    }
