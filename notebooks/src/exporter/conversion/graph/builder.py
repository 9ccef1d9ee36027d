"""A graph under construction: nodes, constants, and columns of tensors.

This module knows ONNX and nothing of scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.payload import Payload, encode
from exporter.conversion.graph.renaming import rename_node
from exporter.conversion.graph.types import ELEMENTS, KnownTypes
from exporter.data.sparse_rows import GivenRows
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.conversion.graph.answer import Final
    from exporter.conversion.graph.column import Real
    from exporter.conversion.graph.origins import Origin

# What the oldest server that is worth supporting runs: onnxruntime 1.18 of May 2024 has opset 21.
OPSETS = {"": 21, "ai.onnx.ml": 3, "com.microsoft": 1}
# Trees need what onnxruntime has since 1.20 of November 2024, and where that is, these are not.
NEWEST = OPSETS | {"ai.onnx.ml": 5}
_NEEDS_NEWEST = "TreeEnsemble"
_GONE_IN_NEWEST = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
_IR_VERSION = 10
_PREFIX = "_"


class Output(NamedTuple):
    """An output of a model to be.

    Attributes:
        stem: What to call it, if no input has that name.
        name: Its name in the graph.
        kind: Its element type.
        shape: Its shape, if that is to be declared.
    """

    stem: str
    name: str
    kind: int
    shape: tuple[int | None, ...] | None = None


class Graph:
    """Collects nodes and constants.

    Args:
        inputs: Names and element types of the inputs, each with its width.
        real: What a real number is.
        one_opset: Whether all trees are to be ``TreeEnsemble``, whatever that costs.
        final: The classifier that answers; ``None`` if its answer must be as exact as a real.

    Attributes:
        choices: Neighbors chosen inside the graph, each with the estimator that chose them.
        given: The forms in which estimators get their rows.
        origins: What the values of a tensor were computed from, where trees may ask that instead.
        payloads: Large attributes by the names of their nodes, which the model to be lacks; see
            :func:`exporter.conversion.graph.payload.serialize`.
    """

    def __init__(
        self,
        inputs: Iterable[Column],
        real: Real,
        *,
        one_opset: bool = False,
        final: Final | None = None,
    ) -> None:
        self.inputs = list(inputs)
        self.real = real
        self.one_opset = one_opset
        self.final = final
        self.dtype = np.dtype(real)
        self.real_type = TensorProto.FLOAT if real == "float32" else TensorProto.DOUBLE
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.choices: list[tuple[Any, str]] = []
        self.given = GivenRows()
        self.origins: dict[str, Origin] = {}
        self.payloads: dict[str, bytes] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._taken = {column.name for column in self.inputs}
        self._types = KnownTypes({column.name: self._type_of(column) for column in self.inputs})

    def unique(self, stem: str) -> str:
        """Make a name that nothing else has."""
        number = len(self._taken)
        while (name := f"{_PREFIX}{stem}{number}") in self._taken:
            number += 1
        self._taken.add(name)
        return name

    def op(self, kind: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output.

        Args:
            kind: The operator.
            inputs: Names; or numbers and arrays, which become constants.
            domain: Of the operator.
            attributes: Of the node.

        Returns:
            The output's name.
        """
        return self.ops(kind, *inputs, count=1, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, *inputs: Any, count: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs; see :meth:`op`."""
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        outputs = [self.unique(kind.lower()) for _ in range(count)]
        self.nodes.append(helper.make_node(kind, names, outputs, domain=domain, **attributes))
        self._types.follow(kind, names, outputs[0])
        return outputs

    def large_ops(
        self, kind: str, given: str, payload: Payload, *, count: int, domain: str, **attributes: Any
    ) -> list[str]:
        """Add a node with large attributes, which are kept aside; see :meth:`ops`."""
        name = self.unique(kind.lower())
        self.payloads[name] = encode(payload)
        return self.ops(kind, given, count=count, domain=domain, name=name, **attributes)

    def constant(self, value: Any) -> str:
        """Add a constant: floats become reals of this graph, integers int64, texts strings."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        elif array.dtype.kind in "UO":
            array = array.astype(object)
        packed = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
        key = (str(array.dtype), array.shape, packed)
        if key not in self._constants:
            self._constants[key] = name = self.unique("constant")
            self._add_constant(array, name)
        return self._constants[key]

    def exact(self, value: Any, dtype: Any) -> str:
        """Add a constant of a type of its own, whatever a real number is."""
        array = np.asarray(value).astype(dtype)
        self._add_constant(array, name := self.unique("constant"))
        return name

    def _add_constant(self, array: Any, name: str) -> None:
        self.initializers.append(constant := numpy_helper.from_array(array, name))
        self._types[name] = constant.data_type

    def cast(self, name: str, dtype: Any) -> str:
        """Cast to a NumPy type, whatever a real number is; what is known to have it stays."""
        wanted = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        if self._types.get(name) == wanted:  # onnxruntime keeps such a Cast if it is an output
            return name
        made = self.op("Cast", name, to=wanted)
        self._types[made] = wanted
        return made

    def to_real(self, name: str) -> str:
        """Turn numbers or booleans into reals."""
        return self.cast(name, self.dtype)

    def matrix(self, columns: Sequence[Column]) -> str:
        """Put columns side by side as reals.

        Raises:
            ConversionError: One of them is text.
        """
        if any(column.element == "string" for column in columns):
            raise ConversionError(
                "a column of strings reaches an estimator of numbers: encode it, for example with "
                "OneHotEncoder, or turn it into numbers before fit() and publish()"
            )
        if not columns:
            raise ConversionError("no column is left for it: keep at least one")
        parts = [c.name if c.element == "real" else self.to_real(c.name) for c in columns]
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def gather(self, name: str, places: Sequence[int]) -> str:
        """Choose columns of a tensor."""
        return self.op("Gather", name, np.array(places, dtype=np.int64), axis=1)

    def concat(self, parts: Sequence[str]) -> str:
        """Put tensors side by side."""
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def total(self, name: str) -> str:
        """Sum each row, keeping its dimension."""
        return self.op("ReduceSum", name, np.array([1]), keepdims=1)

    def pick(self, columns: Sequence[Column], places: Sequence[int]) -> list[Column]:
        """Choose columns by their place in the table, neighbors of one tensor together."""
        homes = [(c, i) for c, column in enumerate(columns) for i in range(column.width)]
        groups: list[tuple[int, list[int]]] = []
        for place in places:
            home, inner = homes[place]
            if groups and groups[-1][0] == home:
                groups[-1][1].append(inner)
            else:
                groups.append((home, [inner]))
        picked = []
        for home, chosen in groups:
            column = columns[home]
            whole = chosen == list(range(column.width))
            name = column.name if whole else self.gather(column.name, chosen)
            picked.append(Column(name, column.element, len(chosen)))
        return picked

    def embed(self, model: Any, feeds: Mapping[str, str]) -> list[str]:
        """Take over another model's nodes.

        Args:
            model: An ONNX model.
            feeds: What its inputs are here.

        Returns:
            Names of its outputs, in its order; numbers are reals or int64.
        """
        renamed = {"": "", **feeds}

        def rename(name: str) -> str:
            if name not in renamed:
                renamed[name] = self.unique("part")
            return renamed[name]

        for constant in model.graph.initializer:
            copy = type(constant).FromString(constant.SerializeToString())
            copy.name = rename(constant.name)
            self.initializers.append(copy)
        for node in model.graph.node:
            copy = type(node).FromString(node.SerializeToString())
            rename_node(copy, rename)
            self.nodes.append(copy)
        return [self._unify(rename(output.name), output) for output in model.graph.output]

    @property
    def mixes_opsets(self) -> bool:
        """Whether no opset has all operators."""
        kinds = self._kinds
        return _NEEDS_NEWEST in kinds and not _GONE_IN_NEWEST.isdisjoint(kinds)

    @property
    def _kinds(self) -> set[str]:
        return {node.op_type for node in self.nodes}

    def build(self, outputs: Sequence[Output]) -> Any:
        """Make the model."""
        public: list[Any] = []
        called: dict[str, str] = {}
        for stem, inner, kind, shape in outputs:
            name = stem if stem not in self._taken else self.unique(stem)
            self._call(inner, name, called)
            public.append(helper.make_tensor_value_info(name, kind, shape))
        graph = helper.make_graph(
            self.nodes,
            "model",
            [
                helper.make_tensor_value_info(c.name, self._type_of(c), [None, c.width])
                for c in self.inputs
            ],
            public,
            self.initializers,
        )
        opsets = NEWEST if _NEEDS_NEWEST in self._kinds else OPSETS
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()]
        )
        model.ir_version = _IR_VERSION
        return model

    def _type_of(self, column: Column) -> int:
        return self.real_type if column.element == "real" else ELEMENTS[column.element]

    def _call(self, inner: str, public: str, called: dict[str, str]) -> None:
        """Rename a tensor; copy it if it is an input, or an output already."""
        if inner in called or not any(inner in node.output for node in self.nodes):
            self.nodes.append(helper.make_node("Identity", [called.get(inner, inner)], [public]))
            return
        called[inner] = public
        for node in self.nodes:
            node.input[:] = [public if name == inner else name for name in node.input]
            node.output[:] = [public if name == inner else name for name in node.output]

    def _unify(self, name: str, output: Any) -> str:
        kind = output.type.tensor_type.elem_type
        if kind in (TensorProto.FLOAT, TensorProto.DOUBLE) and kind != self.real_type:
            return self.to_real(name)
        return self.op("Cast", name, to=TensorProto.INT64) if kind == TensorProto.INT32 else name
