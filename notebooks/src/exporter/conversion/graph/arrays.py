"""The fitted attributes of an estimator as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def dense(values: Any) -> np.ndarray[Any, Any]:
    """Return a fitted attribute, which may be a sparse matrix, as a dense array of doubles."""
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)
