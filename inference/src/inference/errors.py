"""Every error this service raises on purpose, and which side has to act on it.

A request passes decode -> look-up -> run -> encode; an artifact passes read -> examine -> load.
Each step raises its own error. Only :mod:`inference.web.errors` turns one into a response, so this
module knows no HTTP beyond the status that each branch stands for::

    RookeryError
    ├── ClientError                 the caller must fix the request
    │   ├── RequestError      400   the body is not what the route takes
    │   │   └── RowsError     422   single rows or features are wrong; lists each of them
    │   ├── UnknownCallerError 401  no API key, or none that is known
    │   ├── ForbiddenError    403   the key may not do this
    │   ├── OriginError       403   a page of another site may not send this
    │   ├── NotFoundError     404   no such model or version; suggests the nearest name
    │   ├── TooSlowError      408   the request has not come in time
    │   ├── ConflictError     409   the state does not allow it: nothing selected, unloaded
    │   ├── TooLargeError     413   over a limit on bytes, rows, or a run's memory
    │   ├── EncodingError     415   the body is compressed in a way that is not taken
    │   ├── HostError         421   the request names a host that this service is not
    │   ├── RateError         429   more requests than the key may make
    │   └── HeadersError      431   over the limit on the size of the headers
    └── ServerError                 the operator or the model's author must act
        ├── SettingError            the settings do not go together; stops the start
        ├── ArtifactError           this file cannot be served; becomes a quarantine's reason
        │   ├── ContractError       its metadata is not a contract
        │   └── SignatureError      it is not signed as the operator asks
        ├── InferenceError    500   an admitted model failed on an admissible input
        ├── RunTimeoutError   504   a run took longer than it may, and was ended
        ├── NotReadyError     503   not yet, or no longer; try again
        │   └── OverloadedError     more requests wait than the service takes on
        └── StateError        503   the state file cannot be written
"""

from __future__ import annotations

from dataclasses import dataclass


class RookeryError(Exception):
    """The root of the tree; never raised itself."""

    status = 500
    title = "Internal error"


class ClientError(RookeryError):
    """The caller must fix the request."""

    status = 400
    title = "Bad request"


class RequestError(ClientError):
    """The body is not what the route takes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one row.

    Attributes:
        row: Index of the row in the request, from 0.
        feature: Name of the feature, or ``None`` when the row as a whole is wrong.
        reason: What is wrong and what would be right.
    """

    row: int
    feature: str | None
    reason: str


class RowsError(ClientError):
    """Single rows or features are wrong.

    Attributes:
        faults: The faults, by row; at most :data:`MAX_FAULTS`.
        total: How many faults there are, the unlisted included; at least so many, where reading
            stopped because of them.
    """

    status = 422
    title = "Some rows do not fit the model"

    def __init__(
        self, faults: list[Fault], total: int | None = None, *, whole: bool = True
    ) -> None:
        self.faults = faults
        self.total = len(faults) if total is None else total
        first = faults[0]
        where = f"row {first.row}" + (f", feature '{first.feature}'" if first.feature else "")
        least = "" if whole else "at least "
        more = f" (and {least}{self.total - 1} more)" if self.total > 1 else ""
        super().__init__(f"{where}: {first.reason}{more}")


class UnknownCallerError(ClientError):
    """No API key, or none that is known."""

    status = 401
    title = "Not authenticated"


class ForbiddenError(ClientError):
    """The key is known and may not do this."""

    status = 403
    title = "Not allowed"


class OriginError(ClientError):
    """A page of another site may not send this request."""

    status = 403
    title = "Not allowed"


class HostError(ClientError):
    """The request names a host that this service is not."""

    status = 421
    title = "Wrong host"


class NotFoundError(ClientError):
    """No such model, version or route.

    Attributes:
        model: The name that was asked for, where a model or a version of one is missing.
        version: The version that was asked for.
    """

    status = 404
    title = "Not found"

    def __init__(self, message: str, model: str | None = None, version: int | None = None) -> None:
        self.model = model
        self.version = version
        super().__init__(message)


class TooSlowError(ClientError):
    """The request has not come in time."""

    status = 408
    title = "Too slow"


class ConflictError(ClientError):
    """The state does not allow it."""

    status = 409
    title = "Conflict with the present state"


class TooLargeError(ClientError):
    """Over a limit on bytes, rows, or a run's memory."""

    status = 413
    title = "Too large"


class EncodingError(ClientError):
    """The body is compressed in a way that the route does not take."""

    status = 415
    title = "Unsupported content coding"


class RateError(ClientError):
    """More requests than the key may make.

    Attributes:
        wait_seconds: When the next one will be answered.
    """

    status = 429
    title = "Too many requests"

    def __init__(self, message: str, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(message)


class HeadersError(ClientError):
    """Over the limit on the size of the headers."""

    status = 431
    title = "Headers too large"


class ServerError(RookeryError):
    """The operator or the model's author must act."""


class SettingError(ServerError):
    """The settings do not go together; stops the start."""

    title = "Wrong settings"


class ArtifactError(ServerError):
    """This file cannot be served; the message becomes the quarantine's reason."""


class ContractError(ArtifactError):
    """The file's metadata is not a contract."""


class SignatureError(ArtifactError):
    """The file is not signed as the operator asks."""


class InferenceError(ServerError):
    """An admitted model failed on an admissible input."""

    title = "The model failed"


class RunTimeoutError(ServerError):
    """A run took longer than it may, and was ended."""

    status = 504
    title = "The run took too long"


class NotReadyError(ServerError):
    """Not yet, or no longer; try again.

    Attributes:
        model: The model that is not ready, where it is one.
    """

    status = 503
    title = "Not ready"

    def __init__(self, message: str, model: str = "") -> None:
        self.model = model
        super().__init__(message)


class OverloadedError(NotReadyError):
    """More requests wait than the service takes on; refused at once, or after the deadline."""

    title = "Overloaded"


class StateError(ServerError):
    """The state file cannot be written."""

    status = 503
    title = "The state cannot be kept"
