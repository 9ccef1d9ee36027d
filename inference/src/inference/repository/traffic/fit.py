"""Which versions may share the requests of a model, and which may shadow it.

A request that one version answers must not fail because another version gets it. So versions of a
split take the same rows and tensors. A shadow only needs its features among those of the version
that answers: rows are mapped by the features' names, and no caller waits for its answers.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from inference.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec

_SHOWN = 5


def check_split(main: Servable, other: Servable) -> None:
    """Check that a version answers all requests that the main version of a split answers.

    Raises:
        ConflictError: It does not; names the first difference.
    """
    reason = _difference(main, other)
    if reason is not None:
        raise ConflictError(
            f"versions {main.version} and {other.version} of model '{main.name}' cannot share "
            f"requests, because {reason}. A shadow may differ, if it takes no further features"
        )


def check_shadow(main: Servable, shadow: Servable) -> None:
    """Check that the rows of a version hold all that its shadow takes.

    Raises:
        ConflictError: They do not; names what is missing.
    """
    reason = None
    if main.features is None or shadow.features is None:
        reason = _tensor_difference(main, shadow)
    else:
        known = {feature.name for feature in main.features}
        missing = [f.name for f in shadow.features if f.name not in known and not f.nullable]
        if missing:
            reason = f"requests to version {main.version} have no {_list(missing)}"
    if reason is not None:
        raise ConflictError(
            f"version {shadow.version} of model '{main.name}' cannot shadow version "
            f"{main.version}, because {reason}"
        )


def _difference(main: Servable, other: Servable) -> str | None:
    if main.features is not None and other.features is not None:
        reason = _feature_difference(main.features, other.features, other.version)
        if reason is not None:
            return reason
        tasks = [s.contract.task if s.contract else None for s in (main, other)]
        if tasks[0] != tasks[1]:
            return f"one is for {tasks[0]} and the other for {tasks[1]}"
    return _tensor_difference(main, other)


def _feature_difference(
    main: Sequence[Feature], other: Sequence[Feature], version: int
) -> str | None:
    names, others = [f.name for f in main], [f.name for f in other]
    if names != others:
        missing = [name for name in names if name not in others]
        added = [name for name in others if name not in names]
        if missing:
            return f"version {version} does not take {_list(missing)}"
        if added:
            return f"version {version} also takes {_list(added)}"
        return "their features are in different orders, so that rows without names would differ"
    return next(filter(None, map(partial(_refusal, version), main, other)), None)


def _refusal(version: int, main: Feature, other: Feature) -> str | None:
    """Say which values of a feature a version refuses that the main one takes."""
    if main.kind != other.kind:
        return f"feature '{main.name}' is a {main.kind} for one and a {other.kind} for the other"
    if main.nullable and not other.nullable:
        return f"version {version} takes no missing values of feature '{main.name}'"
    if other.open_categories or other.categories is None:
        return None
    unknown = [str(c) for c in main.categories or () if c not in other.categories]
    if not main.open_categories and not unknown:
        return None
    named = f": {_list(unknown)}" if unknown else ""
    return f"version {version} refuses some categories of feature '{main.name}'{named}"


def _tensor_difference(main: Servable, other: Servable) -> str | None:
    inputs, others = main.signature.inputs, other.signature.inputs
    if inputs != others:
        return f"one takes {_describe(inputs)} and the other {_describe(others)}"
    known = {(spec.name, spec.datatype) for spec in other.signature.outputs}
    missing = [s.name for s in main.signature.outputs if (s.name, s.datatype) not in known]
    return f"version {other.version} does not return {_list(missing)}" if missing else None


def _describe(specs: Sequence[TensorSpec]) -> str:
    shown = [f"{s.name} {s.datatype or s.onnx_type} {list(s.shape)}" for s in specs[:_SHOWN]]
    more = f" and {len(specs) - _SHOWN} more" if len(specs) > _SHOWN else ""
    return f"({', '.join(shown)}{more})"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more
