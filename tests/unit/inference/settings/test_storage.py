from __future__ import annotations

import pytest

from inference.settings import InvalidSettingsError, Settings, storage
from inference.settings.storage import check_url, is_store_url, local_path, shown_url


@pytest.mark.parametrize(
    "url",
    ["s3://b", "s3://b/models", "gs://b/x", "az://c/x", "https://h/x", "http://h:1/x", "file:///x"],
)
def test_urls_of_stores_are_taken(url: str) -> None:
    assert check_url(url) == url
    assert check_url(url + "/x/") == url + "/x"
    assert is_store_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("models", "not the URL"), ("ftp://h/x", "not the URL"), ("s3:///models", "no bucket"),
        ("file://host/x", "absolute"), ("file:models", "absolute"), ("https://[", "not a URL"),
        ("https://h/x.onnx?sig=hidden", "presigned"),
        ("s3://b/x#y", "fragment"),
    ],
)  # fmt: skip
def test_other_texts_are_refused_with_what_would_be_right(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        check_url(url)
    assert "://" in str(caught.value)
    with pytest.raises(InvalidSettingsError):
        Settings(models_url=url)


def test_a_web_server_holds_no_state() -> None:
    with pytest.raises(InvalidSettingsError, match="s3://BUCKET/PATH"):
        Settings(state_url="https://h/x")
    assert Settings(state_url="s3://b/x").state_url == "s3://b/x"


def test_no_secret_of_a_url_is_shown() -> None:
    shown = shown_url("https://user:secret@host/models?sig=hidden#x")
    assert shown == "https://host/models"
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is what counts
        check_url("ftp://user:secret@host/?sig=hidden")
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_the_path_of_a_file_url_is_decoded() -> None:
    assert str(local_path("file:///a%20b/c")) == "/a b/c"
    assert local_path("s3://b/x") is None


def test_the_setting_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "find_spec", lambda _: None)
    assert Settings().models_url is None
    with pytest.raises(InvalidSettingsError, match=r"inference\[storage\]"):
        Settings(models_url="s3://bucket")
