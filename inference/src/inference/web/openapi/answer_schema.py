"""The schemas of one model's responses in the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.serving.predictions import is_classifier
from inference.web.openapi.identifiers import enumerate_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Contract
    from inference.model.servable import Servable

Schema = dict[str, Any]

NUMBER: Schema = {"type": ["number", "null"]}  # null stands for a number that JSON cannot represent
_LISTED = 500  # more are unreadable on a page
_SHOWN = 20


def describe_answers(servable: Servable, name: str, schemas: Schema) -> None:
    """Add the schemas of the responses to one row, to one record, and to a list."""
    members = _members(servable, name, schemas)
    required = list(members)
    schemas[f"{name}Prediction"] = make_object(members, required) | {
        "description": f"The prediction of {servable.name} for one row."
    }
    named = describe_head(servable.name, servable.version)
    schemas[f"{name}Answer"] = make_object(named | members, ["model", "version", *required]) | {
        "description": f"The response of {servable.name} to one record."
    }
    many = {"predictions": {"type": "array", "items": reference(f"{name}Prediction")}}
    schemas[f"{name}Answers"] = make_object(named | many, ["model", "version", "predictions"]) | {
        "description": f"The response of {servable.name} to a list, in the same order."
    }


def describe_head(model: str, version: int) -> Schema:
    """Describe the first members of every response."""
    return {
        "model": {"type": "string", "examples": [model]},
        "version": {"type": "integer", "examples": [version]},
        "warnings": {"type": "array", "items": reference("RowWarning")},
    }


def reference(name: str) -> Schema:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def make_object(properties: Schema, required: list[str]) -> Schema:
    """Describe an object."""
    described: Schema = {"type": "object", "properties": properties}
    return described | {"required": required} if required else described


def _members(servable: Servable, name: str, schemas: Schema) -> Schema:
    """Describe the members of one prediction, all of which are required."""
    contract = servable.contract
    if contract is None:
        if not is_classifier(servable):
            return {"outputs": _outputs(servable)}
        label, shares = servable.signature.outputs
        kind = "string" if label.dtype is not None and label.dtype.kind == "O" else "integer"
        width = max(0, *shares.shape[1:], 0)
        keys = servable.class_keys or [str(index) for index in range(width)]
        table = _table(name, servable.table_name.title(), schemas, keys)
        return {"label": {"type": kind}, servable.table_name: table}
    if contract.task == "regression":
        if contract.targets is None:
            return {"value": NUMBER}
        table = _table(name, "Values", schemas, contract.targets)
        return {"values": table}
    schemas[f"{name}Label"] = _label(contract)
    has_table = contract.outputs.probabilities is not None
    if not has_table:
        return {"label": reference(f"{name}Label"), "probabilities": {"type": "null"}}
    table = _table(name, servable.table_name.title(), schemas, servable.class_keys or [])
    return {"label": reference(f"{name}Label"), servable.table_name: table}


def _outputs(servable: Servable) -> Schema:
    names = [spec.name for spec in servable.signature.outputs]
    return {
        "type": "object",
        "description": f"By name: {', '.join(names[:_LISTED])}.",
        "examples": [dict.fromkeys(names[:_SHOWN], 0)],
    }


def _table(name: str, what: str, schemas: Schema, keys: Sequence[str]) -> Schema:
    """Describe numbers by name: a map, because the names are data."""
    listed = f": {', '.join(keys)}." if len(keys) <= _LISTED else f", {len(keys):,} in total."
    schemas[f"{name}{what}"] = {
        "type": "object",
        "description": ("For each target" if what == "Values" else "For each class") + listed,
        "additionalProperties": NUMBER,
        "examples": [{key: round(1 / len(keys), 3) for key in keys[:_SHOWN]}],
    }
    return reference(f"{name}{what}")


def _label(contract: Contract) -> Schema:
    classes = contract.classes or []
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    types = sorted({kinds[type(label)] for label in classes})
    described: Schema = {"type": types[0] if len(types) == 1 else types}
    if len(classes) > _LISTED:
        return described | {"description": f"One of {len(classes):,} classes."}
    if types in (["integer"], ["string"]):  # code generators support no other constants
        return described | enumerate_values(classes)
    return described | {"description": f"One of: {', '.join(map(str, classes))}."}
