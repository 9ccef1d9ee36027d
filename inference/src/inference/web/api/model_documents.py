"""Models as documents: what ``GET /models`` and ``GET /models/{name}`` answer with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from inference.web.documents import encoded
from inference.web.fragments import Pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.repository.operator_state import Selection
    from inference.repository.snapshot import Model, Version
    from inference.runtime.documents import Subject
    from inference.web.documents import Encoded

# The part of the list for one model; omitted parts are in the model's own document.
_LISTED_BYTES = 64 * 1024
_LISTED_VERSIONS = 50

_encode = msgspec.json.Encoder().encode


class ModelsDocument:
    """The list of all models."""

    def __init__(self) -> None:
        self._pieces = Pieces(_list_model)

    def encode(self, subject: Subject) -> Encoded:
        """Encode the list of a snapshot's models; the choice is where they come from, if known."""
        snapshot, source = subject
        selection = snapshot.state.selection
        parts: list[bytes] = []
        for model, piece in self._pieces.of(snapshot):
            parts.append(piece + (b"true}" if _is_selected(model, selection) else b"false}"))
        rest: dict[str, Any] = {
            "selected": _selection(selection),
            "ignored": [{"path": i.path, "reason": i.reason} for i in snapshot.ignored],
        }
        if source is not None:
            rest["source"] = source
        return encoded(b'{"models":[' + b",".join(parts) + b"]," + _encode(rest)[1:])


def encode_model(subject: Subject) -> Encoded:
    """Encode all that is known of one model; the choice is the operator's selection."""
    model, selection = subject
    whole = _describe(model, list(model.versions.values()))
    whole["selected"] = _is_selected(model, selection)
    return encoded(_encode(whole | _detail(model.active)))


def encode_version(number: int, subject: Subject) -> Encoded:
    """Encode all that is known of one version of a model."""
    model = subject.thing
    version = model.version(number)
    servable = version.servable
    whole = {"name": model.name, "version": number} | _describe_version(version)
    whole["active"] = model.active is not None and model.active.version == number
    whole["pinned"] = model.pinned == number
    return encoded(_encode(whole | _describe_answers(servable) | _detail(servable)))


def _list_model(model: Model, _: Any) -> bytes:
    """Encode a model up to the value of its last key, ``selected``, which is no part of it."""
    piece = _encode(_describe(model, list(model.versions.values())))
    if len(piece) > _LISTED_BYTES:
        brief = _describe(model, list(model.versions.values())[-_LISTED_VERSIONS:])
        brief["loaded_versions"] = brief["loaded_versions"][-_LISTED_VERSIONS:]
        piece = _encode(brief | dict.fromkeys(("features", "classes", "targets", "metrics")))
    return piece[:-1] + b',"selected":'


def _describe(model: Model, versions: Sequence[Version]) -> dict[str, Any]:
    return {
        "name": model.name,
        "state": model.state,
        "reason": model.reason or None,
        "active_version": model.active.version if model.active else None,
        "pinned_version": model.pinned,
        "traffic": describe_traffic(model),
        "loaded_versions": model.ready_versions,
        "versions": [{"version": v.number} | _describe_version(v) for v in versions],
        "quarantined": [
            {"version": v.number, "reason": v.reason} for v in versions if v.quarantined
        ],
    } | _describe_answers(model.active)


def describe_traffic(model: Model) -> dict[str, Any] | None:
    """Describe the split and the shadow of a model; ``None`` if it has neither."""
    traffic, split = model.traffic, model.split
    if traffic is None:
        return None
    builtins = msgspec.to_builtins
    return {
        "split": {str(v): share for v, share in sorted(traffic.split.items())} or None,
        "shares": {str(v): round(s, 4) for v, s in split.shares.items()} if split else None,
        "shadow": traffic.shadow
        and {"version": traffic.shadow.version, "percent": traffic.shadow.percent},
        "sticky": traffic.sticky,
        "promote": traffic.promote and builtins(traffic.promote),
    }


def _describe_version(version: Version) -> dict[str, Any]:
    return {
        "state": version.state,
        "reason": version.reason or None,
        "digest": version.servable.digest if version.servable else None,
    }


def _describe_answers(servable: Servable | None) -> dict[str, Any]:
    contract = servable.contract if servable else None
    features = servable.features if servable else None
    metrics = contract.training.metrics if contract else None
    return {
        "task": contract.task if contract else None,
        "features": [feature.name for feature in features] if features else None,
        "classes": contract.classes if contract else None,
        "targets": _name_targets(servable) if servable else None,
        "metrics": msgspec.to_builtins(metrics) if metrics else None,
    }


def _name_targets(servable: Servable) -> list[str] | None:
    contract = servable.contract
    if contract is None or contract.labels is None:
        return contract.targets if contract else None
    return [target.name for target in contract.labels]


def _detail(active: Servable | None) -> dict[str, Any]:
    if active is None:
        return {"contract": None, "signature": None, "plan": None}
    return {
        "contract": active.contract,
        "signature": {
            "inputs": [_tensor(spec) for spec in active.signature.inputs],
            "outputs": [_tensor(spec) for spec in active.signature.outputs],
        },
        "plan": msgspec.to_builtins(active.plan, str_keys=True),
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    datatype = spec.datatype or spec.onnx_type
    return {"name": spec.name, "datatype": datatype, "shape": list(spec.shape)}


def _selection(selection: Selection | None) -> dict[str, Any] | None:
    if selection is None:
        return None
    return {"model": selection.model, "version": selection.version}


def _is_selected(model: Model, selection: Selection | None) -> bool:
    return selection is not None and selection.model == model.name
