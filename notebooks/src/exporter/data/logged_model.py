"""Models that MLflow stores: registered ones (``models:/``) and those of runs (``runs:/``).

MLflow is imported when a model is loaded. Its own settings apply: ``mlflow.set_tracking_uri()``,
``MLFLOW_TRACKING_URI`` and its other environment variables.
"""

from __future__ import annotations

import importlib
import math
import socket
import tempfile
import urllib.request
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import sklearn

from exporter.data.libraries import explain_absence
from exporter.errors import ModelError, OptionError, OtherVersionWarning, TrackingError, warn
from inference.model.contract import MlflowSource, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCHEMES = ("models:", "runs:")
# MLflow's name for the version of the library, in the flavor's configuration.
_FLAVORS = {
    "sklearn": "sklearn_version",
    "xgboost": "xgb_version",
    "lightgbm": "lgb_version",
    "catboost": "catboost_version",
}
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
_CONNECT_SECONDS = 5
_PORTS = {"http": 80, "https": 443}
_DEFAULT_STORES = ("mlflow.db", "mlruns")


@dataclass(frozen=True)
class LoggedModel:
    """A fitted model that was loaded from MLflow.

    Attributes:
        model: The model.
        source: Where MLflow stores it.
        example: The logged input example; ``None`` without one.
        names: The columns of the logged signature; ``None`` if it has no names.
    """

    model: Any
    source: Source
    example: Any = None
    names: Sequence[str] | None = None


def is_logged_model(uri: str) -> bool:
    """Whether a text is the URI of a model in MLflow."""
    return uri.startswith(_SCHEMES)


def load_logged_model(uri: str) -> LoggedModel:
    """Load a model from MLflow, which runs the code in it.

    Args:
        uri: ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``runs:/RUN/PATH``.

    Raises:
        ModelError: There is no such model, it is of another flavor, or it cannot be loaded here.
        OptionError: The URI is not one of these, MLflow is not installed, or no store is set.
        TrackingError: The tracking server does not answer, or MLflow refuses the request.
    """
    if not isinstance(uri, str) or not is_logged_model(uri):
        raise OptionError(
            f"{uri!r} is not the URI of a model in MLflow: pass models:/NAME@ALIAS, "
            "models:/NAME/VERSION or runs:/RUN/PATH"
        )
    try:
        mlflow: Any = importlib.import_module("mlflow")
    except ImportError as error:
        raise OptionError(explain_absence(error, uri) or f"MLflow: {error}") from None
    client = _connect(mlflow)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MLflow's own, and of other versions: see below
            path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
            found, version = _read(mlflow, client, uri, Path(path))
    except mlflow.exceptions.MlflowException as error:
        raise _explain(client, uri, error) from None
    _compare_versions(uri, version)
    return found


def _connect(mlflow: Any) -> Any:
    """Return MLflow's client, once its store is known to be there."""
    uri = mlflow.get_tracking_uri()
    defaults = any(Path(name).exists() for name in _DEFAULT_STORES)
    if not mlflow.is_tracking_uri_set() and not defaults and urlsplit(uri).scheme != "databricks":
        raise OptionError(
            "no MLflow tracking server is set: set MLFLOW_TRACKING_URI, or call "
            "mlflow.set_tracking_uri('http://...')"
        )
    _require_server(uri)
    try:
        return mlflow.MlflowClient()
    except Exception as error:  # its stores need other packages
        scheme = urlsplit(uri).scheme
        raise TrackingError(
            f"MLflow cannot open its store {scheme}:... ({_first_line(error)}): a database needs "
            "the package mlflow, not only mlflow-skinny; or set MLFLOW_TRACKING_URI to the "
            "address of a tracking server"
        ) from error


def _require_server(uri: str) -> None:
    """Connect to a tracking server once, since MLflow would try for minutes."""
    parts = urlsplit(uri)
    host, scheme = parts.hostname or "", parts.scheme
    if scheme not in _PORTS:
        return
    if urllib.request.getproxies().get(scheme) and not urllib.request.proxy_bypass(host):
        return  # only the proxy can reach it
    try:
        socket.create_connection((host, parts.port or _PORTS[scheme]), _CONNECT_SECONDS).close()
    except OSError as error:
        address = f"{scheme}://{host}" + (f":{parts.port}" if parts.port else "")
        raise TrackingError(
            f"no MLflow tracking server answers at {address} ({error.strerror or error}): start "
            "it, or set MLFLOW_TRACKING_URI"
        ) from None


