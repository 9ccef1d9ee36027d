from __future__ import annotations

import pytest

from inference.web.pages.negotiation import choose_language, prefers_html

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (CHROME, True),
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("text/html, */*", True),
        ("text/html;q=0.9, application/json;q=0.8", True),
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("application/json, text/plain, */*", False),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0.5, */*", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
        ("text/htmlx", False),
        (";;,,;q=", False),
        ("a/b," * 40 + "text/html", False),
    ],
)
def test_html_is_for_requests_that_name_and_prefer_it(
    accept: str | None, *, expected: bool
) -> None:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    assert prefers_html(headers) is expected


def test_several_headers_are_one() -> None:
    assert not prefers_html([(b"accept", b"text/html"), (b"accept", b"application/json")])


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("de, es;q=0.1", "es"),
        ("en;q=0.3, es;q=0.4", "es"),
        ("ES-419", "es"),
        ("es;q=0", "en"),
        ("est", "en"),
        ("de", "en"),
        ("*", "en"),
        ("\xff;q=nan", "en"),
        ("es;q=inf", "es"),
    ],
)
def test_language_is_the_first_preferred_one_that_exists(accept: str, expected: str) -> None:
    headers = [(b"accept-language", accept.encode("latin-1"))]
    assert choose_language(headers, ["en", "es"]) == expected


def test_language_without_a_preference_is_the_first() -> None:
    assert choose_language([], ["en", "es"]) == "en"
