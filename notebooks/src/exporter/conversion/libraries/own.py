"""Transformers of the caller's own: what their ``transform`` does is traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.conversion.numbers.frames import trace_frame
from exporter.conversion.numbers.tracing import UntraceableError, trace
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


def register(kind: type[Any]) -> None:
    """Register the class of a transformer of the caller's own."""
    transforms(kind)(transform_own)


def transform_own(graph: Graph, transformer: Any, columns: Sequence[Column]) -> list[Column]:
    """Write what ``transform`` does to an array, or to a DataFrame if it is given one.

    Raises:
        ConversionError: It cannot be traced; says what it does.
    """
    names = graph.given.names.get(id(transformer))
    try:
        if names is not None:
            return trace_frame(graph, transformer.transform, columns, names, {})
        width = sum(column.width for column in columns)
        made = trace(graph, transformer.transform, (graph.matrix(columns), width), {})
    except UntraceableError as error:
        name = type(transformer).__name__
        raise ConversionError(
            f"transform() of your class {name} cannot be written as ONNX, because {error}. You can "
            "do that to X before fit() and publish()"
        ) from None
    return [Column(made[0], "real", made[1])]
