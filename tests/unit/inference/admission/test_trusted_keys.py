from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import inference.admission.trusted_keys
from inference.cli import main
from inference.model.signing import (
    SIGNATURE_BYTES,
    FileSignature,
    append_signature,
    split_signature,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_trusted_keys_need_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inference.admission.trusted_keys, "find_spec", lambda _: None)
    monkeypatch.setenv("INFERENCE_TRUSTED_KEYS_FILE", str(tmp_path / "trusted"))
    assert main(["serve"]) == 2
    assert "needs the extra inference[signing]" in capsys.readouterr().err


def test_a_seal_is_taken_off_as_it_was_put_on() -> None:
    seal = FileSignature("0123456789abcdef", bytes(range(64)))
    sealed = append_signature(b"content", seal)
    assert len(sealed) == len(b"content") + SIGNATURE_BYTES
    assert split_signature(sealed) == (b"content", seal)


@pytest.mark.parametrize("data", [b"", b"x", b"ed25519:" * 40, bytes(SIGNATURE_BYTES)])
def test_what_has_no_seal_is_all_content(data: bytes) -> None:
    assert split_signature(data) == (data, None)
