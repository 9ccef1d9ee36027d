"""publish(): from a fitted model to a version in the models folder.

The way through: check the arguments, read the rows, ask the original, convert, compare, probe,
write the contract, have it admitted, place it. Nothing is visible to the service before the last
step, and a failure in any step leaves nothing behind.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from onnx import ModelProto

from exporter import speed
from exporter.authoring import Notes, write_contract
from exporter.conversion.parity import choose_tolerance
from exporter.conversion.search import find_conversion
from exporter.errors import NotAdmittedError, OptionError
from exporter.evidence import gather
from exporter.naming import check_name
from exporter.original import Original
from exporter.placement import Stage
from exporter.progress import Progress
from exporter.publication import Publication
from exporter.settings import (
    resolve_limits,
    resolve_link_url,
    resolve_models_dir,
    resolve_url,
)
from exporter.signing import resolve_signer
from inference.model.contract import METADATA_KEY, encode_contract
from inference.repository.admission import examine

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from exporter.conversion.converter import Conversion
    from inference.model.contract import Contract
    from inference.repository.admission import Limits
    from inference.repository.report import Report


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
    progress: bool | None = None,
) -> Publication:
    """Publish a fitted scikit-learn model as the next version of ``name``.

    When this returns, the file is in the models folder, whole, and a running service picks it up
    within a second; :meth:`~exporter.publication.Publication.wait` waits for that. The ONNX file
    has answered every row of ``X`` like the original. When this raises, nothing is published.

    Args:
        model: A fitted classifier, regressor, or Pipeline that ends in one.
        name: What to call it: lower-case letters, digits, ``.``, ``_`` and ``-``.
        X: The rows the model was fitted on, as it was given them: an array of shape
            ``[rows, features]`` or a DataFrame. Ranges, categories, examples and golden samples in
            the contract come from them.
        y: Their true answers. Only shown on the publication, as a fit and not as held-out metrics.
        evaluate: ``(X_test, y_test)`` that the model has never seen; the contract's metrics come
            from these rows. They are compared with the original, too.
        description: Free text for people who choose a model.
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
        progress: Whether to show what is being done; by default in a notebook or a terminal.

    Returns:
        The publication; shows itself in Jupyter.

    Raises:
        ArgumentError: An argument is wrong; its subclass says which and what would be right.
        ConversionError: skl2onnx or onnxruntime does not support the model.
        ParityError: The ONNX file would answer otherwise than the original.
        NotAdmittedError: The service would refuse the file.
        PlacementError: The models folder cannot be written.
    """
    check_name(name)
    service = resolve_url(url)
    link = resolve_link_url(service) if url is None else service
    folder = resolve_models_dir(models_dir)
    limits = resolve_limits()
    _check_tolerance(tolerance)
    signer = resolve_signer(sign_with)
    original = Original(model)
    with Progress(name, shown=progress) as steps:
        steps.begin("reading the rows")
        data = gather(original, X, y, evaluate, feature_names)
        notes = Notes(description, units or {}, feature_descriptions or {}, target_names)
        notes.check(original, data)
        steps.begin("converting and comparing every row", f"{len(data.all.table):,} rows")
        limit = choose_tolerance(original, data.all.answers, tolerance)
        conversion, comparison = find_conversion(original, data.all, limit, steps.note)
        steps.begin("asking what it takes")
        contract = write_contract(original, data, conversion, comparison, notes)
        steps.begin("timing")
        timings = speed.measure(original, conversion, data.given.table)
        with Stage(folder) as stage:
            steps.begin("admission", "the service's own examination")
            file = _finish(conversion, contract)
            del conversion  # its session holds all of a large model
            report = _admit(stage, file if signer is None else signer.seal(file, name), limits)
            steps.begin("placing")
            version = stage.place(name)
            path = stage.models_dir / name / str(version) / stage.file.name
        steps.done(f"{name} version {version} is published")
    return Publication(
        name=name,
        version=version,
        path=path,
        url=service,
        link_url=link,
        contract=contract,
        report=report,
        timings=timings,
        fit=data.fit,
    )


def _check_tolerance(tolerance: float | None) -> None:
    if tolerance is None:
        return
    right = isinstance(tolerance, (int, float)) and math.isfinite(tolerance) and tolerance >= 0
    if not right or isinstance(tolerance, bool):
        raise OptionError(f"tolerance has to be a number from 0 on, not {tolerance!r}")


def _finish(conversion: Conversion, contract: Contract) -> bytes:
    rest = ModelProto(
        producer_name="rookery-exporter", doc_string=contract.training.description or ""
    )
    entry = rest.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, encode_contract(contract)
    # Serialized messages one behind the other are one message; a graph may have gigabytes.
    return conversion.file + rest.SerializeToString()


def _admit(stage: Stage, file: bytes, limits: Limits) -> Report:
    stage.write(file)
    report = examine(stage.file, limits)
    if not report.admitted:
        raise NotAdmittedError(
            f"the service would refuse the file: {report.reason}. Nothing has been published"
        )
    return report
