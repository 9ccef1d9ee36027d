"""publish(): from a fitted model to a version in the models folder.

Steps: check the arguments, read the rows, compute the original's answers, convert, compare, test
capabilities, write the contract, run the admission, place the file. The service sees nothing before
the last step, and a failure in any step leaves nothing behind.

When ``publish()`` returns, the whole file is in the models folder, and the ONNX model has answered
every row of ``X`` like the original. A running service loads it within a second;
:meth:`~exporter.publication.Publication.wait` waits for that. If the newest version has the same
graph and contract (apart from times), no version is created, and ``unchanged`` is true.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from exporter.contract.builder import Annotations, write_contract
from exporter.contract.calibration import calibrate_data
from exporter.conversion.parity import choose_tolerance
from exporter.conversion.search import find_conversion
from exporter.data.dataset import gather
from exporter.data.estimator import FittedEstimator
from exporter.data.forms import find_form
from exporter.delivery.artifact import Artifact
from exporter.delivery.client import ServiceClient
from exporter.delivery.model_name import check_name
from exporter.delivery.pruning import NotPrunedError, prune
from exporter.delivery.resolution import resolve_destination
from exporter.delivery.signing import resolve_signer
from exporter.display import timings as speed
from exporter.display.progress import Progress
from exporter.errors import NotAdmittedError, NotPrunedWarning, OptionError, warn
from exporter.publication import Publication
from exporter.settings import (
    resolve_keep,
    resolve_limits,
    resolve_link_url,
    resolve_url,
)
from inference.admission.admission import examine

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from exporter.data.dataset import Dataset
    from exporter.delivery.destination import Destination
    from exporter.delivery.signing import Signer
    from inference.admission.admission import Limits
    from inference.admission.report import Report
    from inference.model.contract import Contract


def publish(  # noqa: PLR0913 - the one call that a notebook makes; all but four are optional
    model: Any,
    name: str,
    X: Any,  # noqa: N803 - scikit-learn's name for it
    y: Any = None,
    *,
    evaluate: tuple[Any, Any] | None = None,
    calibrate: tuple[Any, Any] | None = None,
    coverage: float = 0.9,
    description: str | None = None,
    units: Mapping[str, str] | None = None,
    feature_descriptions: Mapping[str, str] | None = None,
    feature_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    models_dir: str | os.PathLike[str] | None = None,
    url: str | None = None,
    tolerance: float | None = None,
    sign_with: str | os.PathLike[str] | None = None,
    keep: int | None = None,
    progress: bool | None = None,
) -> Publication:
    """Publish a fitted model as the next version of ``name``; return the publication.

    Args:
        model: A fitted predictor, clusterer or transformer, or a Pipeline that ends in one.
        name: The model's name: lower-case letters, digits, ``.``, ``_`` and ``-``.
        X: The rows that the model was fitted on: an array, a sparse one, a frame or a table.
        y: The targets of ``X``, for metrics on the training data; not needed for clusterers.
        evaluate: ``(X_test, y_test)``, held-out rows for the metrics in the contract.
        calibrate: ``(X_cal, y_cal)``, more held-out rows, for intervals or sets of labels.
        coverage: Share of new rows whose true answer these are to hold.
        description: Description of the model.
        units: Units by feature name, such as ``{"body_mass_g": "g"}``.
        feature_descriptions: Descriptions by feature name.
        feature_names: Names for the columns of an array; by default the model's, or ``x0``, ...
        target_names: Names of several labels or values; by default labels have those of ``y``.
        models_dir: The models folder or bucket; by default ``EXPORTER_MODELS_DIR``, or ``models``.
        url: Address of the service; by default ``EXPORTER_URL``, or ``http://127.0.0.1:8000``.
        tolerance: Largest accepted difference; by default 1e-5, scaled for a regression.
        sign_with: File of the private key; by default ``EXPORTER_SIGN_WITH``, or none.
        keep: Number of newest versions to keep; by default ``EXPORTER_KEEP``, or all.
        progress: Whether to show progress; by default in a notebook or a terminal.

    Raises:
        ExporterError: Nothing was published; :mod:`exporter.errors` lists the subclasses.
    """
    given = _Given(model, name, (X, y, evaluate), (calibrate, coverage), feature_names)
    options = _resolve_options(models_dir, url, tolerance, sign_with, keep)
    annotations = Annotations(description, units or {}, feature_descriptions or {}, target_names)
    return _publish(given, annotations, options, progress=progress)


@dataclass(frozen=True)
class _Given:
    """The model and the rows that :func:`publish` was given."""

    model: Any
    name: str
    rows: tuple[Any, Any, tuple[Any, Any] | None]
    calibration: tuple[tuple[Any, Any] | None, float]
    feature_names: Sequence[str] | None

    def __post_init__(self) -> None:
        check_name(self.name)


@dataclass(frozen=True)
class _Options:
    """Arguments of :func:`publish`, or their defaults from the environment."""

    destination: Destination
    limits: Limits
    url: str
    link_url: str
    tolerance: float | None
    signer: Signer | None
    keep: int | None


def _resolve_options(
    models_dir: str | os.PathLike[str] | None,
    url: str | None,
    tolerance: float | None,
    sign_with: str | os.PathLike[str] | None,
    keep: int | None,
) -> _Options:
    service = resolve_url(url)
    link = resolve_link_url(service) if url is None else service
    destination, limits = resolve_destination(models_dir), resolve_limits()
    accepted, kept = _check_tolerance(tolerance), resolve_keep(keep)
    return _Options(destination, limits, service, link, accepted, resolve_signer(sign_with), kept)


def _publish(
    given: _Given, annotations: Annotations, options: _Options, *, progress: bool | None
) -> Publication:
    original, names = FittedEstimator(given.model, find_form(given.rows[0])), given.feature_names
    with Progress(given.name, shown=progress) as steps:
        steps.begin("reading the rows")
        data = gather(original, *given.rows, names)
        data = calibrate_data(data, original, given.calibration, names)
        return _convert(original, given.name, (data, annotations), options, steps)


def _convert(
    original: FittedEstimator,
    name: str,
    given: tuple[Dataset, Annotations],
    options: _Options,
    steps: Progress,
) -> Publication:
    data, annotations = given
    destination = options.destination
    annotations.check(original, data)
    steps.begin("converting and comparing every row", f"{len(data.all.table):,} rows")
    limit = choose_tolerance(original, data.all.answers, options.tolerance)
    conversion, comparison = find_conversion(original, data.all, limit, steps.note)
    steps.begin("testing nulls and unknown categories")
    contract = write_contract(original, data, conversion, comparison, annotations)
    steps.begin("timing")
    timings = speed.measure(original, conversion, data.given.table)
    artifact = Artifact(name, conversion.file, contract, options.signer)
    del conversion  # its session holds all of a large model
    steps.begin("admission", "the service's own examination")
    placed = _deliver(artifact, destination, options.limits)
    removed = [] if options.keep is None else _prune(name, options.keep, options)
    what = "was already published: nothing has changed" if placed.unchanged else "is published"
    steps.done(f"{name} version {placed.version} {what}")
    return Publication(
        name=name,
        version=placed.version,
        path=destination.path_of(name, placed.version),
        url=options.url,
        link_url=options.link_url,
        contract=placed.contract,
        report=placed.report,
        timings=timings,
        fit=data.fit,
        unchanged=placed.unchanged,
        removed=removed,
    )


class _Placed(NamedTuple):
    """The version that a file became."""

    version: int
    contract: Contract
    report: Report
    unchanged: bool


def _deliver(artifact: Artifact, destination: Destination, limits: Limits) -> _Placed:
    """Examine and place a file, unless the newest version is the same."""
    admit, name = partial(_admit, limits=limits), artifact.name
    same = artifact.find_same(destination)
    if same is not None:
        version, contract = same
        report = destination.admit(name, version, admit)
        return _Placed(version, contract, report, unchanged=True)
    version, report = destination.place(name, artifact.to_bytes(), admit)
    return _Placed(version, artifact.contract, report, unchanged=False)


def _prune(name: str, keep: int, options: _Options) -> list[int]:
    try:
        return prune(options.destination, name, keep, ServiceClient(options.url))
    except NotPrunedError as error:
        message = f"keep={keep}: no older version of {name} was removed: {error}"
        warn(message, NotPrunedWarning)
        return []


def _check_tolerance(tolerance: Any) -> float | None:
    if tolerance is None:
        return None
    accepted = math.nan
    if isinstance(tolerance, int | float | np.floating) and not isinstance(tolerance, bool):
        with contextlib.suppress(OverflowError):
            accepted = float(tolerance)
    if not 0 <= accepted < math.inf:
        raise OptionError(f"tolerance must be a number of at least 0, not {tolerance!r}")
    return accepted


def _admit(file: Path, limits: Limits) -> Report:
    report = examine(file, limits)
    if not report.admitted:
        raise NotAdmittedError(
            f"the service would refuse the file: {report.reason}. Nothing was published"
        )
    return report
