from __future__ import annotations

import pytest

from exporter.delivery.model_name import check_name, suggest_name
from exporter.errors import InvalidNameError


@pytest.mark.parametrize("name", ["penguins", "a", "0", "penguins-v2.1_final", "x" * 64])
def test_accepts_what_may_be_a_folder_and_a_path_segment(name: str) -> None:
    """A name of the pattern is given back as it is."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Penguins", "penguins"),
        ("Palmer Pénguins (v2)", "palmer-penguins-v2"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("model.onnx", "model"),
        ("upload.tmp", "upload"),
        ("x" * 65, "x" * 64),
        ("a/b", "a-b"),
        ("penguins\n", "penguins"),
    ],
)
def test_refuses_other_names_and_suggests_one(name: str, suggestion: str) -> None:
    """The suggestion stands in the message and is itself a name."""
    with pytest.raises(InvalidNameError, match="cannot be a model's name") as caught:
        check_name(name)
    assert repr(suggestion) in str(caught.value)
    assert check_name(suggestion) == suggestion


@pytest.mark.parametrize("name", ["", "...", "企鹅"])
def test_suggests_nothing_where_nothing_can_be_kept(name: str) -> None:
    """No made-up name is put into the caller's mouth."""
    assert suggest_name(name) == ""
    with pytest.raises(InvalidNameError):
        check_name(name)


def test_refuses_what_is_no_string() -> None:
    """Swapped arguments are distinguished from invalid names."""
    with pytest.raises(InvalidNameError, match="must be a string, not ndarray"):
        check_name(__import__("numpy").zeros(3))
