"""Names that callers and files choose: what a wrong one costs, and which none may have."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from inference.app import create_app
from inference.errors import NotFoundError, RowsError
from inference.model.contract import Feature
from inference.repository.folder.scan import scan_models
from inference.repository.snapshot import Model, Snapshot, Version
from inference.runtime.suggestions import _Budget, nearest, shorten
from inference.serving.rows.row_errors import RowChecker
from inference.settings import Settings
from inference.settings.model_name import NAME, RESERVED, is_name
from support.repository_harness import scenario

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("length", "shown"), [(79, 79), (80, 80), (81, 83), (10_000_000, 83)])
def test_a_message_shows_so_much_of_a_name(length: int, shown: int) -> None:
    assert len(shorten("n" * length)) == shown
    snapshot = Snapshot(MappingProxyType({"m": Model("m", MappingProxyType({}))}))
    with pytest.raises(NotFoundError) as caught:
        snapshot.model("n" * length)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "wrong", ["ab" * 20, "x" * 80, "x" * 81, "x" * 60_000_000, "ab" * 30_000_000, "\ud800" * 70, ""]
)
def test_a_search_for_a_name_takes_little(wrong: str) -> None:
    known = [("ab" * 32)[number % 7 :] + str(number) for number in range(100_000)]
    nearest(wrong, known)
    begin = time.thread_time()
    nearest(wrong, known)
    assert time.thread_time() - begin < 0.5


def test_searches_for_many_names_share_a_budget() -> None:
    known = [f"model-{number:04}" for number in range(400)]
    begin = time.thread_time()
    hints = [nearest(f"modle-{number:04}", known) for number in range(2000)]
    assert hints[0] == " Did you mean 'model-0000'?"
    assert hints.count("") > 1500
    assert time.thread_time() - begin < 2  # without a budget 6 s


def test_searches_go_on_when_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("inference.runtime.suggestions.time.monotonic", lambda: now)
    budget = _Budget()
    budget.spend(1000.0)
    assert not budget.allows()
    now = 0.6
    assert not budget.allows()
    now = 0.61
    assert budget.allows()


@pytest.mark.parametrize("known", [1, 8, 9, 400, 2000])
def test_the_nearest_of_many_names_is_found(known: int) -> None:
    names = [f"model-{number:04}" for number in range(known)]
    assert nearest(f"modle-{known - 1:04}", names) == f" Did you mean '{names[-1]}'?"


def test_a_wrong_name_is_searched_for_once_in_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def search(wrong: str, _: object) -> str:
        searched.append(wrong)
        return " Did you mean 'right'?"

    monkeypatch.setattr("inference.repository.snapshot.nearest", search)
    snapshot = Snapshot()
    for _ in range(5):
        with pytest.raises(NotFoundError):
            snapshot.model("wrong")
    assert searched == ["wrong"]
    for number in range(1000):
        with pytest.raises(NotFoundError):
            snapshot.model(f"wrong-{number}")
    assert len(snapshot._suggestions) == 256


@pytest.mark.parametrize(("count", "more"), [(19, 0), (20, 0), (21, 1), (5000, 4980)])
def test_a_message_lists_so_many_versions(count: int, more: int) -> None:
    versions = {number: Version(number, "loading") for number in range(1, count + 1)}
    snapshot = Snapshot(MappingProxyType({"m": Model("m", MappingProxyType(versions))}))
    with pytest.raises(NotFoundError) as caught:
        snapshot.servable("m", 10_000)
    assert (f"{more} lower ones and " in str(caught.value)) == bool(more)
    assert len(str(caught.value)) < 300


def read(document: list[Any], features: list[Feature]) -> None:
    reader = RowChecker(features, {"x": None})
    reader.read(document)
    reader.finish()


@pytest.mark.slow  # it measures time
def test_short_bodies_cost_little_however_much_is_wrong_with_them() -> None:
    features = [Feature(f"feature_{number}", "number", "x") for number in range(10_000)]
    documents: list[list[Any]] = [
        [{}] * 5000,
        [{"featur_1": 1}] * 1000,
        [{str(n): 1} for n in range(1000)],
    ]
    for document in documents:
        begin = time.thread_time()
        with pytest.raises(RowsError) as caught:
            read(document, features)
        assert time.thread_time() - begin < 2
        assert len(caught.value.faults) == 100
        assert caught.value.total >= 10_000


# -- names that collide with routes ----------------------------------------------------------------


@scenario
async def test_no_route_hides_a_model(tmp_path: Path) -> None:
    """A word that stands where a model's name may stand is a name that no model has."""
    app = create_app(Settings(models_dir=tmp_path, state_dir=tmp_path / "state"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        paths = set((await client.get("/openapi.json")).json()["paths"])
    paths.add("/models/{name}/predict")
    parted = [path.strip("/").split("/") for path in paths]
    named = [(parts, i) for parts in parted for i, p in enumerate(parts) if "name}" in p]
    assert len(named) > 10
    hidden = {
        other[place]
        for parts, place in named
        for other in parted
        if len(other) > place
        and other[:place] == parts[:place]
        and not other[place].startswith("{")
    }
    assert {name for name in hidden if NAME.fullmatch(name)} == RESERVED


@pytest.mark.parametrize("place", ["stats.onnx", "stats/1/model.onnx"])
def test_a_model_named_like_a_route_is_refused_with_a_reason(tmp_path: Path, place: str) -> None:
    for name in (place, place.replace("stats", "stats-1")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    scan = scan_models(tmp_path)
    assert [candidate.name for candidate in scan.candidates] == ["stats-1"]
    [ignored] = scan.ignored
    assert (
        ignored.reason == "'stats' is the name of a route, /v2/models/stats; 'stats-model' would do"
    )


@pytest.mark.parametrize(
    ("name", "good"), [("n" * 63, 1), ("n" * 64, 1), ("n" * 65, 0), ("stats", 0), ("stats2", 1)]
)
def test_a_name_has_so_many_letters(name: str, good: int) -> None:
    assert is_name(name) == bool(good)
