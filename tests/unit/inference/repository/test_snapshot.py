from __future__ import annotations

from types import MappingProxyType

import pytest

from inference.errors import ConflictError, NotFoundError, NotReadyError, RookeryError
from inference.model.servable import Servable
from inference.repository.snapshot import Model, Snapshot, Version
from support.models.artifacts import penguins

LIVE = Servable.load("pen", 2, penguins())


def snapshot(*models: Model) -> Snapshot:
    return Snapshot(MappingProxyType({model.name: model for model in models}))


def of(*versions: Version, **more: object) -> Model:
    numbers = MappingProxyType({version.number: version for version in versions})
    return Model("pen", numbers, **more)  # type: ignore[arg-type]


READY = Version(2, "ready", servable=LIVE)
REFUSED = Version(3, "quarantined", "it is truncated", quarantined=True)


def test_finds_the_active_version_and_each_loaded_one() -> None:
    found = snapshot(of(READY, REFUSED, active=LIVE))
    assert found.servable("pen") is LIVE
    assert found.servable("pen", 2) is LIVE
    assert found.ready_names == ["pen"]
    assert (found.model("pen").state, found.model("pen").reason) == ("ready", "")
    assert found.model("pen").ready_versions == [2]


@pytest.mark.parametrize(
    ("model", "version", "kind", "said"),
    [
        (of(READY, active=LIVE), 9, NotFoundError, "has no version 9; it has 2, loaded are 2."),
        (of(READY, REFUSED, active=LIVE), 3, ConflictError, "is quarantined: it is truncated"),
        (of(REFUSED), None, ConflictError, "is quarantined: version 3: it is truncated"),
        (of(Version(1, "loading")), None, NotReadyError, "is being examined and loaded"),
        (of(Version(1, "loading")), 1, NotReadyError, "is being examined and loaded"),
        (of(Version(1, "loading"), REFUSED), None, NotReadyError, "is being examined"),
        (
            of(Version(1, "unloaded"), unloaded=True),
            None,
            ConflictError,
            "is unloaded: it was unloaded",
        ),
        (
            of(Version(1, "unloaded"), unloaded=True),
            1,
            ConflictError,
            "is unloaded: it was unloaded",
        ),
        (of(READY, pinned=1), None, ConflictError, "version 1 is pinned, but: it is not in the"),
        (of(READY, REFUSED, pinned=3), None, ConflictError, "3 is pinned, but: it is truncated;"),
    ],
)
def test_what_does_not_answer_says_why(
    model: Model, version: int | None, kind: type[RookeryError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        snapshot(model).servable("pen", version)
    assert said in str(caught.value)


def test_an_unknown_name_gets_the_nearest_and_the_live_ones() -> None:
    with pytest.raises(NotFoundError, match=r"'pem'\. Did you mean 'pen'\? Ready models: pen\."):
        snapshot(of(READY, active=LIVE)).servable("pem")
    with pytest.raises(NotFoundError, match=r"no model 'pen'\. No model is ready yet\."):
        snapshot().servable("pen")


def test_of_many_live_models_a_few_are_listed() -> None:
    models = [Model(f"m{i:03}", MappingProxyType({}), active=LIVE) for i in range(50)]
    with pytest.raises(NotFoundError, match=r"m019 and 30 more\.$"):
        snapshot(*models).model("other")
