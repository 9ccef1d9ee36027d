from __future__ import annotations

import base64
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


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    line = b"\xef\xbb\xbfada ed25519:" + base64.b64encode(bytes(range(32))) + b"\r\n"
    trusted = inference.admission.trusted_keys._parse_file(line, tmp_path)
    assert list(trusted.values()) == [("ada", bytes(range(32)))]
