# ruff: noqa: INP001 - a script, not a module
"""Train the five penguin classifiers and publish them.

`make serve` runs this when models/ is empty. The models are those of penguins.ipynb, without the
looking and comparing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from palmerpenguins import load_penguins
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from exporter import publish

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

UNITS = {
    "bill_length_mm": "mm",
    "bill_depth_mm": "mm",
    "flipper_length_mm": "mm",
    "body_mass_g": "g",
}
SEED = 20


def make_classifiers() -> dict[str, tuple[str, ClassifierMixin]]:
    """Return each model's description and unfitted estimator, by the name it is published under."""
    return {
        "penguins-logistic-regression": (
            "Linear borders between the species",
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        ),
        "penguins-random-forest": (
            "Two hundred trees on random halves of the data",
            RandomForestClassifier(n_estimators=200, random_state=SEED),
        ),
        "penguins-nearest-neighbours": (
            "The five most similar penguins vote",
            make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5)),
        ),
        "penguins-support-vector-machine": (
            "Widest margins with a radial kernel, calibrated to probabilities",
            make_pipeline(
                StandardScaler(),
                CalibratedClassifierCV(SVC(C=10, random_state=SEED), ensemble=False),
            ),
        ),
        "penguins-gradient-boosting": (
            "Small trees, each correcting the errors of those before",
            GradientBoostingClassifier(random_state=SEED),
        ),
    }


def main() -> None:
    """Train on three quarters of the penguins, publish with what the last quarter says."""
    penguins = load_penguins().dropna(subset=list(UNITS))
    train, test = train_test_split(
        penguins, test_size=0.25, stratify=penguins["species"], random_state=SEED
    )
    columns = list(UNITS)
    for name, (description, classifier) in make_classifiers().items():
        classifier.fit(train[columns], train["species"])
        publication = publish(
            classifier,
            name,
            train[columns],
            train["species"],
            description=description,
            units=UNITS,
            evaluate=(test[columns], test["species"]),
        )
        print(publication)  # noqa: T201 - a script speaks to whom started it


if __name__ == "__main__":
    main()
