"""The elements of cards in a notebook.

They use the colors of JupyterLab's theme, and the text color elsewhere, so that cards are readable
on light and dark backgrounds. There are no scripts, and nothing is loaded.
"""

from __future__ import annotations

from html import escape

_STYLE = """
.rookery {
  font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif); max-width:62em;
  padding:14px 18px; margin:4px 0; color:var(--jp-ui-font-color1,inherit);
  background:var(--jp-layout-color1,transparent);
  border:1px solid var(--jp-border-color2,rgba(128,128,128,.4)); border-left:4px solid #2a9d8f;
  border-radius:6px;
}
.rookery.rookery h3 {
  margin:0 0 2px!important; font-size:17px!important;
}
.rookery.rookery small,.rookery.rookery dt,.rookery.rookery caption {
  color:var(--jp-ui-font-color2,inherit);
}
.rookery.rookery .r-badge {
  font-size:11px; font-weight:600; padding:1px 8px; border-radius:9px; margin-left:6px;
  background:rgba(42,157,143,.2); vertical-align:2px;
}
.rookery.rookery .r-row {
  display:flex; flex-wrap:wrap; gap:6px 36px; margin:10px 0; align-items:flex-start;
}
.rookery.rookery dl {
  display:grid; grid-template-columns:auto auto; justify-content:start; gap:1px 14px; margin:0;
  width:auto;
}
.rookery.rookery dt,.rookery.rookery dd {
  float:none; width:auto; margin:0;
}
.rookery.rookery dd {
  font-variant-numeric:tabular-nums;
}
.rookery.rookery table {
  border-collapse:separate; border-spacing:2px; margin:0; font-size:12px; width:auto;
}
.rookery.rookery caption {
  caption-side:top; text-align:left; padding:0 0 2px;
}
.rookery.rookery th,.rookery.rookery td {
  text-align:center!important; padding:3px 9px; background:none; border:0; color:inherit;
  font-variant-numeric:tabular-nums;
}
.rookery.rookery tbody tr:nth-child(n) {
  background:none;
}
.rookery.rookery th {
  font-weight:500;
}
.rookery.rookery tbody th,.rookery.rookery .r-left td,.rookery.rookery .r-left th {
  text-align:left!important;
}
.rookery.rookery pre {
  margin:4px 0 0; padding:7px 9px; border-radius:4px; white-space:pre-wrap;
  overflow-wrap:anywhere; font:12px/1.45 var(--jp-code-font-family,monospace); color:inherit;
  background:var(--jp-layout-color2,rgba(128,128,128,.12));
}
.rookery.rookery a {
  color:var(--jp-content-link-color,#2a7ae2);
}
.rookery.rookery details {
  margin-top:8px;
}
.rookery.rookery summary {
  cursor:pointer;
}
"""


def number(value: float, digits: int, sign: str = "") -> str:
    """Return a number with so many significant digits, and none before its decimal point as 0.

    Args:
        value: The number.
        digits: How many digits.
        sign: ``+`` to write the sign of positive numbers, too.

    >>> number(453217.4, 4), number(0.123456, 3, "+"), number(1e20, 4)
    ('453,217', '+0.123', '1e+20')
    """
    if 10**digits <= abs(value) < 1e15:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.{digits}g}"


def frame(body: str) -> str:
    """Return HTML in the frame of a card, with the style sheet."""
    return f"<style>{_STYLE}</style><div class='rookery'>{body}</div>"


def title(name: str, badges: list[str]) -> str:
    """Return the heading of a card."""
    spans = "".join(f"<span class='r-badge'>{escape(badge)}</span>" for badge in badges)
    return f"<h3>{escape(name)} {spans}</h3>"


def facts(facts: list[tuple[str, str]]) -> str:
    """Return names and values as a list of definitions."""
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{body}</dl>"


def cell(count: int, share: float, *, right: bool) -> str:
    """Return a cell of a confusion matrix, tinted by its share of the row."""
    # Transparent tints keep the theme's text color readable on light and on dark.
    color = "42,157,143" if right else "231,111,81"
    tint = 0.12 + 0.55 * share if count else 0.04
    style = f"background:rgba({color},{tint:.2f})"
    return f"<td style='{style}' title='{share:.0%} of the row'>{count}</td>"
