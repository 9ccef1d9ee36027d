"""Publishing the same again makes no version, and old versions go where nobody needs them."""

from __future__ import annotations

import runpy
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from exporter import publish
from exporter.errors import NotPrunedWarning, OptionError
from exporter.signing import make_key
from service_process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.publication import Publication

ROOT = Path(__file__).resolve().parents[2]
ROWS = np.random.default_rng(1).normal(size=(60, 3))
LABELS = (ROWS.sum(axis=1) > 0).astype(int)


def put(folder: Path, depth: int = 3, **more: Any) -> Publication:
    """Publish a tree; each depth is another model."""
    model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(ROWS, LABELS)
    return publish(model, "m", ROWS, LABELS, models_dir=folder, progress=False, **more)


def versions(folder: Path) -> list[int]:
    assert not list(folder.glob(".publish-*"))
    return sorted(int(path.name) for path in (folder / "m").iterdir())


# -- the same again --------------------------------------------------------------------------------


def test_the_same_again_makes_no_version(tmp_path: Path) -> None:
    first, again = put(tmp_path), put(tmp_path)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (again.version, again.path, versions(tmp_path)) == (1, first.path, [1])
    assert again.contract == first.contract, "the time is that of the first publication"
    assert "nothing has changed" in str(again)
    assert "nothing has changed" in again._repr_html_()


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 2},
        {"description": "better"},
        {"units": {"x0": "mm"}},
        {"feature_names": ["a", "b", "c"]},
        {"evaluate": (ROWS[:20], LABELS[:20])},
        {"tolerance": 1e-3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_makes_a_version(tmp_path: Path, change: dict[str, Any]) -> None:
    put(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not put(tmp_path, **change).unchanged
        assert put(tmp_path, **change).unchanged
    assert versions(tmp_path) == [1, 2]


def test_only_the_newest_version_counts(tmp_path: Path) -> None:
    """Going back to an older model is news."""
    for depth in (3, 2, 3):
        assert not put(tmp_path, depth=depth).unchanged
    assert versions(tmp_path) == [1, 2, 3]


def test_a_signature_is_part_of_the_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_key(tmp_path / name)
    folder = tmp_path / "models"
    keys = [None, None, tmp_path / "a", tmp_path / "a", tmp_path / "b", None]
    unchanged = [put(folder, sign_with=key).unchanged for key in keys]
    assert unchanged == [False, True, False, True, False, False]


@pytest.mark.parametrize("damage", [b"", b"no model", None], ids=["empty", "other", "missing"])
def test_a_damaged_newest_version_is_not_the_same(tmp_path: Path, damage: bytes | None) -> None:
    path = put(tmp_path).path
    path.unlink() if damage is None else path.write_bytes(damage)
    assert put(tmp_path).version == 2


def test_the_penguins_are_not_published_twice(tmp_path: Path) -> None:
    """Forests, neighbours, calibrated machines and boosting come out the same each time."""
    script = runpy.run_path(str(ROOT / "notebooks" / "penguins.py"))
    penguins = script["load_penguins"]().dropna().sample(150, random_state=0)
    rows = penguins[list(script["UNITS"])]
    for name, (_, model) in script["make_classifiers"]().items():
        for is_again in (False, True):
            model.fit(rows, penguins["species"])
            done = publish(model, name, rows, models_dir=tmp_path, progress=False)
            assert (name, done.unchanged) == (name, is_again)


# -- old versions ----------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Serve a folder of five versions, of which the service keeps two loaded."""
    with Service(tmp_path, keep_versions=2) as service:
        for depth in range(1, 6):
            put(service.models, depth)
        service.start()
        service.wait_for("m", active_version=5, loaded_versions=[4, 5])
        yield service


def test_versions_that_nobody_needs_are_removed(service: Service) -> None:
    url = str(service.client.base_url)
    done = put(service.models, 6, url=url, keep=1)
    assert (list(done.removed), versions(service.models)) == ([3, 2, 1], [4, 5, 6])
    assert "versions 1, 2, 3" in str(done)
    service.wait_for("m", active_version=6, loaded_versions=[5, 6])
    again = put(service.models, 6, url=url, keep=1)
    assert (again.unchanged, list(again.removed)) == (True, [4])
    assert put(service.models, 7, url=url).removed == []


def test_what_is_pinned_or_selected_stays(service: Service) -> None:
    url = str(service.client.base_url)
    service.client.put("/models/m/active", json={"version": 1}).raise_for_status()
    service.client.post("/select-model/?model=m&version=2").raise_for_status()
    service.wait_for("m", loaded_versions=[1, 2, 4, 5])
    done = put(service.models, 6, url=url, keep=2)
    assert (list(done.removed), versions(service.models)) == ([3], [1, 2, 4, 5, 6])
    assert service.model("m")["active_version"] == 1


def test_as_many_as_there_are_removes_nothing(service: Service) -> None:
    url = str(service.client.base_url)
    assert put(service.models, 6, url=url, keep=6).removed == []
    assert put(service.models, 6, url=url, keep=5).removed == [1]


def test_without_a_service_nothing_is_removed(tmp_path: Path) -> None:
    for depth in (1, 2, 3):
        put(tmp_path, depth)
    with pytest.warns(NotPrunedWarning, match="no older version of m was removed: no service ans"):
        done = put(tmp_path, 4, url="http://127.0.0.1:1", keep=1)
    assert (done.removed, versions(tmp_path)) == ([], [1, 2, 3, 4])


def test_a_service_of_another_folder_is_not_believed(service: Service, tmp_path: Path) -> None:
    """It has a model of the same name, and versions of the same numbers."""
    other = tmp_path / "other"
    for depth in (5, 4, 3, 2, 1):
        put(other, depth, description="another")
    with pytest.warns(NotPrunedWarning, match="serves no version of m from"):
        put(other, 6, url=str(service.client.base_url), keep=1)
    assert versions(other) == [1, 2, 3, 4, 5, 6]


def test_a_model_that_is_unloaded_loses_nothing(service: Service) -> None:
    service.client.post("/v2/repository/models/m/unload").raise_for_status()
    with pytest.warns(NotPrunedWarning, match="serves no version of m from"):
        put(service.models, 6, url=str(service.client.base_url), keep=1)
    assert len(versions(service.models)) == 6


def test_the_environment_names_how_many(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_KEEP", "3")
    assert put(service.models, 6, url=str(service.client.base_url)).removed == [3, 2, 1]
    monkeypatch.setenv("EXPORTER_KEEP", "few")
    with pytest.raises(OptionError, match="EXPORTER_KEEP has to be a whole number of at least 1"):
        put(service.models, 7)


@pytest.mark.parametrize("keep", [0, -1, True, 1.5, "two"])
def test_a_wrong_number_is_refused_before_anything_is_done(tmp_path: Path, keep: Any) -> None:
    with pytest.raises(OptionError, match="keep has to be a whole number"):
        put(tmp_path, keep=keep)
    assert list(tmp_path.iterdir()) == []


def test_other_models_are_left_alone(service: Service) -> None:
    publish(LogisticRegression().fit(ROWS, LABELS), "n", ROWS, models_dir=service.models)
    service.wait_for("n", state="ready")
    put(service.models, 6, url=str(service.client.base_url), keep=1)
    assert (service.models / "n" / "1" / "model.onnx").exists()
