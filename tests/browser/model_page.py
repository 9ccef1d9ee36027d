"""The page of a model, as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from support.service.process import Service


class ModelPage:
    """The page of one model.

    Args:
        page: The browser's page.
        service: The service.
        name: The model.
    """

    def __init__(self, page: Page, service: Service, name: str) -> None:
        self.page = page
        self.url = f"{str(service.client.base_url).rstrip('/')}/models/{name}/"

    def open(self, tab: str = "try") -> ModelPage:
        """Open one of its tabs, and wait until the first answer is there."""
        self.page.goto(f"{self.url}#{tab}")
        self.page.locator(f"#tab-{tab}[aria-selected=true]").wait_for()
        if tab == "try":
            self.page.locator("#answer > *").first.wait_for()
        return self

    def field(self, feature: str) -> Locator:
        """Find the field of a feature."""
        return self.page.locator(f'[data-feature="{feature}"]')

    def value(self, feature: str) -> Locator:
        """Find what holds the value of a feature."""
        return self.field(feature).locator("[id^=value-]")

    def slider(self, feature: str) -> Locator:
        """Find the slider of a feature."""
        return self.field(feature).locator("input[type=range]")

    @property
    def label(self) -> str:
        """The label that is shown."""
        return self.page.locator(".verdict").inner_text()

    def until(self, holds: Callable[[], object], *, what: str) -> None:
        """Wait until something holds, while the browser's events arrive."""
        for _ in range(800):
            if holds():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not within 40 s: {what}")

    def drag(self, feature: str, share: float, *, steps: int = 20) -> None:
        """Drag a slider with the mouse to a share of its width."""
        slider = self.slider(feature)
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box
        now, least, most = (
            float(slider.input_value()),
            float(slider.get_attribute("min") or 0),
            float(slider.get_attribute("max") or 0),
        )
        thumb, middle = 16, box["y"] + box["height"] / 2
        width = box["width"] - thumb
        begin = box["x"] + thumb / 2 + width * (now - least) / (most - least)
        self.page.mouse.move(begin, middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + thumb / 2 + width * share, middle, steps=steps)
        self.page.mouse.up()
