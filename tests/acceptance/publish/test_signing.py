"""What publish() signs, the service trusts; anything else it quarantines before it is loaded."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from sklearn.linear_model import LogisticRegression

from exporter import publish
from exporter.delivery.signing import make_key
from inference.model.signing import SIGNATURE_BYTES
from support.models.artifacts import penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.long


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that trusts the key in ``me.key``."""
    signer = make_key(tmp_path / "me.key")
    (tmp_path / "trusted").write_text(signer.trusted_line("me"))
    made = Service(tmp_path, trusted_keys_file=tmp_path / "trusted", settle_ms=0, rescan_seconds=1)
    yield made.start()
    made.stop(signal.SIGKILL)


def test_only_what_is_signed_is_served(service: Service, split: Any, tmp_path: Path) -> None:
    columns = ["bill_length_mm", "bill_depth_mm"]
    rows, species = split.train[columns], split.train["species"]
    model = LogisticRegression(max_iter=1000).fit(rows, species)
    publish(
        model, "m", rows, models_dir=service.models, sign_with=tmp_path / "me.key", progress=False
    )
    service.wait_for("m", state="ready", active_version=1)

    publish(model, "m", rows, models_dir=service.models, progress=False)
    reported = service.wait_for("m", quarantined=[{"version": 2, "reason": _UNSIGNED}])
    assert reported["active_version"] == 1

    sealed = (service.models / "m" / "1" / "model.onnx").read_bytes()
    service.put("copy/1/model.onnx", sealed)
    altered = bytearray(sealed)
    altered[len(altered) // 2] ^= 1
    service.put("m/3/model.onnx", bytes(altered))
    service.put("m/4/model.onnx", sealed + b"\0")
    service.put("unsigned.onnx", penguins())
    stranger = make_key(tmp_path / "stranger.key")
    service.put("strange.onnx", stranger.sign(sealed[:-SIGNATURE_BYTES], "strange"))

    for name in ("copy", "unsigned", "strange"):
        service.wait_for(name, state="quarantined")
    eventually(lambda: len(service.model("m")["quarantined"]) == 3, what="all three are refused")
    assert "as another model than 'copy'" in service.model("copy")["reason"]
    assert _UNSIGNED in service.model("unsigned")["reason"]
    assert "which is not trusted here" in service.model("strange")["reason"]
    reasons = {
        entry["version"]: entry["reason"]
        for entry in service.wait_for("m", active_version=1)["quarantined"]
    }
    assert "signature does not fit" in reasons[3]
    assert "not at its end" in reasons[4]


def test_a_change_of_the_trusted_keys_holds_without_a_restart(
    service: Service, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other.key")
    service.put("theirs.onnx", other.sign(penguins(), "theirs"))
    service.wait_for("theirs", state="quarantined")
    trusted = tmp_path / "trusted"
    before = trusted.read_text()

    trusted.write_text(before + "\n" + other.trusted_line("other"))
    service.wait_for("theirs", state="ready")
    assert "trusted keys read: me, other" in service.log

    trusted.write_text("no file of keys")
    eventually(lambda: "the previous trusted keys stay valid" in service.log)
    service.put("more.onnx", other.sign(penguins(seed=1), "more"))
    service.wait_for("more", state="ready")

    trusted.write_text(before)
    eventually(lambda: service.log.count("trusted keys read: me\n") == 1)
    service.put("late.onnx", other.sign(penguins(seed=2), "late"))
    service.wait_for("late", state="quarantined")
    assert service.model("theirs")["state"] == "ready", "what is live stays live"


_UNSIGNED = "it is not signed, and only signed models are served here"
