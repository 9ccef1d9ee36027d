"""Whether everything that a graph computes has a size that follows from its inputs' shapes.

Only of such a graph the measured cost says what a run costs: in any other, one number may ask for a
tensor of any size, or for a loop without end. Operators are allowed one by one: what is not listed
here, a subgraph, and a function that the file brings along may do anything. The one subgraph that
is followed is that of a Scan over constants: skl2onnx writes distances as such.

Four things are known of a value, each less than the one before:

- ``CONSTANT``: it is in the file.
- ``SIZE``: it holds lengths of axes as they are, so it grows with the inputs and with nothing else.
- ``DATA``: its shape follows from the inputs' shapes.
- ``TEXT``: the words of the inputs' texts; how many there are follows from the texts' length.

Source: https://onnx.ai/onnx/operators/, and onnxruntime's docs/ContribOperators.md
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Known(IntEnum):
    """What is known of a value."""

    CONSTANT = 0
    SIZE = 1
    DATA = 2
    TEXT = 3


_ONNX = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift
BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Constant
ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Det Div
Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather
GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax Identity
InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log
LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization
Min Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear
RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence
RoiAlign Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax
Softplus Softsign SpaceToDepth Split Sqrt Squeeze StringNormalizer Sub Sum Tan Tanh
TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
_ML = """
ArrayFeatureExtractor Binarizer CategoryMapper FeatureVectorizer Imputer LabelEncoder
LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler
TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
"""
_ALLOWED = {
    *(("", op) for op in _ONNX.split()),
    *(("ai.onnx", op) for op in _ONNX.split()),
    *(("ai.onnx.ml", op) for op in _ML.split()),
    ("com.microsoft", "CDist"),
    ("com.microsoft", "Tokenizer"),
}
# Inputs that give a size: which of them, and the least that must be known of them. A length as it
# is only ever adds to a size; where it could also take away, it must be in the file, or else runs
# of few and of many rows could be cheap and those between costly.
_SIZES = {
    "ConstantOfShape": {0: Known.SIZE},
    "Expand": {1: Known.SIZE},
    "OneHot": {1: Known.CONSTANT},
    "Pad": {1: Known.CONSTANT, 3: Known.CONSTANT},
    "Range": {0: Known.CONSTANT, 1: Known.SIZE, 2: Known.CONSTANT},
    "Reshape": {1: Known.SIZE},
    "Resize": dict.fromkeys((1, 2, 3), Known.CONSTANT),
    "Slice": dict.fromkeys((1, 2, 3, 4), Known.CONSTANT),
    "Split": {1: Known.CONSTANT},
    "Squeeze": {1: Known.CONSTANT},
    "Tile": {1: Known.SIZE},
    "TopK": {1: Known.CONSTANT},
    "Unsqueeze": {1: Known.CONSTANT},
    "Upsample": {1: Known.CONSTANT},
}
_REDUCTIONS = {op for op in _ONNX.split() if op.startswith("Reduce")}
# What these make of lengths are the same lengths; a gathering whose indices are lengths is none.
_PICKING = {"Concat", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Unsqueeze"}
_MAKING_WORDS = {"StringNormalizer", "Tokenizer"}
_TAKING_WORDS = _MAKING_WORDS | {"Cast", "Flatten", "Identity", "LabelEncoder", "Reshape"}
_COUNTING_WORDS = "TfIdfVectorizer"


def has_fixed_sizes(model: Any) -> bool:
    """Whether every size in a graph follows from its inputs' shapes.

    Args:
        model: What :func:`inference.model.graph.onnx_file.parse` gives.
    """
    if model.functions:  # they replace the operators that they are named after
        return False
    graph = model.graph
    known: dict[bytes, Known] = {b"": Known.CONSTANT}  # an optional input that is left out
    known |= dict.fromkeys((value.name for value in graph.input), Known.DATA)
    known |= dict.fromkeys((tensor.name for tensor in graph.initializer), Known.CONSTANT)
    known |= {sparse.values.name: Known.CONSTANT for sparse in graph.sparse_initializer}
    return _follow_all(graph.node, known)


def _follow_all(nodes: Any, known: dict[bytes, Known]) -> bool:
    """Add the outputs of the nodes to what is known; false where one may have any size."""
    for node in nodes:
        is_scan = node.op_type == b"Scan" and node.domain in (b"", b"ai.onnx")
        made = _follow_scan(node, known) if is_scan else _follow(node, known)
        if made is None:
            return False
        known |= dict.fromkeys(node.output, made)
    return True


def _follow_scan(node: Any, known: dict[bytes, Known]) -> Known | None:
    """Follow a Scan that takes as many steps as constants have rows, and keeps its state.

    A state that a step could change might grow with each.
    """
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if not {b"body", b"num_scan_inputs"} <= attributes.keys():
        return None
    body = attributes[b"body"].g
    states = len(node.input) - attributes[b"num_scan_inputs"].i
    # Before operator set 9, the first input had another meaning, and none in the body.
    if not 0 <= states < len(node.input) == len(body.input) or states > len(body.output):
        return None
    inputs = [known.get(name, Known.TEXT) for name in node.input]
    if Known.TEXT in inputs or max(inputs[states:]) != Known.CONSTANT:
        return None
    inside = known | dict.fromkeys((value.name for value in body.input), Known.DATA)
    inside |= dict.fromkeys((tensor.name for tensor in body.initializer), Known.CONSTANT)
    if body.sparse_initializer or not _follow_all(body.node, inside):
        return None
    copied = {n.output[0]: n.input[0] for n in body.node if n.op_type == b"Identity"}
    for before, after in zip(body.input[:states], body.output, strict=False):
        if copied.get(after.name, after.name) != before.name:
            return None
    return Known.DATA


def _follow(node: Any, known: dict[bytes, Known]) -> Known | None:
    """Return what is known of a node's outputs; ``None`` where they may have any size."""
    op = node.op_type.decode("utf-8", "replace")
    is_allowed = (node.domain.decode("utf-8", "replace"), op) in _ALLOWED
    if not is_allowed or any(name not in known for name in node.input):
        return None
    inputs = [known[name] for name in node.input]
    sizes = {1: Known.CONSTANT} if op in _REDUCTIONS else _SIZES.get(op, {})
    if any(inputs[index] > least for index, least in sizes.items() if index < len(inputs)):
        return None
    least = max(inputs, default=Known.CONSTANT)
    if least == Known.TEXT:
        return _follow_words(op, inputs)
    if least == Known.CONSTANT or op in _MAKING_WORDS:
        return Known.TEXT if least else least
    is_picked = least == Known.SIZE and op in _PICKING and not (op == "Gather" and inputs[1])
    return Known.SIZE if is_picked or op in ("Shape", "Size") else Known.DATA


def _follow_words(op: str, inputs: list[Known]) -> Known | None:
    # Two texts' words against each other would be as many as their product.
    if any(other != Known.CONSTANT for other in inputs[1:]):
        return None
    if op == _COUNTING_WORDS:
        return Known.DATA
    return Known.TEXT if op in _TAKING_WORDS else None
