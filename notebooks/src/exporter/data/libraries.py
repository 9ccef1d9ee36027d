"""Libraries that are extras of this package, none of which is imported unless it is used."""

from __future__ import annotations

EXTRAS = {
    "catboost": "catboost",
    "category_encoders": "category-encoders",
    "imblearn": "imblearn",
    "lightgbm": "lightgbm",
    "mlflow": "mlflow",
    "skops": "mlflow",
    "xgboost": "xgboost",
}


def explain_absence(error: Exception, what: str) -> str | None:
    """Say which extra to install, if an import failed because an extra is not installed.

    Args:
        error: What was raised.
        what: What needs the library.

    Returns:
        The message; ``None`` for any other error.
    """
    if not isinstance(error, ModuleNotFoundError):
        return None
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return None
    return (
        f"{what} needs {library}, which is not installed here: install the extra "
        f"notebooks[{EXTRAS[library]}], or the package itself"
    )
