"""The page of all models, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import mixed, penguins, regressor
from support.service.nginx import nginx
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Request

    Open = Callable[..., Page]

_, LINE = make_key("person", ["predict", "admin"])


def address(service: Service) -> str:
    return str(service.client.base_url).rstrip("/")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path) as service:
        yield service.start()
        service.stop()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start a service that the tests only look at."""
    with Service(tmp_path_factory.mktemp("full")) as service:
        service.put("mixed/1/model.onnx", mixed())
        service.put("penguins/1/model.onnx", penguins())
        service.put("penguins/2/model.onnx", penguins()[:300])
        service.put("rings/1/model.onnx", regressor())
        service.put("broken/1/model.onnx", b"no model")
        service.start(within=60)
        eventually(
            lambda: service.model("broken").get("state") == "quarantined", what="broken is seen"
        )
        yield service
        service.stop()


@pytest.fixture
def open_as(chromium: Browser) -> Iterator[Open]:
    """Open pages as other people see them."""
    contexts = []

    def make(**options: Any) -> Page:
        contexts.append(chromium.new_context(**options))
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


def test_models_appear_change_and_go_by_themselves(empty: Service, page: Page) -> None:
    page.goto(address(empty))
    page.get_by_text("No model yet").wait_for()
    page.evaluate("window.mine = 1")

    empty.put("late/1/model.onnx", penguins())
    card = page.locator("#model-late[data-state=ready]")
    card.wait_for()
    page.get_by_text("No model yet").wait_for(state="hidden")

    empty.put("late/2/model.onnx", penguins(seed=5))
    card.locator("dd", has_text="2").first.wait_for()
    empty.client.post("/select-model/?model=late").raise_for_status()
    card.get_by_text("selected").wait_for()

    for version in (1, 2):
        (empty.models / "late" / str(version) / "model.onnx").unlink()
    card.wait_for(state="detached")
    page.get_by_text("No model yet").wait_for()
    assert page.evaluate("window.mine") == 1, "the page was loaded again"


def test_card_says_what_is_known(full: Service, page: Page) -> None:
    page.goto(address(full))
    penguin = page.locator("#model-penguins")
    penguin.get_by_text("Classification · 3 classes · 4 features").wait_for()
    penguin.get_by_text("Version 2 is quarantined:").wait_for()
    page.locator("#model-broken .badge", has_text="quarantined").wait_for()
    page.locator("#model-rings", has_text="Regression").wait_for()


def test_figures_of_the_traffic_follow(full: Service, page: Page) -> None:
    page.goto(address(full))
    record = dict.fromkeys(
        ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"), 40.0
    )
    for _ in range(50):
        full.client.post("/models/penguins/predict", json=record).raise_for_status()
    figures = page.locator("#model-penguins")
    figures.locator("[data-figure=p99]", has_text="ms").wait_for()
    assert float(figures.locator("[data-figure=rate]").inner_text()) > 0
    page.locator("#model-rings [data-figure=rate]").get_by_text("0", exact=True).wait_for()


def test_model_with_a_name_of_javascript(empty: Service, page: Page) -> None:
    empty.put("constructor/1/model.onnx", penguins())
    page.goto(address(empty))
    page.locator("#model-constructor[data-state=ready]").wait_for()
    page.locator("#model-constructor [data-figure=rate]", has_text="0").wait_for()
    page.locator("#live[data-state=on]").wait_for()


def test_handler_that_fails_leaves_no_stream_open(tmp_path: Path, page: Page) -> None:
    with Service(tmp_path, page_streams=2) as service:
        service.start()
        page.goto(address(service))
        page.locator("#live[data-state=on]").wait_for()  # the first of the two streams
        page.evaluate(
            """async () => {
                const main = document.querySelector("script[type=module]").src;
                const { follow } = await import(main.replace("main.js", "stream.js"));
                window.begun = 0;
                follow("/events", {
                    state: (state) => (window.begun += state === "on"),
                    page: () => { throw new Error("a handler fails"); },
                });
            }"""
        )
        for _ in range(300):
            if page.evaluate("window.begun") >= 4:
                break
            page.wait_for_timeout(50)
        assert page.evaluate("window.begun") >= 4
        service.stop()


def test_page_reconnects_to_a_service_that_restarts(tmp_path: Path, page: Page) -> None:
    with Service(tmp_path) as service:
        service.start()
        page.goto(address(service))
        page.locator("#live[data-state=on]").wait_for()
        port = service.client.base_url.port
        service.stop()
        page.locator("#live[data-state=off]").wait_for()
    with Service(tmp_path, port=port) as service:
        service.put("m/1/model.onnx", penguins())
        service.start()
        page.locator("#model-m[data-state=ready]").wait_for()
        service.stop()


@pytest.mark.parametrize("path", ["/", "/models/mixed/", "/models/rings/", "/models/none/"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_is_cut_off(  # noqa: PLR0917 - each is a dimension
    full: Service,
    page: Page,
    assert_accessible: Callable[[], None],
    path: str,
    scheme: Any,
    width: int,
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address(full)}{path}")
    page.locator("h1").wait_for()
    if "none" not in path:
        page.locator("#live[data-state=on]").wait_for()
    assert_accessible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_on_an_empty_page_and_the_key_form(
    empty: Service, page: Page, assert_accessible: Callable[[], None], tmp_path: Path
) -> None:
    page.goto(address(empty))
    assert_accessible()
    (tmp_path / "keys").write_text(LINE)
    with Service(tmp_path / "keyed", api_keys_file=tmp_path / "keys") as keyed:
        keyed.start()
        page.goto(address(keyed))
        page.get_by_label("API key").wait_for()
        assert_accessible()
        keyed.stop()


def test_pages_in_spanish(full: Service, open_as: Open) -> None:
    page = open_as(locale="es-MX")
    page.goto(address(full))
    page.get_by_role("heading", name="Modelos").wait_for()
    page.locator("#live", has_text="en directo").wait_for()
    page.goto(f"{address(full)}/models/penguins/")
    page.get_by_role("tab", name="Probar").wait_for()
    page.locator(".amount", has_text=",").first.wait_for()
    assert page.locator("html").get_attribute("lang") == "es"


def test_page_is_readable_without_scripts(full: Service, open_as: Open) -> None:
    page = open_as(java_script_enabled=False)
    page.goto(address(full))
    page.get_by_role("link", name="penguins").click()
    assert page.get_by_role("heading", name="penguins").is_visible()
    assert page.locator("[data-feature=body_mass_g]").is_visible()


def test_page_works_under_a_path_of_nginx(
    full: Service, page: Page, requests: list[Request], tmp_path: Path
) -> None:
    forwarded = "proxy_set_header X-Forwarded-Prefix /ml; proxy_set_header Host $http_host;"
    upstream = str(full.client.base_url)
    with nginx(tmp_path / "nginx", upstream, location="/ml/", path="/", further=forwarded) as proxy:
        page.goto(f"{proxy}/ml/")
        page.locator("#live[data-state=on]").wait_for()
        page.get_by_role("link", name="penguins").click()
        page.locator(".verdict").wait_for()
        assert all(request.url.startswith(f"{proxy}/ml/") for request in requests)


@pytest.mark.slow
def test_first_view_is_fast_and_nothing_complains(
    full: Service, page: Page, requests: list[Request]
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    times = []
    for _ in range(5):
        page.goto(address(full))
        painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        times.append(page.wait_for_function(painted).json_value())
    assert min(times) < 200
    assert complaints == []
    kinds = {request.resource_type for request in requests}
    assert kinds <= {"document", "stylesheet", "script", "image", "fetch", "other"}
