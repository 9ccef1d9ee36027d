"""publish(): from a fitted model to a version in the models folder.

Steps: check the arguments, read the rows, compute the original's answers, convert, compare, test
capabilities, write the contract, run the admission, place the file. Nothing is visible to the
service before the last step, and a failure in any step leaves nothing behind.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.contract.builder import Notes, write_contract
from exporter.conversion.parity import choose_tolerance
from exporter.conversion.search import find_conversion
from exporter.data.dataset import gather
from exporter.data.estimator import FittedEstimator
from exporter.delivery.artifact import Artifact
from exporter.delivery.client import Service
from exporter.delivery.model_name import check_name
from exporter.delivery.pruning import NotPrunedError, prune
from exporter.delivery.signing import resolve_signer
from exporter.delivery.staging import FILE_NAME, Stage
from exporter.display import timings as speed
from exporter.display.progress import Progress
from exporter.errors import NotAdmittedError, NotPrunedWarning, OptionError
from exporter.publication import Publication
from exporter.settings import (
    resolve_keep,
    resolve_limits,
    resolve_link_url,
    resolve_models_dir,
    resolve_url,
)
from inference.admission.admission import examine

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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
    """Publish a fitted scikit-learn model as the next version of ``name``.

    When this returns, the file is in the models folder, whole, and a running service picks it up
    within a second; :meth:`~exporter.publication.Publication.wait` waits for that. The ONNX file
    has answered every row of ``X`` like the original. When this raises, nothing is published. When
    the newest version has the same graph and contract (apart from times), no new version is made,
    and the publication's ``unchanged`` is true.

    Args:
        model: A fitted classifier, regressor, or Pipeline that ends in one.
        name: The model's name: lower-case letters, digits, ``.``, ``_`` and ``-``.
        X: The rows the model was fitted on, as it was given them: an array of shape
            ``[rows, features]`` or a DataFrame. Ranges, categories, examples and golden samples in
            the contract come from them.
        y: The true answers for ``X``; the publication shows metrics on them, as not held out.
        evaluate: ``(X_test, y_test)``, on which the model was not fitted; the contract's metrics
            come from these rows, and the ONNX file is compared on them, too.
        description: Description of the model, as free text.
        units: Unit of a feature by its name, such as ``{"body_mass_g": "g"}``.
        feature_descriptions: What a feature measures, by its name.
        feature_names: Names for the columns of an array; by default those the model was fitted on,
            or ``x0``, ``x1``, ...
        target_names: Names of the values, for a regression on several targets.
        models_dir: The models folder; by default ``EXPORTER_MODELS_DIR``, or ``models``.
        url: Where the service answers; by default ``EXPORTER_URL``, or ``http://127.0.0.1:8000``.
        tolerance: Largest absolute difference accepted of a probability or value; by default 1e-5,
            for a regression times the largest value.
        sign_with: File of the private key to sign with, which ``exporter keygen`` makes; by default
            ``EXPORTER_SIGN_WITH``, or none.
        keep: How many of the newest versions to keep; by default ``EXPORTER_KEEP``, or all. Older
            ones are removed, except those that are pinned, selected or kept loaded: the service at
            ``url`` is asked, and when it does not answer nothing is removed, with a warning.
        progress: Whether to show what is being done; by default in a notebook or a terminal.

    Returns:
        The publication; shows itself in Jupyter.

    Raises:
        ArgumentError: An argument is wrong; its subclass says which and what would be right.
        ConversionError: skl2onnx or onnxruntime does not support the model.
        ParityError: The ONNX file answers differently from the original.
        NotAdmittedError: The service would refuse the file.
        PlacementError: The models folder cannot be written.
    """
    check_name(name)
    service = resolve_url(url)
    link = resolve_link_url(service) if url is None else service
    folder = resolve_models_dir(models_dir)
    limits = resolve_limits()
    _check_tolerance(tolerance)
    kept = resolve_keep(keep)
    signer = resolve_signer(sign_with)
    original = FittedEstimator(model)
    with Progress(name, shown=progress) as steps:
        steps.begin("reading the rows")
        data = gather(original, X, y, evaluate, feature_names)
        notes = Notes(description, units or {}, feature_descriptions or {}, target_names)
        notes.check(original, data)
        steps.begin("converting and comparing every row", f"{len(data.all.table):,} rows")
        limit = choose_tolerance(original, data.all.answers, tolerance)
        conversion, comparison = find_conversion(original, data.all, limit, steps.note)
        steps.begin("testing nulls and unknown categories")
        contract = write_contract(original, data, conversion, comparison, notes)
        steps.begin("timing")
        timings = speed.measure(original, conversion, data.given.table)
        artifact = Artifact(name, conversion.file, contract, signer)
        del conversion  # its session holds all of a large model
        steps.begin("admission", "the service's own examination")
        placed = _deliver(artifact, folder, limits)
        removed = [] if kept is None else _prune(folder.absolute(), name, kept, Service(service))
        what = "was already published: nothing has changed" if placed.unchanged else "is published"
        steps.done(f"{name} version {placed.version} {what}")
    return Publication(
        name=name,
        version=placed.version,
        path=folder.absolute() / name / str(placed.version) / FILE_NAME,
        url=service,
        link_url=link,
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


def _deliver(artifact: Artifact, folder: Path, limits: Limits) -> _Placed:
    """Examine and place a file, unless the newest version is the same."""
    same = artifact.find_same(folder)
    if same is not None:
        version, contract = same
        report = _admit(folder / artifact.name / str(version) / FILE_NAME, limits)
        return _Placed(version, contract, report, unchanged=True)
    with Stage(folder) as stage:
        stage.write(artifact.to_bytes())
        report = _admit(stage.file, limits)
        version = stage.place(artifact.name)
    return _Placed(version, artifact.contract, report, unchanged=False)


def _prune(folder: Path, name: str, keep: int, service: Service) -> list[int]:
    try:
        return prune(folder, name, keep, service)
    except NotPrunedError as error:
        said = f"keep={keep}: no older version of {name} was removed: {error}"
        warnings.warn(said, NotPrunedWarning, stacklevel=3)
        return []


def _check_tolerance(tolerance: float | None) -> None:
    if tolerance is None:
        return
    right = isinstance(tolerance, (int, float)) and math.isfinite(tolerance) and tolerance >= 0
    if not right or isinstance(tolerance, bool):
        raise OptionError(f"tolerance must be a number of at least 0, not {tolerance!r}")


def _admit(file: Path, limits: Limits) -> Report:
    report = examine(file, limits)
    if not report.admitted:
        raise NotAdmittedError(
            f"the service would refuse the file: {report.reason}. Nothing was published"
        )
    return report
