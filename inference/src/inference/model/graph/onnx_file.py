"""Look into an ONNX file without loading it: its metadata, its graph, whether it needs other files.

onnxruntime opens external data while it loads, so a crafted file could make it read anything the
process can read. A file must therefore be searched before. Only the fields on the way to a tensor
and the names in a graph are declared, with onnx.proto's numbers; protobuf skips all others, so this
needs no ``onnx`` package.

Source: onnx/onnx.proto (IR version 13), https://onnx.ai/onnx/repo-docs/ExternalData.html
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from inference.errors import ArtifactError

_TYPES = {
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
}
MAX_METADATA = 10_000
MAX_METADATA_BYTES = 16 * 1024 * 1024
_DEFAULT = 0  # TensorProto.DataLocation.DEFAULT: the data is in the file

# message: {field: (number, type or message's name, repeated)}
Fields = dict[str, dict[str, tuple[int, str, bool]]]
_FIELDS: Fields = {
    "Entry": {"key": (1, "bytes", False), "value": (2, "bytes", False)},
    "Tensor": {
        "name": (8, "bytes", False),
        "external_data": (13, "Entry", True),
        "data_location": (14, "int32", False),
    },
    "SparseTensor": {"values": (1, "Tensor", False), "indices": (2, "Tensor", False)},
    "Attribute": {
        "name": (1, "bytes", False),
        "t": (5, "Tensor", False),
        "g": (6, "Graph", False),
        "tensors": (10, "Tensor", True),
        "graphs": (11, "Graph", True),
        "sparse_tensor": (22, "SparseTensor", False),
        "sparse_tensors": (23, "SparseTensor", True),
    },
    "Node": {
        "input": (1, "bytes", True),
        "output": (2, "bytes", True),
        "op_type": (4, "bytes", False),
        "attribute": (5, "Attribute", True),
        "domain": (7, "bytes", False),
    },
    "Value": {"name": (1, "bytes", False)},
    "Graph": {
        "node": (1, "Node", True),
        "initializer": (5, "Tensor", True),
        "input": (11, "Value", True),
        "sparse_initializer": (15, "SparseTensor", True),
    },
    "TrainingInfo": {"initialization": (1, "Graph", False), "algorithm": (2, "Graph", False)},
    "Function": {"node": (7, "Node", True), "attribute_proto": (11, "Attribute", True)},
    "Model": {
        "ir_version": (1, "int64", False),
        "graph": (7, "Graph", False),
        "metadata_props": (14, "Entry", True),
        "training_info": (20, "TrainingInfo", True),
        "functions": (25, "Function", True),
    },
}


def declare(package: str, fields: Fields) -> dict[str, type[message.Message]]:
    """Make classes of messages that know some fields.

    Args:
        package: A name of their own.
        fields: By message and field: its number, its type or its message, whether it is a list.
    """
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    for name, described in fields.items():
        declared = file.message_type.add(name=name)
        for field, (number, of, repeated) in described.items():
            is_message = of in fields
            declared.field.add(
                name=field,
                number=number,
                label=kind.LABEL_REPEATED if repeated else kind.LABEL_OPTIONAL,
                type=kind.TYPE_MESSAGE if is_message else _TYPES[of],
                type_name=f".{package}.{of}" if is_message else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in fields
    }


_CLASSES = declare("rookery_onnx", _FIELDS)


def parse(data: bytes) -> Any:
    """Parse an ONNX file, and refuse it if it refers to external data.

    Args:
        data: The whole file.

    Returns:
        The model, with the fields that are declared here.

    Raises:
        ArtifactError: It is empty, no ONNX file, or has external data.
    """
    if not data:
        raise ArtifactError("the file is empty")
    model: Any = _CLASSES["Model"]()
    try:
        model.ParseFromString(data)
    except message.DecodeError:
        raise ArtifactError("the file is not an ONNX model, or it is truncated") from None
    if not model.HasField("graph") or not model.ir_version:
        raise ArtifactError("the file is not an ONNX model: it has no graph")
    _bound_metadata(model)
    _refuse_external_data(model)
    return model


def read_metadata(data: bytes) -> dict[str, str]:
    """Read an ONNX file's metadata; Args and Raises are those of :func:`parse`.

    Returns:
        The metadata properties; of a key that stands twice, the last.
    """
    return {
        entry.key.decode("utf-8", "replace"): entry.value.decode("utf-8", "replace")
        for entry in parse(data).metadata_props
    }


def _bound_metadata(model: Any) -> None:
    # The serving process makes a dictionary of them, and answers no request meanwhile.
    entries = model.metadata_props
    if len(entries) > MAX_METADATA:
        raise ArtifactError(
            f"it has {len(entries):,} entries of metadata, the limit is {MAX_METADATA:,}"
        )
    size = sum(len(entry.key) + len(entry.value) for entry in entries)
    if size > MAX_METADATA_BYTES:
        raise ArtifactError(
            f"its metadata have {size:,} bytes, the limit is {MAX_METADATA_BYTES:,}"
        )


def _refuse_external_data(root: Any) -> None:
    # A stack of our own, since graphs nest in attributes as deep as the file's author likes.
    stack = [root]
    while stack:
        current = stack.pop()
        if isinstance(current, _CLASSES["Tensor"]):
            tensor: Any = current
            if tensor.data_location != _DEFAULT or len(tensor.external_data):
                name = tensor.name.decode("utf-8", "replace")
                raise ArtifactError(
                    f"tensor '{name}' keeps its data in another file; external data is refused: "
                    "save the model as one file"
                )
            continue
        for field, value in current.ListFields():
            if field.message_type is not None:
                stack.extend(value if field.is_repeated else (value,))
