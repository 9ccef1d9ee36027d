"""Spoilt ONNX files in the live folder: each is served or quarantined, and nothing else changes.

``FUZZ_FILES`` says how many; ``make endure`` takes 500. Most are sealed with a key that the service
trusts, since all others are refused before they are looked into.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.delivery.signing import Signer, make_key
from support.amount import amount
from support.models.artifacts import penguins
from support.models.damaged_files import make_mutant
from support.service.caller import Caller
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = amount("FUZZ_FILES", 40)
WORKERS = 2
EXAMINATION_SECONDS = 15
# So many are on their way at a time; each may need a place for the whole time of an examination.
UNDER_WAY = 12

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 6 * FILES)]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return make_key(tmp_path / "me.key")


@pytest.fixture
def service(tmp_path: Path, signer: Signer) -> Iterator[Service]:
    """Serve the model ``good`` from two workers that trust one key."""
    trusted = tmp_path / "trusted"
    trusted.write_text(signer.trusted_line("me"))
    with Service(
        tmp_path / "service",
        workers=WORKERS,
        trusted_keys_file=trusted,
        admission_timeout_seconds=EXAMINATION_SECONDS,
        admission_memory_bytes=2 * 1024**3,
    ) as made:
        made.put("good/1/model.onnx", signer.sign(penguins(), "good"))
        yield made.start(within=60)


def processes(service: Service) -> list[int]:
    """List the service's own processes: the supervisor and its workers."""
    assert service.process is not None
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *map(int, children.split())]


def spell(signer: Signer, number: int) -> tuple[str, bytes]:
    """Make a mutant, sealed; one in ten is not, and one in ten was altered behind its seal."""
    kind, content = make_mutant(number)
    name = f"mutant-{number}"
    match (number + number // 15) % 10:  # so that each kind comes in each way
        case 3:
            return f"{kind}, not sealed", content
        case 6:
            return f"{kind}, altered", signer.sign(content, name)[:-40] + b"x" * 40
        case _:
            return kind, signer.sign(content, name)


def undecided(service: Service, names: set[str]) -> set[str]:
    """Tell which of these are neither served nor quarantined yet, or not even seen."""
    shown = {m["name"]: m for m in service.client.get("/models").json()["models"]}
    assert shown["good"]["state"] == "ready"
    decided = {n for n in names & shown.keys() if shown[n]["state"] in ("ready", "quarantined")}
    return names - decided


def wait_until_fewer_than(count: int, service: Service, names: set[str]) -> None:
    """Wait until only so many are undecided; that takes as long as they may hang."""
    eventually(lambda: len(undecided(service, names)) < count, within=300, every=0.3)


def test_every_spoilt_file_is_served_or_quarantined_and_disturbs_nobody(
    service: Service, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    before = processes(service)
    assert len(before) == 1 + WORKERS
    kinds: dict[str, str] = {}
    with Caller(service, "/models/good/predict") as caller:
        for number in range(FILES):
            name = f"mutant-{number}"
            kinds[name], content = spell(signer, number)
            service.put(f"{name}/1/model.onnx" if number % 2 else f"{name}.onnx", content)
            wait_until_fewer_than(UNDER_WAY, service, set(kinds))
        wait_until_fewer_than(1, service, set(kinds))
        states = {name: _account_for(service, name, kinds[name]) for name in kinds}
        service.put("late/1/model.onnx", signer.sign(penguins(seed=2), "late"))
        service.wait_for("late", state="ready", within=60)
    assert caller.failures == []
    assert caller.answers.keys() == {1}
    assert processes(service) == before
    assert "Traceback" not in service.log
    for path in ("/openapi.json", "/docs", "/metrics", "/v2/models/stats", "/readyz"):
        assert service.client.get(path).status_code == 200
    tally = Counter((kinds[name], state) for name, state in states.items())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{FILES} files, {caller.answers[1]} predictions beside them, none failed\n"
        )
        for (kind, state), count in sorted(tally.items()):
            sys.stdout.write(f"{count:5} {kind}: {state}\n")
    assert {state for _, state in tally} == {"ready", "quarantined"}, "one of them was not tested"


def _account_for(service: Service, name: str, kind: str) -> str:
    shown = service.model(name)
    assert shown["name"] == name
    state: str = shown["state"]
    if state == "quarantined":
        (refused,) = shown["quarantined"]
        assert refused["reason"].strip(), kind
        assert len(refused["reason"]) < 2000, kind
        if "sealed" in kind or "altered" in kind:
            assert "sign" in refused["reason"], kind
        return state
    assert "sealed" not in kind, kind
    assert "altered" not in kind, kind
    _ask(service, name, shown)
    return state


def _ask(service: Service, name: str, shown: dict[str, Any]) -> None:
    """Ask what is served as its contract says; its graph may fail, the service may not."""
    assert service.client.get(f"/v2/models/{name}").status_code == 200
    assert service.client.get(f"/v2/models/{name}/config").status_code == 200
    contract = shown["contract"]
    example = {f["name"]: f.get("example") for f in contract["features"]} if contract else {}
    answer = service.client.post(f"/models/{name}/predict", content=json.dumps(example))
    assert answer.status_code in (200, 400, 409, 413, 422, 500), answer.text
    assert "the service failed" not in answer.text, (name, answer.text)
