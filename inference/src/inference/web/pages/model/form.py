"""The form in which a person tries a model: a field for each feature, from its contract."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec

from inference.serving.rows.numbers import write_exactly
from inference.web.pages.html import Html, element
from inference.web.pages.model.histogram import draw_histogram
from inference.web.pages.model.numbers import scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Contract, Feature, Sample
    from inference.model.servable import Servable
    from inference.web.pages.texts import Texts

_FIELDS = 300  # a model with more keeps the others at their example
_LISTED = 500  # categories of a drop-down
_SAMPLES = 6
_FEW = 8  # more are shown in narrower columns
_LONGEST_NAME = 40


class Form:
    """Makes the form of one servable.

    Args:
        texts: The texts.
        servable: A model with features.
    """

    def __init__(self, texts: Texts, servable: Servable) -> None:
        self._texts = texts
        self._servable = servable
        self._features: Sequence[Feature] = servable.features or []

    def make(self) -> Html:
        """Return the form; the modules of the page read its ``data-`` attributes."""
        features = self._features
        contract = self._servable.contract
        more = len(features) - _FIELDS
        left_out = self._texts("try.left_out", count=self._texts.count(more)) if more > 0 else None
        fields = [self._field(number, one) for number, one in enumerate(features[:_FIELDS])]
        return element(
            "form",
            element("h2", self._texts("try.values")),
            self._samples(contract) if contract else None,
            element("div", fields, class_="fields many" if len(features) > _FEW else "fields"),
            element("p", left_out, class_="hint") if left_out else None,
            id="record",
            autocomplete="off",
            data_explains=contract is not None and bool(contract.background),
            data_record=_encode({feature.name: feature.example for feature in features}),
        )

    def _samples(self, contract: Contract) -> Html | None:
        """Offer golden samples, one of each answer first."""
        names = [feature.name for feature in contract.features]
        by_answer: dict[str, list[Sample]] = {}
        for sample in contract.samples:
            by_answer.setdefault(self._name(sample.label), []).append(sample)
        rounds = zip_longest(*([(name, one) for one in found] for name, found in by_answer.items()))
        chosen = [pair for pairs in rounds for pair in pairs if pair is not None][:_SAMPLES]
        buttons = [
            element(
                "button",
                label,
                type="button",
                class_="chip",
                data_sample=_encode(dict(zip(names, sample.row, strict=False))),
            )
            for label, sample in chosen
        ]
        if not buttons:
            return None
        title = element("span", self._texts("try.examples"), id="examples-label")
        return element(
            "div", title, buttons, class_="examples", role="group", aria_labelledby="examples-label"
        )

    def _name(self, label: Any) -> str:
        parts = label if isinstance(label, list) else [label]
        shown = ", ".join(
            self._texts.number(part) if isinstance(part, float) else str(part) for part in parts
        )
        return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}..."

    def _field(self, number: int, feature: Feature) -> Html:
        match feature.kind:
            case "number" | "integer":
                return self._number(number, feature)
            case "boolean":
                return self._choice(number, feature, [False, True])
            case _:
                closed = not feature.open_categories and feature.categories
                if closed and len(closed) <= _LISTED:
                    return self._choice(number, feature, closed)
                return self._text(number, feature)

    def _number(self, number: int, feature: Feature) -> Html:
        scale = scale_of(feature)
        value = feature.example if isinstance(feature.example, int | float) else 0
        shown = write_exactly(value)
        least, most = feature.minimum, feature.maximum
        field = element(
            "input",
            id=f"value-{number}",
            type="number",
            step="1" if feature.kind == "integer" else "any",
            value=shown,
            # The decimal keyboard of some phones has no minus sign.
            inputmode="decimal" if least is not None and least >= 0 else None,
            aria_describedby=f"about-{number}",
        )
        slider, about = None, None
        if scale is not None and least is not None and most is not None:
            label = self._texts("try.slider", name=feature.name)
            slider = element(
                "div",
                draw_histogram(feature.histogram, scale),
                element(
                    "input",
                    type="range",
                    step=write_exactly(scale.step),
                    value=shown,
                    aria_label=label,
                    min=write_exactly(scale.lowest),
                    max=write_exactly(scale.highest),
                ),
                class_="track",
            )
            about = self._texts(
                "try.range", least=self._texts.number(least), most=self._texts.number(most)
            )
        return self._frame(number, feature, field, slider, about)

    def _choice(self, number: int, feature: Feature, values: Sequence[Any]) -> Html:
        options = [
            element("option", _text_of(value), value=str(index), selected=value == feature.example)
            for index, value in enumerate(values)
        ]
        field = element(
            "select",
            options,
            id=f"value-{number}",
            data_values=_encode(values),
            aria_describedby=f"about-{number}",
        )
        return self._frame(number, feature, field, None, None)

    def _text(self, number: int, feature: Feature) -> Html:
        known = (feature.categories or [])[:_LISTED]
        is_whole = bool(known) and all(isinstance(value, int) for value in known)
        options = [element("option", value=_text_of(value)) for value in known]
        example = feature.example
        field = element(
            "input",
            id=f"value-{number}",
            type="text",
            value=_text_of(example) if example is not None else "",
            list=f"known-{number}" if known else None,
            data_whole=is_whole,
            aria_describedby=f"about-{number}",
        )
        suggestions = element("datalist", options, id=f"known-{number}") if known else None
        return self._frame(number, feature, field, suggestions, None)

    def _frame(
        self, number: int, feature: Feature, field: Html, more: Html | None, about: str | None
    ) -> Html:
        """Put a label, the tick for a missing value and what is known around a field."""
        unit = element("span", f" {feature.unit}", class_="unit") if feature.unit else None
        label = element("label", feature.name, unit, for_=f"value-{number}")
        missing = None
        if feature.nullable:
            tick = element(
                "input", type="checkbox", data_missing=True, checked=feature.example is None
            )
            missing = element("label", tick, self._texts("try.missing"), class_="missing")
        hint = " · ".join(part for part in (feature.description, about) if part)
        return element(
            "div",
            element("div", label, field, class_="line"),
            more,
            element(
                "div",
                element("span", hint, class_="about", id=f"about-{number}"),
                missing,
                class_="line",
            ),
            element("p", class_="wrong", role="alert", hidden=True),
            class_="field",
            data_feature=feature.name,
            data_kind=feature.kind,
            data_least=None if feature.minimum is None else write_exactly(feature.minimum),
            data_most=None if feature.maximum is None else write_exactly(feature.maximum),
        )


def _text_of(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
