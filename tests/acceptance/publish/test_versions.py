"""Publishing the same model creates no version; old versions that are not needed are removed."""

from __future__ import annotations

import itertools
import runpy
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from exporter import publish
from exporter.delivery.signing import make_key
from exporter.errors import NotPrunedWarning, OptionError
from inference.model.servable import Servable
from support.amount import amount
from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.publication import Publication

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("outside_git")]

ROWS = np.random.default_rng(1).normal(size=(60, 3))
LABELS = (ROWS.sum(axis=1) > 0).astype(int)


def put(folder: Path, depth: int = 3, **more: Any) -> Publication:
    """Publish a tree; each depth is another model."""
    model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(ROWS, LABELS)
    return publish(model, "m", ROWS, LABELS, models_dir=folder, progress=False, **more)


def versions(folder: Path) -> list[int]:
    assert not list(folder.glob(".publish-*"))
    return sorted(int(path.name) for path in (folder / "m").iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish five versions once, the tree of version N as deep as N."""
    folder = tmp_path_factory.mktemp("made")
    for depth in range(1, 6):
        put(folder, depth)
    return folder / "m"


@pytest.fixture
def folder(tmp_path: Path, made: Path) -> Path:
    """Give a models folder with the tree of depth 3 as version 1."""
    shutil.copytree(made / "3", tmp_path / "models" / "m" / "1")
    return tmp_path / "models"


# -- the same again --------------------------------------------------------------------------------


def test_the_same_again_makes_no_version(folder: Path) -> None:
    again = put(folder)
    assert (again.unchanged, again.version, versions(folder)) == (True, 1, [1])
    assert again.path == folder / "m" / "1" / "model.onnx"
    contract = Servable.load("m", 1, again.path.read_bytes()).contract
    assert again.contract == contract, "the time is that of the first publication"
    assert "nothing has changed" in str(again)
    assert "nothing has changed" in again._repr_html_()


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 2},
        {"description": "better"},
        {"units": {"x0": "mm"}},
        {"evaluate": (ROWS[:20], LABELS[:20])},
        {"tolerance": 1e-3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_makes_a_version(folder: Path, change: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not put(folder, **change).unchanged
    assert versions(folder) == [1, 2]


def test_only_the_newest_version_counts(folder: Path, made: Path) -> None:
    """Going back to an older model is news."""
    shutil.copytree(made / "2", folder / "m" / "2")
    assert (put(folder).version, versions(folder)) == (3, [1, 2, 3])


def test_a_signature_is_part_of_the_file(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_key(tmp_path / name)
    keys = [None, tmp_path / "a", tmp_path / "a", tmp_path / "b", None]
    unchanged = [put(folder, sign_with=key).unchanged for key in keys]
    assert unchanged == [True, False, True, False, False]


@pytest.mark.parametrize("damage", [b"", b"no model", None], ids=["empty", "other", "missing"])
def test_a_damaged_newest_version_is_not_the_same(folder: Path, damage: bytes | None) -> None:
    path = folder / "m" / "1" / "model.onnx"
    path.unlink() if damage is None else path.write_bytes(damage)
    assert put(folder).version == 2


def test_the_penguins_are_not_published_twice(tmp_path: Path) -> None:
    """Forests, neighbors, calibrated machines and boosting come out the same each time."""
    script = runpy.run_path(str(ROOT / "notebooks" / "penguins.py"))
    penguins = script["load_penguins"]().dropna().sample(150, random_state=0)
    rows = penguins[list(script["UNITS"])]
    classifiers = script["make_classifiers"]().items()
    for name, (_, model) in itertools.islice(classifiers, amount("REPUBLISHED", 1)):
        for is_again in (False, True):
            model.fit(rows, penguins["species"])
            done = publish(model, name, rows, models_dir=tmp_path, progress=False)
            assert (name, done.unchanged) == (name, is_again)


# -- old versions ----------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path: Path, made: Path) -> Iterator[Service]:
    """Serve a folder of five versions, of which the service keeps two loaded."""
    with Service(tmp_path / "service", keep_versions=2) as service:
        shutil.copytree(made, service.models / "m")
        service.start()
        service.wait_for("m", active_version=5, loaded_versions=[4, 5])
        yield service


def test_versions_that_nobody_needs_are_removed(service: Service) -> None:
    url = str(service.client.base_url)
    done = put(service.models, 6, url=url, keep=1)
    assert list(done.removed)[-3:] == [3, 2, 1]
    kept = [4, 5, 6] if len(done.removed) == 3 else [5, 6]  # 4 is loaded until 6 is
    assert versions(service.models) == kept
    assert "versions 1, 2, 3" in str(done)
    service.wait_for("m", active_version=6, loaded_versions=[5, 6])
    again = put(service.models, 6, url=url, keep=1)
    assert (again.unchanged, list(again.removed)) == (True, kept[:-2])
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


def test_without_a_service_nothing_is_removed(folder: Path) -> None:
    with pytest.warns(NotPrunedWarning, match="no older version of m was removed: no") as seen:
        done = put(folder, 4, url="http://127.0.0.1:1", keep=1)
    assert seen[0].filename == __file__
    assert (done.removed, versions(folder)) == ([], [1, 2])


def test_a_service_of_another_folder_is_not_believed(
    service: Service, made: Path, tmp_path: Path
) -> None:
    """It has a model of the same name, and versions of the same numbers."""
    for version in range(1, 6):
        shutil.copytree(made / str(6 - version), tmp_path / "m" / str(version))
    (tmp_path / "m" / "3" / "model.onnx").write_bytes(b"no model")
    with pytest.warns(NotPrunedWarning, match="serves no version of m from"):
        put(tmp_path, 6, url=str(service.client.base_url), keep=1)
    assert len(list((tmp_path / "m").iterdir())) == 6


def test_a_model_that_is_unloaded_loses_nothing(service: Service) -> None:
    service.client.post("/v2/repository/models/m/unload").raise_for_status()
    with pytest.warns(NotPrunedWarning, match="serves no version of m from"):
        put(service.models, 6, url=str(service.client.base_url), keep=1)
    assert len(versions(service.models)) == 6


def test_the_environment_names_how_many(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_KEEP", "3")
    assert put(service.models, 6, url=str(service.client.base_url)).removed == [3, 2, 1]
    monkeypatch.setenv("EXPORTER_KEEP", "few")
    with pytest.raises(OptionError, match="EXPORTER_KEEP must be a whole number of at least 1"):
        put(service.models, 7)


@pytest.mark.parametrize("keep", [0, -1, True, 1.5, "two"])
def test_a_wrong_number_is_refused_before_anything_is_done(tmp_path: Path, keep: Any) -> None:
    with pytest.raises(OptionError, match="keep must be a whole number"):
        put(tmp_path, keep=keep)
    assert list(tmp_path.iterdir()) == []


def test_other_models_are_left_alone(service: Service) -> None:
    publish(LogisticRegression().fit(ROWS, LABELS), "n", ROWS, models_dir=service.models)
    service.wait_for("n", state="ready")
    put(service.models, 6, url=str(service.client.base_url), keep=1)
    assert (service.models / "n" / "1" / "model.onnx").exists()
