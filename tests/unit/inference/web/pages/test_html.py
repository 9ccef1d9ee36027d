from __future__ import annotations

from html.parser import HTMLParser

import pytest

from inference.web.pages.html import Html, element, join

HOSTILE = [
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "&lt;b&gt; &amp;",
    "]]><!--",
    "\u2028{{7*7}}${7*7}",
]


class Parsed(HTMLParser):
    """What a parser makes of HTML: elements with attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(text: str) -> None:
    parsed = Parsed(element("p", text, [text]))
    assert parsed.elements == [("p", {})]
    assert parsed.text == text + text


@pytest.mark.parametrize("text", HOSTILE)
def test_value_of_an_attribute_stays_its_value(text: str) -> None:
    parsed = Parsed(element("a", href=text, title=text))
    assert parsed.elements == [("a", {"href": text, "title": text})]


def test_html_is_escaped_once() -> None:
    assert element("p", element("b", "<")) == "<p><b>&lt;</b></p>"


def test_pieces_of_html_are_text_again() -> None:
    """Whatever a string method returns is no longer trusted."""
    assert join(Html("<b>")[:2]) == "&lt;b"
    assert join(Html("<b>") + "<i>") == "&lt;b&gt;&lt;i&gt;"
    assert join(f"{Html('<b>')}") == "&lt;b&gt;"


@pytest.mark.parametrize("name", ["", "a b", "a>", "1", "on\nx"])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of"):
        element(name)
    with pytest.raises(ValueError, match="is not the name of"):
        element("a", **{name: "x"})


def test_false_and_none_leave_an_attribute_out() -> None:
    made = element("input", hidden=True, required=False, title=None, width=0, value="")
    assert made == '<input hidden width="0" value="">'
