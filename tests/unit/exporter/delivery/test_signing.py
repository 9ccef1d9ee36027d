from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import onnx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.cli import main
from exporter.delivery.signing import Signer, make_key, resolve_signer
from exporter.errors import OptionError
from inference.admission.trusted_keys import TrustedKeys
from inference.errors import SettingError, SignatureError
from inference.model.graph.onnx_file import read_metadata
from inference.model.servable import Servable
from inference.model.signing import SIGNATURE_BYTES, SIGNATURE_KEY, split_signature
from support.models.artifacts import penguins

if TYPE_CHECKING:
    from pathlib import Path

DATA = penguins()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return make_key(tmp_path / "me.key")


@pytest.fixture
def trust(tmp_path: Path, signer: Signer) -> TrustedKeys:
    return _trust(tmp_path, signer)


def _trust(folder: Path, *signers: Signer) -> TrustedKeys:
    lines = [signer.trusted_line(f"signer-{n}") for n, signer in enumerate(signers)]
    (folder / "trusted").write_text("# who may\n\n" + "  # yes\n".join(lines) + "\n")
    return TrustedKeys(folder / "trusted")


def test_what_was_signed_is_trusted(signer: Signer, trust: TrustedKeys) -> None:
    sealed = signer.sign(DATA, "m")
    assert trust.check(sealed, "m") == "signer-0"
    assert sealed[:-SIGNATURE_BYTES] == DATA
    assert split_signature(sealed)[0] == DATA


def test_a_sealed_file_is_the_same_model(signer: Signer) -> None:
    sealed = signer.sign(DATA, "m")
    before, after = onnx.load_from_string(DATA), onnx.load_from_string(sealed)
    assert after.metadata_props[-1].key == SIGNATURE_KEY
    del after.metadata_props[-1]
    assert before == after
    assert set(read_metadata(sealed)) == {*read_metadata(DATA), SIGNATURE_KEY}
    assert Servable.load("m", 1, sealed).contract == Servable.load("m", 1, DATA).contract


def test_any_changed_byte_is_noticed(signer: Signer, trust: TrustedKeys) -> None:
    sealed = signer.sign(DATA, "m")
    places = [*range(0, len(DATA), 97), *range(len(DATA), len(sealed))]
    for place in places:
        for bit in range(8):
            altered = bytearray(sealed)
            altered[place] ^= 1 << bit
            with pytest.raises(SignatureError):
                trust.check(bytes(altered), "m")


@pytest.mark.parametrize("more", [b"\0", b"r\0", b"garbage", DATA])
def test_what_stands_behind_the_seal_is_noticed(
    signer: Signer, trust: TrustedKeys, more: bytes
) -> None:
    with pytest.raises(SignatureError, match="altered after it was signed"):
        trust.check(signer.sign(DATA, "m") + more, "m")


def test_what_stands_before_or_is_missing_is_noticed(signer: Signer, trust: TrustedKeys) -> None:
    sealed = signer.sign(DATA, "m")
    for altered in (b"\x08\x09" + sealed, sealed[1:], sealed[:100] + sealed[101:]):
        with pytest.raises(SignatureError, match="altered after it was signed"):
            trust.check(altered, "m")


def test_a_seal_on_another_content_is_noticed(signer: Signer, trust: TrustedKeys) -> None:
    other = penguins(seed=1)
    with pytest.raises(SignatureError, match="signature does not fit"):
        trust.check(other + signer.sign(DATA, "m")[-SIGNATURE_BYTES:], "m")


def test_a_file_is_signed_as_one_model(signer: Signer, trust: TrustedKeys) -> None:
    with pytest.raises(SignatureError, match="signed as another model than 'other'"):
        trust.check(signer.sign(DATA, "m"), "other")


@pytest.mark.parametrize(
    "data", [b"", b"x", DATA, bytes(SIGNATURE_BYTES), bytes(10 * SIGNATURE_BYTES)]
)
def test_what_is_unsigned_is_refused(trust: TrustedKeys, data: bytes) -> None:
    with pytest.raises(SignatureError, match="it is not signed"):
        trust.check(data, "m")


def test_another_key_is_not_trusted(tmp_path: Path, trust: TrustedKeys) -> None:
    stranger = make_key(tmp_path / "stranger.key")
    with pytest.raises(
        SignatureError, match=r"signed with the key [0-9a-f]{16}, which is not trusted"
    ):
        trust.check(stranger.sign(DATA, "m"), "m")


def test_either_of_two_keys_will_do_and_the_last_seal_counts(
    tmp_path: Path, signer: Signer
) -> None:
    second = make_key(tmp_path / "second.key")
    both = _trust(tmp_path, signer, second)
    sealed = second.sign(signer.sign(DATA, "m"), "m")
    assert len(sealed) == len(DATA) + SIGNATURE_BYTES
    assert both.check(sealed, "m") == "signer-1"
    assert both.check(signer.sign(DATA, "m"), "m") == "signer-0"


def test_keygen_writes_a_private_file_and_prints_the_public_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "team.key"
    assert main(["keygen", "team", "--out", str(path)]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "trusted").write_text(capsys.readouterr().out)
    found = resolve_signer(path)
    assert found is not None
    assert TrustedKeys(tmp_path / "trusted").check(found.sign(DATA, "m"), "m") == "team"
    assert main(["keygen", "team", "--out", str(path)]) == 2
    assert main(["keygen", "a b"]) == 2


def test_a_key_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXPORTER_SIGN_WITH", raising=False)
    assert resolve_signer(None) is None
    make_key(tmp_path / "me.key")
    monkeypatch.setenv("EXPORTER_SIGN_WITH", str(tmp_path / "me.key"))
    assert resolve_signer(None) is not None


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    other = generate_private_key(SECP256R1())
    (tmp_path / "other").write_bytes(
        other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    for name, reason in [
        ("missing", "cannot be read"),
        ("text", "is not an unencrypted private key"),
        ("other", "is not an Ed25519 key"),
    ]:
        with pytest.raises(OptionError, match=reason):
            resolve_signer(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no key"),
        ("me", "line 1: it has to be"),
        ("me rsa:AAAA", "line 1: it has to be"),
        ("\nme ed25519:AAAA", "line 2: it has to be"),
        ("me ed25519:!", "line 1: it has to be"),
    ],
)
def test_a_bad_file_of_trusted_keys_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "trusted").write_text(content)
    with pytest.raises(SettingError, match=reason):
        TrustedKeys(tmp_path / "trusted")
    with pytest.raises(SettingError, match="cannot be read"):
        TrustedKeys(tmp_path / "missing")
