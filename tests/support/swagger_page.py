"""Swagger's page as a person uses it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@dataclass(frozen=True)
class Swagger:
    """The page at ``/docs``.

    Attributes:
        page: A page of a browser.
        url: Where the service answers.
    """

    page: Page
    url: str

    def open(self) -> None:
        """Go there, or load it anew."""
        self.page.goto(f"{self.url}/docs")
        self.page.locator(".opblock").first.wait_for(timeout=60_000)

    def paths(self) -> list[str]:
        """List the paths of all entries."""
        return self.page.locator(".opblock-summary-path").evaluate_all(
            "entries => entries.map(entry => entry.dataset.path)"
        )

    def entry(self, path: str, method: str = "post") -> Entry:
        """Find an entry."""
        summary = self.page.locator(f'.opblock-summary-path[data-path="{path}"]')
        return Entry(self.page.locator(f".opblock-{method}", has=summary))


@dataclass(frozen=True)
class Entry:
    """One entry of the page.

    Attributes:
        block: Its element.
    """

    block: Locator

    def try_it_out(self) -> Entry:
        """Unfold it and press Try it out."""
        self.block.locator(".opblock-summary-control").click()
        self.block.get_by_role("button", name="Try it out").click()
        return self

    def drop_down(self, parameter: str) -> Locator:
        """Find a parameter's drop-down."""
        return self.block.locator(f'tr[data-param-name="{parameter}"] select')

    def options(self, parameter: str) -> list[str]:
        """List what a parameter's drop-down offers."""
        return self.drop_down(parameter).locator("option").all_inner_texts()

    def body(self) -> Any:
        """Read the body that is ready to be sent."""
        return json.loads(self.block.locator("textarea").input_value())

    def choose_example(self, name: str) -> None:
        """Choose one of the examples."""
        body = self.block.locator(".opblock-section-request-body")
        body.locator(".examples-select-element").select_option(label=name)

    def execute(self) -> tuple[int, Any]:
        """Press Execute; give the status and the document that the page shows then."""
        self.block.get_by_role("button", name="Execute").click()
        answer = self.block.locator(".live-responses-table")
        answer.wait_for()
        status = answer.locator(".response-col_status").nth(1).inner_text()
        shown = answer.locator(".response-col_description .highlight-code code").first.inner_text()
        return int(status.split()[0]), json.loads(shown)
