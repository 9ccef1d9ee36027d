"""Converters of our own, for estimators that skl2onnx converts wrongly or not at all.

A converter has skl2onnx's signature and is used wherever the estimator occurs: alone, in a
pipeline, or within another estimator whose converter is skl2onnx's::

    @converts(RandomForestClassifier, ExtraTreesClassifier)
    def convert_forest(scope, operator, container): ...

Nothing is registered with skl2onnx itself, except the name of an estimator that it does not know.
The modules in ``MODULES`` are imported before the first conversion.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map

if TYPE_CHECKING:
    from collections.abc import Callable

# Each registers its converters when it is imported.
MODULES: tuple[str, ...] = ()

_converters: dict[type[Any], Callable[[Any, Any, Any], None]] = {}
_shapes: dict[type[Any], Callable[[Any], None]] = {}


def converts(
    *kinds: type[Any],
    shape: Callable[[Any], None] | None = None,
    options: dict[str, list[Any]] | None = None,
) -> Callable[[Any], Any]:
    """Register a converter for estimators of these types; a later one replaces an earlier one.

    Args:
        kinds: The estimators' types; subclasses are not meant.
        shape: Declares the types of the operator's outputs; skl2onnx's own where there is none.
            Required for types that skl2onnx does not know.
        options: The options that a type takes that skl2onnx does not know.
    """

    def register(convert: Any) -> Any:
        for kind in kinds:
            _converters[kind] = convert
            if shape is not None:
                _shapes[kind] = shape
            if kind not in sklearn_operator_name_map:
                update_registered_converter(
                    kind, f"Rookery{kind.__name__}", shape, convert, options=options
                )
        return convert

    return register


def custom_arguments() -> dict[str, dict[type[Any], Any]]:
    """Give the arguments of ``convert_sklearn`` that make it use these converters."""
    for module in MODULES:
        import_module(module)
    return {
        "custom_conversion_functions": dict(_converters),
        "custom_shape_calculators": dict(_shapes),
    }


def is_converted_here(estimator: Any) -> bool:
    """Whether a converter of our own is registered for the estimator's type."""
    custom_arguments()
    return type(estimator) in _converters
