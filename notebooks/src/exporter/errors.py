"""All errors of the exporter, and who must act on each.

A publication passes name, model and data -> conversion -> parity -> admission -> placement ->
service. Each step raises its own error, and each message says what to do::

    RookeryError
    └── ExporterError
        ├── ArgumentError             fix the call
        │   ├── InvalidNameError      the name is not a valid model name; suggests one
        │   ├── ModelError            not fitted, not supported, or not an estimator
        │   ├── DataError             X, or its columns, are not what the model was fitted on
        │   ├── TargetError           y, or the held-out y, does not fit
        │   └── OptionError           any other argument
        ├── RefusedError              change the model
        │   ├── ConversionError       it cannot be converted to ONNX
        │   ├── ParityError           the ONNX file answers differently from the original
        │   └── NotAdmittedError      the service would quarantine the file
        ├── TrackingError             MLflow does not give the model
        ├── PlacementError            the models folder cannot be written
        └── ServiceError              the service refuses a request, or:
            ├── NoServiceError        no service answers at the URL
            ├── NotServedError        the service does not serve it in time
            └── QuarantinedError      the service refuses it; gives its reason
"""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import RookeryError

if TYPE_CHECKING:
    from types import FrameType

_PACKAGE = f"{Path(__file__).parent}/"


class ExporterError(RookeryError):
    """The root of the exporter's branch; never raised itself."""

    title = "Not published"

    def _render_traceback_(self) -> list[str]:
        """Show the message without the exporter's own frames in a notebook; IPython's protocol."""
        return [f"{type(self).__name__}: {self}"]


class ArgumentError(ExporterError):
    """An argument of the call is wrong."""


class InvalidNameError(ArgumentError):
    """The name is not a valid model name."""


class ModelError(ArgumentError):
    """The model is not fitted, or cannot be published."""


class DataError(ArgumentError):
    """X is not what the model takes."""


class TargetError(ArgumentError):
    """The targets do not fit the rows or the model."""


class OptionError(ArgumentError):
    """Some other argument is wrong."""


class RefusedError(ExporterError):
    """The call is correct, but the model cannot be published as it is."""


class ConversionError(RefusedError):
    """The model cannot be converted to an ONNX file that onnxruntime runs."""


class ParityError(RefusedError):
    """The ONNX file answers differently from the original."""


class NotAdmittedError(RefusedError):
    """The service's own admission refuses the file."""


class TrackingError(ExporterError):
    """MLflow's tracking server does not answer, or refuses the request."""


class PlacementError(ExporterError):
    """The models folder cannot be written."""


class ServiceError(ExporterError):
    """The service refuses a request, or does not serve the model.

    Args:
        message: The reason, and what to do.
        status_code: The HTTP status, if the service answered.
        problem: The service's problem document (RFC 9457), if it sent one.
    """

    def __init__(
        self, message: str, status_code: int | None = None, problem: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.problem = problem or {}


class NoServiceError(ServiceError):
    """No service answers at the URL."""


class NotServedError(ServiceError):
    """The service does not serve the version in time."""


class QuarantinedError(ServiceError):
    """The service has refused the version."""


class NotHeldOutWarning(UserWarning):
    """The rows given as held out are all among the rows in X."""


class NotPrunedWarning(UserWarning):
    """The model is published, but older versions that ``keep`` names could not be removed."""


class NotAtomicWarning(UserWarning):
    """The model is published into a store in which another publisher could overwrite it."""


class FewRowsWarning(UserWarning):
    """Only the few rows of a logged input example were compared."""


class OtherVersionWarning(UserWarning):
    """The model was logged with another version of scikit-learn."""


def warn(message: str, kind: type[Warning]) -> None:
    """Warn about the line outside of this package that calls it, such as that of ``publish()``."""
    frame: FrameType | None = inspect.currentframe()
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, kind, stacklevel=level)
