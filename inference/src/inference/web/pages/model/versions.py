"""The versions of a model: their metrics side by side, and which one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.pages.html import Html, element
from inference.web.pages.model.card import metric_rows
from inference.web.pages.overview import shorten

if TYPE_CHECKING:
    from inference.model.contract import Contract
    from inference.repository.snapshot import Model, Version
    from inference.web.pages.texts import Texts

_LISTED = 50


def make_versions(texts: Texts, model: Model) -> Html:
    """Return a table of the versions, the newest first, with buttons to pin and to roll back."""
    listed = list(model.versions.values())[::-1][:_LISTED]
    names = _metric_names(texts, listed)
    heads = [texts("overview.version"), texts("versions.state"), *names, texts("card.published")]
    head = [element("th", one, scope="col") for one in heads]
    head.append(
        element("th", element("span", texts("versions.actions"), class_="unseen"), scope="col")
    )
    rows = [_row(texts, model, version, names) for version in listed]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows))
    parts = [
        describe_traffic(texts, model),
        _explain(texts, model),
        element(
            "div",
            table,
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label=texts("tab.versions"),
        ),
        element("p", class_="wrong", id="versions-problem", role="alert", hidden=True),
    ]
    return element("div", parts, class_="block")


def describe_traffic(texts: Texts, model: Model) -> Html | None:
    """Say how requests are split, and what shadows them; ``None`` if neither is."""
    if model.traffic is None:
        return None
    said = []
    if model.split is not None:
        shares = [f"{version}: {texts.share(s / 100)}" for version, s in model.split.shares.items()]
        said.append(texts("versions.split", shares=", ".join(shares)))
    if model.traffic.shadow is not None:
        said.append(texts("versions.shadow", version=model.traffic.shadow.version))
    return element("p", " ".join(said))


def _explain(texts: Texts, model: Model) -> Html:
    """Say which version answers and why, and offer to end a pin."""
    if model.split is not None:
        return element("p", texts("versions.pin_ends"))
    if model.pinned is None:
        return element("p", texts("versions.highest"))
    label = texts("versions.unpin")
    question = texts("versions.ask_unpin")
    button = element(
        "button", label, type="button", id="unpin", data_pin="latest", data_question=question
    )
    return element("p", texts("versions.is_pinned", version=model.pinned), " ", button)


def _row(texts: Texts, model: Model, version: Version, names: list[str]) -> Html:
    active = model.active.version if model.active else None
    contract = _contract(version)
    metrics = dict(metric_rows(texts, contract.training.metrics)) if contract else {}
    published = contract.training.time[:16].replace("T", " ") if contract else ""
    state = texts(f"state.{'active' if version.number == active else version.state}")
    reason = element("span", shorten(version.reason), class_="reason") if version.reason else None
    badge = element("span", state, class_=f"badge {version.state}")
    return element(
        "tr",
        element("th", version.number, scope="row"),
        element("td", badge, reason),
        [element("td", metrics.get(name, "-")) for name in names],
        element("td", published or "-"),
        element("td", _action(texts, model, version, active)),
        class_="active" if version.number == active else None,
    )


def _action(texts: Texts, model: Model, version: Version, active: int | None) -> Html | None:
    """Offer what makes sense: keep the active version, or go to another one."""
    number = version.number
    if version.state == "quarantined" or model.pinned == number:
        return None
    if number == active:
        kind = "pin"
    else:
        kind = "back" if active is not None and number < active else "switch"
    return element(
        "button",
        texts(f"versions.{kind}"),
        type="button",
        id=f"pin-{number}",
        data_pin=str(number),
        data_question=texts(f"versions.ask_{kind}", version=number),
        aria_label=f"{texts(f'versions.{kind}')}: {number}",
    )


def _metric_names(texts: Texts, versions: list[Version]) -> list[str]:
    """Return the names of all metrics that any of the versions has, in the card's order."""
    names: dict[str, None] = {}
    for version in versions:
        contract = _contract(version)
        if contract is not None:
            names |= dict.fromkeys(
                name for name, _ in metric_rows(texts, contract.training.metrics)
            )
    return list(names)


def _contract(version: Version) -> Contract | None:
    return version.servable.contract if version.servable is not None else None
