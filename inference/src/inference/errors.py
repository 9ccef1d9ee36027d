"""All errors that the service raises on purpose, and which side must act on them.

A request is decoded, its model looked up and run, and the answer encoded. An artifact is read,
examined and loaded. Each of these steps raises its own errors. Only :mod:`inference.web.errors` and
:mod:`inference.grpc` turn them into answers; this module contains no HTTP except the statuses::

    RookeryError
    ├── ClientError                  the caller must fix the request
    │   ├── RequestError       400   the body has the wrong form
    │   ├── QueryError         422   a parameter of the query is missing, unknown or invalid
    │   ├── RowsError          422   single rows or features are invalid; lists each of them
    │   ├── ParametersError    422   a parameter in the path or the query is invalid
    │   ├── UnknownCallerError 401   the API key is missing or unknown
    │   ├── ForbiddenError     403   the API key lacks a scope
    │   ├── OriginError        403   the request comes from a web page of another site
    │   ├── NotFoundError      404   no such model, version or route; suggests the closest name
    │   ├── TooSlowError       408   the request did not arrive in time
    │   ├── ConflictError      409   the state does not permit it: nothing selected, unloaded
    │   ├── TooLargeError      413   a limit on bytes, rows or the memory of a run is exceeded
    │   ├── EncodingError      415   the content coding of the body is not supported
    │   ├── MediaTypeError     415   the media type of the body is not supported
    │   ├── HostError          421   the request names an unknown host
    │   ├── RateError          429   the rate limit of the API key is exceeded
    │   └── HeadersError       431   the headers exceed a limit
    └── ServerError                  the operator or the model's author must act
        ├── SettingError             the settings are invalid; stops the start
        ├── ArtifactError            the file cannot be served; becomes the quarantine reason
        │   ├── ContractError        its metadata is not a valid contract
        │   └── SignatureError       it has no valid signature of a trusted key
        ├── InferenceError     500   an admitted model failed on valid input
        ├── RunTimeoutError    504   a run exceeded its time limit and was ended
        ├── NotReadyError      503   not ready yet, or no longer; try again
        │   └── OverloadedError      too many requests are waiting
        ├── StateError         503   the state file cannot be written
        └── StorageError       503   the object store does not answer, or refuses
"""

from __future__ import annotations

import msgspec


class RookeryError(Exception):
    """The root of the tree; only its subclasses are raised."""

    status = 500
    title = "Internal error"


class ClientError(RookeryError):
    """The caller must fix the request."""

    status = 400
    title = "Bad request"


class RequestError(ClientError):
    """The body has the wrong form."""


class QueryError(ClientError):
    """A parameter of the query is missing, unknown or invalid."""

    status = 422
    title = "Invalid query"


class Fault(msgspec.Struct, frozen=True):
    """One error in one row.

    Attributes:
        row: Index of the row in the request, from 0.
        feature: Name of the feature, or ``None`` if the error concerns the whole row.
        reason: What is wrong, and what would be right.
    """

    row: int
    feature: str | None
    reason: str


class RowsError(ClientError):
    """Single rows or features are invalid.

    Attributes:
        faults: The listed faults, by row.
        total: The number of faults, including those that are not listed. If reading stopped
            early, there may be more.
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


class ParametersError(ClientError):
    """A parameter in the path or the query is invalid."""

    status = 422
    title = "Invalid request"


class UnknownCallerError(ClientError):
    """The API key is missing or unknown."""

    status = 401
    title = "Not authenticated"


class ForbiddenError(ClientError):
    """The API key lacks a scope."""

    status = 403
    title = "Forbidden"


class OriginError(ClientError):
    """The request comes from a web page of another site."""

    status = 403
    title = "Forbidden"


class HostError(ClientError):
    """The request names an unknown host."""

    status = 421
    title = "Misdirected request"


class NotFoundError(ClientError):
    """No such model, version or route.

    Attributes:
        model: The requested name, if a model or a version of it is missing.
        version: The requested version.
    """

    status = 404
    title = "Not found"

    def __init__(self, message: str, model: str | None = None, version: int | None = None) -> None:
        self.model = model
        self.version = version
        super().__init__(message)


class TooSlowError(ClientError):
    """The request did not arrive in time."""

    status = 408
    title = "Request timeout"


class ConflictError(ClientError):
    """The state does not permit the request."""

    status = 409
    title = "Conflict with the current state"


class TooLargeError(ClientError):
    """A limit on bytes, rows or the memory of a run is exceeded."""

    status = 413
    title = "Too large"


class EncodingError(ClientError):
    """The content coding of the body is not supported."""

    status = 415
    title = "Unsupported content coding"


class MediaTypeError(ClientError):
    """The media type of the body is not supported."""

    status = 415
    title = "Unsupported media type"


class RateError(ClientError):
    """The rate limit of the API key is exceeded.

    Attributes:
        wait_seconds: Time until the next request is permitted.
    """

    status = 429
    title = "Too many requests"

    def __init__(self, message: str, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(message)


class HeadersError(ClientError):
    """The headers exceed a limit."""

    status = 431
    title = "Headers too large"


class ServerError(RookeryError):
    """The operator or the model's author must act."""


class SettingError(ServerError):
    """The settings are invalid; stops the start."""

    title = "Invalid settings"


class ArtifactError(ServerError):
    """The file cannot be served; the message becomes the quarantine reason."""


class ContractError(ArtifactError):
    """The file's metadata is not a valid contract."""


class SignatureError(ArtifactError):
    """The file has no valid signature of a trusted key."""


class InferenceError(ServerError):
    """An admitted model failed on valid input."""

    title = "The model failed"


class RunTimeoutError(ServerError):
    """A run exceeded its time limit and was ended."""

    status = 504
    title = "The run took too long"


class NotReadyError(ServerError):
    """Not ready yet, or no longer; try again.

    Attributes:
        model: The model that is not ready, or empty.
    """

    status = 503
    title = "Not ready"

    def __init__(self, message: str, model: str = "") -> None:
        self.model = model
        super().__init__(message)


class OverloadedError(NotReadyError):
    """Too many requests are waiting; raised immediately, or after the deadline."""

    title = "Overloaded"


class StateError(ServerError):
    """The state file cannot be written."""

    status = 503
    title = "The state cannot be saved"


class StorageError(ServerError):
    """The object store does not answer, or refuses."""

    status = 503
    title = "The object store failed"
