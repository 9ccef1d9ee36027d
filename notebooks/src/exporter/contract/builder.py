"""The contract of the ONNX file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exporter.contract import provenance
from exporter.contract.background import choose_background
from exporter.contract.calibration import widen
from exporter.contract.capabilities import CapabilityFinder
from exporter.contract.distributions import summarize_answers
from exporter.contract.features import describe
from exporter.contract.samples import choose_rows, make_samples, ordinary_row, probe_rows
from exporter.contract.targets import (
    check_target_names,
    name_labels,
    name_outputs,
    name_targets,
)
from exporter.data.table import Table
from exporter.errors import OptionError
from inference.model.contract import CONTRACT_VERSION, Contract
from inference.runtime.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.conversion.converter import Conversion
    from exporter.conversion.parity import Comparison
    from exporter.data.dataset import Dataset
    from exporter.data.estimator import FittedEstimator
    from inference.model.contract import Feature


@dataclass(frozen=True)
class Annotations:
    """What the caller states about the model; see :func:`exporter.publishing.publish`."""

    description: str | None
    units: Mapping[str, str]
    descriptions: Mapping[str, str]
    target_names: Sequence[str] | None

    def check(self, original: FittedEstimator, data: Dataset) -> None:
        """Check that the annotations match the model.

        Raises:
            OptionError: It names a feature or a number of targets that the model does not have.
        """
        if self.description is not None and not isinstance(self.description, str):
            raise OptionError("description must be a string")
        names = data.given.table.names
        for what, given in (("units", self.units), ("feature_descriptions", self.descriptions)):
            if not hasattr(given, "items"):
                raise OptionError(f"{what} must be a dict by feature: {{{names[0]!r}: '...'}}")
            for name, text in given.items():
                if name not in names:
                    raise OptionError(
                        f"{what} names {name!r}, which is not a feature.{nearest(str(name), names)}"
                    )
                if not isinstance(text, str):
                    raise OptionError(f"{what}[{name!r}] must be a string")
        check_target_names(self.target_names, original, data.given.answers)


def write_contract(
    original: FittedEstimator,
    data: Dataset,
    conversion: Conversion,
    comparison: Comparison,
    annotations: Annotations,
) -> Contract:
    """Build the contract, testing the original and the ONNX file where needed.

    Args:
        original: The model.
        data: The rows.
        conversion: The ONNX model.
        comparison: The comparison with the original.
        annotations: What the caller states about the model.
    """
    table, answers = data.given.table, data.given.answers
    given = annotations.target_names
    named = data.target_names if given is None else list(given)
    names = name_targets(original, answers, named)
    golden = choose_rows(table, answers, original, comparison.ties[: len(table)])
    kept = _kept_columns(conversion)
    features = _describe_features(
        original, data, conversion, (golden, comparison.tolerance), annotations
    )
    read = _only(table, kept)
    samples = make_samples(read, answers, original, golden)
    return Contract(
        contract_version=CONTRACT_VERSION,
        task=original.task,
        features=features,
        outputs=name_outputs(original, conversion.outputs),
        training=provenance.record(original, table, annotations.description, data.held_out),
        parity=comparison.to_contract(conversion.layout.precision),
        samples=samples,
        classes=original.classes,
        labels=name_labels(original, conversion.outputs, names),
        targets=None if original.labels else names,
        unused=_unused_columns(table, conversion),
        background=choose_background(read, features),
        calibration=widen(data.calibration, comparison.max_difference),
        answers=summarize_answers(original, answers),
    )


def _describe_features(
    original: FittedEstimator,
    data: Dataset,
    conversion: Conversion,
    basis: tuple[list[int], float],
    annotations: Annotations,
) -> list[Feature]:
    golden, tolerance = basis
    table = data.given.table
    finder = CapabilityFinder(
        original, conversion, table.take(probe_rows(table, golden)), tolerance
    )
    kept = _kept_columns(conversion)
    found = finder.find({i: table.columns[i] for i in kept})
    nullable = [i for i in kept if found[i].nullable]
    if len(nullable) > 1 and not finder.takes_nulls_together(nullable):
        # Singly yes, together no: allow what X itself shows, for that has been compared.
        seen = {i for i in nullable if table.columns[i].missing.any()}
        found = {i: replace(m, nullable=m.nullable and i in seen) for i, m in found.items()}
    example = table.take([ordinary_row(table, golden)]).rows()[0]
    return [
        describe(
            table.columns[i],
            found[i],
            str(conversion.inputs[i]),
            example[i],
            (annotations.units.get(table.names[i]), annotations.descriptions.get(table.names[i])),
        )
        for i in kept
    ]


def _kept_columns(conversion: Conversion) -> list[int]:
    # A column that the pipeline drops has no input left: callers need not send it.
    return [i for i, name in enumerate(conversion.inputs) if name is not None]


def _unused_columns(table: Table, conversion: Conversion) -> list[str] | None:
    names = zip(table.names, conversion.inputs, strict=True)
    return [column for column, fed in names if fed is None] or None


def _only(table: Table, kept: list[int]) -> Table:
    return Table(tuple(table.columns[i] for i in kept), table.native)
