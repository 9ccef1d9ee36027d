"""A start without valid keys is refused where other machines could reach the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.service.process import Service


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        ("", "contains no key"),
        ("me predict\n", "line 1: a line must be"),
        ("me predict,root sha256:" + "0" * 64, "the scopes are predict and admin"),
        ("# x\n\nme predict sha256:0", "line 3: the third part"),
        ("\x00é".encode("latin-1"), "it is not text"),
    ],
)
def test_a_bad_file_of_keys_stops_the_start(
    make_service: Callable[..., Service], tmp_path: Path, content: str | bytes | None, reason: str
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    service = make_service(api_keys_file=file)
    assert service.run().wait(60) == 2
    assert "INFERENCE_API_KEYS_FILE" in service.log
    assert reason in service.log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "some.host"])  # noqa: S104
def test_other_machines_are_let_in_only_on_purpose(
    make_service: Callable[..., Service], host: str
) -> None:
    service = make_service(host=host)
    assert service.run().wait(60) == 2
    for part in (
        f"INFERENCE_HOST={host} is reachable",
        "inference key NAME",
        "ALLOW_ANONYMOUS=true",
    ):
        assert part in service.log
