"""What a model may be called: the name is part of paths, in the models folder and in URLs."""

from __future__ import annotations

import re

NAME_LENGTH = 64
NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{NAME_LENGTH - 1}}}")
RESERVED = frozenset({"stats"})  # the Open Inference Protocol has GET /v2/models/stats


def is_name(name: str) -> bool:
    """Whether a model may have this name."""
    return NAME.fullmatch(name) is not None and name not in RESERVED


def explain_name(name: str) -> str:
    """Say why a model cannot have a name, and which one would do."""
    if name in RESERVED:
        return f"'{name}' is the name of a route, /v2/models/{name}; '{name}-model' would do"
    better = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).lstrip("._-")[:NAME_LENGTH]
    hint = f"; '{better}' would do" if better else ""
    return f"a model's name has a-z, 0-9, '.', '_' and '-', at most {NAME_LENGTH} of them{hint}"
