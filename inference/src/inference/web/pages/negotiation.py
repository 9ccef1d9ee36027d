"""Which form and which language a request prefers.

Source: RFC 9110, section 12.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.web.message.headers import Headers

_MOST_READ = 32  # entries of a header


def prefers_html(headers: Headers) -> bool:
    """Whether a request names HTML, and wants it rather than JSON.

    Args:
        headers: Names in lower case.

    >>> prefers_html([(b"accept", b"text/html,*/*;q=0.8")]), prefers_html([(b"accept", b"*/*")])
    (True, False)
    """
    weights = dict(reversed(_entries(headers, b"accept")))
    html = weights.get("text/html", 0.0)
    named = weights.get("application/json")
    json = max((weights.get(one, 0.0) for one in ("application/*", "*/*")), default=0.0)
    return html > 0 and (html >= json if named is None else html > named)


def choose_language(headers: Headers, languages: Sequence[str]) -> str:
    """Return the language that a request prefers; the first one if it prefers none of them.

    >>> choose_language([(b"accept-language", b"de, es-MX;q=0.8, en;q=0.5")], ["en", "es"])
    'es'
    """
    wanted = sorted(_entries(headers, b"accept-language"), key=lambda entry: -entry[1])
    for tag, weight in wanted:
        primary = tag.partition("-")[0]
        if weight > 0 and primary in languages:
            return primary
    return languages[0]


def _entries(headers: Headers, wanted: bytes) -> list[tuple[str, float]]:
    """Return the entries of a header with their weights, in lower case."""
    value = b",".join(value for name, value in headers if name == wanted)
    found = []
    for entry in value.decode("latin-1").lower().split(",")[:_MOST_READ]:
        what, *parameters = (part.strip() for part in entry.split(";"))
        found.append((what, _weight(parameters)))
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