def _read(mlflow: Any, client: Any, uri: str, path: Path) -> tuple[LoggedModel, str | None]:
    """Return the model, and the version of scikit-learn that it was logged with."""
    logged = mlflow.models.Model.load(str(path))
    flavor = next((f for f in _FLAVORS if f in logged.flavors), None)
    if flavor is None:
        found = ", ".join(sorted(f for f in logged.flavors if f != "python_function"))
        raise ModelError(
            f"{uri} has the flavor {found or 'python_function'}, which cannot be published: log "
            f"the model by {', '.join(f'mlflow.{f}' for f in _FLAVORS)}"
        )
    conf = logged.flavors[flavor]
    model = _load_model(uri, flavor, conf.get(_FLAVORS[flavor]), path)
    name, version = _registered(mlflow, uri, path)
    signature = logged.signature
    inputs = signature.inputs if signature is not None else None
    source = MlflowSource(
        uri=uri,
        flavor=flavor,
        run_id=logged.run_id,
        model=name,
        version=version,
        metrics=_metrics(mlflow, client, logged.run_id),
        inputs=_types(inputs),
        outputs=_types(signature.outputs if signature is not None else None),
    )
    names = inputs.input_names() if inputs is not None and inputs.has_input_names() else None
    example = logged.load_input_example(str(path)) if logged.saved_input_example_info else None
    loaded = LoggedModel(model, Source(mlflow=source), example, names)
    return loaded, conf.get("sklearn_version")


def _load_model(uri: str, flavor: str, saved: str | None, path: Path) -> Any:
    try:
        return importlib.import_module(f"mlflow.{flavor}").load_model(str(path))
    except Exception as error:
        absent = explain_absence(error, uri)
        if absent:
            raise ModelError(absent) from None
        what = f"{type(error).__name__}: {_first_line(error)}"
        library = _DISTRIBUTIONS.get(flavor, flavor)
        here = str(importlib.import_module(flavor).__version__)
        if saved is None or saved == here:
            raise ModelError(f"{uri} cannot be loaded: {what}") from error
        raise ModelError(
            f"{uri} was logged with {library} {saved}, which {library} {here} cannot load "
            f"({what}): install {library}=={saved} here, or fit and log the model with {here}"
        ) from error


def _compare_versions(uri: str, saved: str | None) -> None:
    here = sklearn.__version__
    if saved is None or saved.split(".")[:2] == here.split(".")[:2]:
        return
    warn(
        f"{uri} was logged with scikit-learn {saved}, and scikit-learn {here} is here: the ONNX "
        f"file is compared with the model as {here} loads it. To be sure that it is still the "
        f"same model, install scikit-learn=={saved}, or fit it again",
        OtherVersionWarning,
    )


def _registered(mlflow: Any, uri: str, path: Path) -> tuple[str | None, int | None]:
    """Return name and version of a registered model, which MLflow writes beside it."""
    file = path / "registered_model_meta"
    if not uri.startswith("models:") or not file.exists():
        return None, None
    found = mlflow.utils.yaml_utils.read_yaml(str(path), file.name)
    named = uri.removeprefix("models:").strip("/").startswith(str(found["model_name"]))
    return (found["model_name"], int(found["model_version"])) if named else (None, None)


def _metrics(mlflow: Any, client: Any, run: str | None) -> dict[str, float] | None:
    if run is None:
        return None
    try:
        values = client.get_run(run).data.metrics
    except mlflow.exceptions.MlflowException:  # the run was deleted, and the model kept
        return None
    return {name: float(v) for name, v in values.items() if math.isfinite(v)} or None


def _types(schema: Any) -> dict[str, str] | None:
    if schema is None:
        return None
    found = {}
    for place, spec in enumerate(schema.to_dict()):
        kind = spec["type"]
        if kind == "tensor":
            tensor = spec["tensor-spec"]
            kind = f"{tensor['dtype']} {tensor['shape']}"
        found[str(spec.get("name", place))] = kind
    return found


def _explain(client: Any, uri: str, error: Any) -> ModelError | TrackingError:
    text = _first_line(error).rstrip(".")
    alias = uri.partition("@")[2].partition("/")[0]
    if "alias" in text.lower() and alias:
        name = uri.removeprefix("models:").strip("/").partition("@")[0]
        known = sorted(client.get_registered_model(name).aliases)
        has = f"it has {', '.join(known)}" if known else "it has no alias: pass a version"
        return ModelError(f"the MLflow model {name} has no alias {alias!r}; {has}")
    if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
        return ModelError(f"MLflow has no {uri}: {text}")
    return TrackingError(f"MLflow did not give {uri}: {text}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:400] if lines else type(error).__name__
