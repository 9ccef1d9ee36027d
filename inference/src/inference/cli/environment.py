"""Reads the settings from the environment; unknown names and invalid values stop the command.

Kubernetes sets variables with the address of every Service in every pod. Those of a Service whose
name begins with ``inference`` look like settings (``INFERENCE_SERVICE_HOST``,
``INFERENCE_PORT_8000_TCP``). Names of this form are ignored, and so is a port whose value is an
address (``INFERENCE_PORT=tcp://10.0.0.7:8000``).

Source: https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from inference.errors import SettingError
from inference.runtime.suggestions import nearest
from inference.settings import PREFIX, InvalidSettingsError, Settings
from inference.settings.explanation import explain
from inference.settings.listening import SERVICE_LINK

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = "docs/reference/settings.md"
_LINK_NAME = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingError: Variables are unknown or have invalid values; one line for each.
    """
    lines = [_unknown(name) for name in environ if _is_unknown(name, environ[name])]
    try:
        settings = Settings()
    except InvalidSettingsError as error:
        lines += explain(error)
    if lines:
        raise SettingError("\n".join(lines))
    return settings


def ignored_links(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of settings that Kubernetes has set, and that are ignored."""
    return [name for name in environ if _is_setting(name) and SERVICE_LINK.match(environ[name])]


def _is_unknown(name: str, value: str) -> bool:
    upper = name.upper()
    if not upper.startswith(PREFIX) or _is_setting(name):
        return False
    is_link = _LINK_NAME.fullmatch(upper) or (upper.endswith("_PORT") and SERVICE_LINK.match(value))
    return not is_link


def _is_setting(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(PREFIX) and upper[len(PREFIX) :].lower() in Settings.fields


def _unknown(name: str) -> str:
    settings = [f"{PREFIX}{field}".upper() for field in Settings.fields]
    return f"{name} is not a setting.{nearest(name.upper(), settings)} All settings: {PAGE}"
