"""From a fitted model to an ONNX graph that onnxruntime loads."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from skl2onnx import convert_sklearn
from skl2onnx._parse import sklearn_parsers_map
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common._registration import get_converter
from skl2onnx.common.utils_sklearn import enumerate_model_names
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from exporter.conversion.estimator_patches import adapt, low_level_trees, plain_flags
from exporter.conversion.forest_votes import count_votes
from exporter.conversion.graph_patches import (
    correct_distance_weights,
    correct_output_types,
    flatten_output,
    keep_outputs,
    make_portable,
    opsets,
    replace_imputers,
    route_missing_values,
)
from exporter.conversion.registry import custom_arguments
from exporter.errors import ConversionError
from inference.errors import ArtefactError, InferenceError
from inference.model.contract import Outputs
from inference.model.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.layout import Layout
    from exporter.original import Original
    from exporter.table import Table

# What the oldest server that is worth supporting runs: onnxruntime 1.18 of May 2024 has opset 21.
TARGET_OPSETS = {"": 21, "ai.onnx.ml": 3, "com.microsoft": 1}


@dataclass(frozen=True)
class Conversion:
    """A graph that has been loaded.

    Attributes:
        model: The ONNX model, without contract.
        layout: Where each column goes.
        outputs: Where the answer stands.
        session: The loaded graph.
        inputs: Name of the input that each column feeds, which may be spelt otherwise than the
            column; ``None`` for a column that the graph does not need.
    """

    model: Any
    layout: Layout
    inputs: tuple[str | None, ...]
    outputs: Outputs
    session: Session

    def to_feeds(self, table: Table) -> dict[str, Any]:
        """Build the input arrays.

        Raises:
            ValueError: A value is missing in a column whose input cannot say so.
        """
        return self.layout.to_feeds(table, self.inputs)


@dataclass(frozen=True)
class Attempt:
    """One way to convert.

    Attributes:
        layout: Where each column goes, and in which precision.
        use_cdist: Whether nearest neighbours use ``com.microsoft.CDist``: 20 times faster than the
            ``Scan`` of standard ONNX, but in float32 less exact for rows far from the origin.
    """

    layout: Layout
    use_cdist: bool = False


def list_attempts(model: Any, layouts: list[Layout]) -> Iterator[Attempt]:
    """List the ways to convert, fastest to serve first: each in float32, then in float64."""
    if layouts[0].elements is None and not _holds(model, ColumnTransformer):
        layouts = layouts[:1]  # nothing in it could tell one column from another
    cdist = [True, False] if _with_option(model, "optim") else [False]
    for layout in layouts:
        for use_cdist in cdist:
            for precision in ("float32", "float64"):
                yield Attempt(replace(layout, precision=precision), use_cdist)


def convert(original: Original, attempt: Attempt, probe: Table) -> Conversion:
    """Convert the model in one way, mend the graph and load it.

    Args:
        original: The model.
        attempt: The way.
        probe: A few rows, to see what the graph gives.

    Raises:
        ConversionError: skl2onnx cannot convert it, or onnxruntime cannot run the result.
    """
    layout = attempt.layout
    adapted = adapt(original.model, layout.precision, by_position=layout.elements is None)
    try:
        with warnings.catch_warnings(), plain_flags():
            warnings.simplefilter("ignore")  # about skl2onnx's own use of scikit-learn
            model = convert_sklearn(
                adapted,
                name=type(original.model).__name__,
                initial_types=layout.initial_types(),
                target_opset=TARGET_OPSETS,
                options=_options(adapted, use_cdist=attempt.use_cdist),
                **custom_arguments(),
            )
    except Exception as error:  # its converters raise whatever occurs to them
        raise ConversionError(f"skl2onnx cannot convert it: {_first_line(error)}") from error
    _check_opsets(model)
    outputs = _name_outputs(original, model)
    spelt = [value.name for value in model.graph.input]
    keep_outputs(model, filter(None, [outputs.label, outputs.probabilities]))
    correct_output_types(model)
    correct_distance_weights(model)
    trees = low_level_trees(adapted)
    route_missing_values(model, trees)
    count_votes(model, trees)
    if layout.precision == "float64":
        replace_imputers(model, _fill_values(adapted))
    make_portable(model)
    kept = {value.name for value in model.graph.input}
    columns = spelt * len(layout.names) if layout.elements is None else spelt
    inputs = tuple(name if name in kept else None for name in columns)
    try:
        session = _load(model, outputs, layout.to_feeds(probe, inputs), original)
    except (ArtefactError, InferenceError) as error:
        raise ConversionError(_explain_runtime(str(error), layout)) from error
    return Conversion(model, layout, inputs, outputs, session)


def supported_estimators() -> list[str]:
    """List the scikit-learn estimators that skl2onnx converts."""
    return sorted({kind.__name__ for kind in sklearn_operator_name_map})


def _load(model: Any, outputs: Outputs, feeds: dict[str, Any], original: Original) -> Session:
    session = Session(model.SerializeToString())
    (labels,) = session.run([outputs.label], feeds)
    count = len(next(iter(feeds.values())))
    if original.task == "classification" and labels.shape not in {(count,), (count, 1)}:
        flatten_output(model, outputs.label)
        session = Session(model.SerializeToString())
        session.run([outputs.label], feeds)
    return session


def _fill_values(model: Any) -> list[Any]:
    return [
        estimator.statistics_
        for _, estimator in enumerate_model_names(model)
        if isinstance(estimator, SimpleImputer) and hasattr(estimator, "statistics_")
    ]


def _name_outputs(original: Original, model: Any) -> Outputs:
    names = [output.name for output in model.graph.output]
    if original.has_probabilities and len(names) < 2:
        raise ConversionError("skl2onnx gives no probabilities for it, although the model has them")
    for output in model.graph.output:
        if not output.type.HasField("tensor_type"):
            raise ConversionError(f"its output '{output.name}' is no tensor")
    return Outputs(
        label=names[0],
        probabilities=names[1] if original.has_probabilities else None,
        encoded_classes=original.encoded_classes,
    )


def _options(model: Any, *, use_cdist: bool) -> dict[int, dict[str, Any]]:
    options: dict[int, dict[str, Any]] = {}
    for _, estimator in enumerate_model_names(model):
        if isinstance(estimator, ClassifierMixin):
            options[id(estimator)] = {}  # else a Pipeline would ask its last step for a ZipMap
    for estimator in _with_option(model, "zipmap"):
        if type(estimator) in sklearn_parsers_map:
            options.setdefault(id(estimator), {})["zipmap"] = False
    if use_cdist:
        for estimator in _with_option(model, "optim"):
            options.setdefault(id(estimator), {})["optim"] = "cdist"
    return options


def _with_option(model: Any, option: str) -> list[Any]:
    found = []
    for _, estimator in enumerate_model_names(model):
        alias = sklearn_operator_name_map.get(type(estimator))
        if alias is None or isinstance(estimator, Pipeline):
            continue  # a Pipeline would pass its options on to steps that do not know them
        try:
            allowed = get_converter(alias).get_allowed_options()
        except (ValueError, AttributeError):
            continue
        if option in (allowed or {}):
            found.append(estimator)
    return found


def _holds(model: Any, kind: type[Any]) -> bool:
    return any(isinstance(estimator, kind) for _, estimator in enumerate_model_names(model))


def _check_opsets(model: Any) -> None:
    wanted = opsets(model)
    for domain, version in wanted.items():
        limit = TARGET_OPSETS.get("" if domain == "ai.onnx" else domain)
        if limit is None:
            raise ConversionError(f"the graph needs the operators of '{domain}', which nobody has")
        if version > limit:
            raise ConversionError(
                f"the model needs operator set {domain} {version}, newer than the {limit} that "
                "this release promises to every server: use a simpler estimator"
            )


def _explain_runtime(reason: str, layout: Layout) -> str:
    if layout.precision == "float64" and ("Type" in reason or "implement" in reason.lower()):
        return f"onnxruntime has no float64 version of one of its operators ({reason})"
    return reason


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300].rstrip(" .,") if lines else type(error).__name__
