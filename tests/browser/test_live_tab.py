"""The tab of what a model serves: traffic, truth and drift, with real requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from browser.model_page import ModelPage
from inference.access.api_key import make_key
from service.monitoring.test_live import measured_model
from support.models.artifacts import SPECIES, penguins, regressor
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page, Route

ROW = [39.1, 18.7, 181.0, 3750.0]
ADMIN, ADMIN_LINE = make_key("admin", ["predict", "admin"])
# As numbers of JavaScript, both would be others.
LONG = 9_007_199_254_740_993, 999_999_999_999_999_999
READER, READER_LINE = make_key("reader", ["predict"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start two workers that log."""
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, prediction_log=folder / "log", workers=2) as service:
        for number in (1, 2):
            service.put(f"shadowed/{number}/model.onnx", measured_model(0.98))
            service.put(f"sums/{number}/model.onnx", regressor())
            service.put(f"split/{number}/model.onnx", penguins(seed=number))
            service.put(f"ended/{number}/model.onnx", penguins(seed=number))
        service.put("quiet/20261127/model.onnx", penguins())
        for number in LONG:
            service.put(f"long/{number}/model.onnx", penguins(seed=number % 10))
        service.start(within=60)
        yield service


def set_traffic(service: Service, name: str, **change: object) -> None:
    service.client.put(f"/models/{name}/active", json={"version": 1}).raise_for_status()
    service.client.put(f"/models/{name}/traffic", json=change).raise_for_status()


def ask(service: Service, name: str, times: int) -> list[str]:
    """Send requests, and return their ids."""
    answers = [service.client.post(f"/models/{name}/predict", json=ROW) for _ in range(times)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.headers["x-request-id"] for answer in answers]


def shadow(service: Service, name: str) -> None:
    """Let version 2 shadow 50 rows or more, with gates."""
    gates = {"after_rows": 100_000, "max_disagreement": 0.5, "max_error_rate": 0.01}
    set_traffic(service, name, shadow=2, promote=gates)

    def enough() -> bool:
        ask(service, name, 10)
        found = service.client.get(f"/models/{name}/traffic").json()
        return bool(found["measured"]["rows"] >= 50)

    eventually(enough, within=60)


def test_quiet_model_says_that_nothing_has_come(page: Page, service: Service) -> None:
    ModelPage(page, service, "quiet").open("live")
    page.get_by_text("Version 20261127 answers all requests.").wait_for()
    page.get_by_text("The prediction log is on. No truth has come yet.").wait_for()
    page.get_by_text("Nothing has been served yet.").wait_for()
    assert page.locator("#traffic-versions tbody tr").all_inner_texts() == [
        "20261127\t100.0%\t0\t-"
    ]
    assert page.locator("#end-traffic").count() == 0


def test_long_versions_have_all_their_digits(page: Page, service: Service) -> None:
    old, new = LONG
    service.client.put("/models/long/active", json={"version": old}).raise_for_status()
    gates = {"after_rows": 100_000, "max_disagreement": 0.5}
    change = {"shadow": new, "promote": gates}
    service.client.put("/models/long/traffic", json=change).raise_for_status()

    def measured() -> bool:
        ask(service, "long", 10)
        return bool(service.client.get("/models/long/traffic").json()["measured"])

    eventually(measured, within=60)
    ModelPage(page, service, "long").open("live")
    page.locator("#promotion-words").get_by_text(str(new)).wait_for()
    page.locator("#traffic-versions").get_by_text(str(old)).wait_for()
    page.locator("#tab-versions").click()
    page.locator(f"#pin-{new}").click()
    page.get_by_role("button", name=f"version {new}?").click()
    page.locator("#model-head").get_by_text(f"{new}, pinned").wait_for()
    assert service.model("long")["pinned_version"] == new


def test_panel_replaced_while_it_loads_is_still_followed(page: Page, service: Service) -> None:
    service.put("replaced/1/model.onnx", penguins())
    eventually(lambda: service.model("replaced"), within=60)
    held: list[Route] = []
    failed: list[Route] = []

    def hold_the_first_and_fail_the_second(route: Route) -> None:
        if not held:
            held.append(route)
        elif not failed:
            failed.append(route)
            route.fulfill(status=404, json={"detail": "This worker does not have it yet."})
        else:
            route.fallback()

    page.route("**/models/replaced/drift?*", hold_the_first_and_fail_the_second)
    model_page = ModelPage(page, service, "replaced").open("live")
    model_page.until(lambda: held, what="the first panel loads")
    service.put("replaced/2/model.onnx", penguins(seed=2))
    page.get_by_text("Version 2 answers all requests.").wait_for(timeout=60_000)
    page.get_by_text("This worker does not have it yet.").wait_for()
    held[0].fulfill(status=404, json={"detail": "Of the panel before."})
    page.get_by_text("Nothing has been served yet.").wait_for()


def test_shadow_shows_what_it_found_and_the_progress_of_its_promotion(
    page: Page, service: Service
) -> None:
    shadow(service, "shadowed")
    model_page = ModelPage(page, service, "shadowed").open("live")
    page.locator("#live-traffic").get_by_text("Version 2 is their shadow").wait_for()
    facts = page.locator("#traffic-measured dl")
    facts.get_by_text("Other label").wait_for()
    assert "0 (0.0%)" in facts.inner_text()  # both versions are the same
    assert "Mean difference of probabilities" in facts.inner_text()
    bar = page.get_by_role("progressbar")
    model_page.until(lambda: int(bar.get_attribute("value") or 0) >= 50, what="its rows")
    gates = page.locator("#gates-table tbody tr")
    assert gates.first.inner_text().startswith("Disagreement\t50.0%\t0.0%")
    assert gates.count() == 2


def test_values_of_a_shadow_have_a_difference_and_no_labels(page: Page, service: Service) -> None:
    shadow(service, "sums")
    ModelPage(page, service, "sums").open("live")
    facts = page.locator("#traffic-measured dl")
    facts.get_by_text("Mean difference of the values").wait_for()
    assert "label" not in facts.inner_text()


def test_truth_stands_beside_the_held_out_figures(page: Page, service: Service) -> None:
    shadow(service, "shadowed")
    ids = ask(service, "shadowed", 4)
    label = service.client.post("/models/shadowed/predict", json=ROW).json()["label"]
    wrong = next(name for name in SPECIES if name != label)
    truths = [label, label, label, wrong]
    sent = [{"request_id": i, "truth": t} for i, t in zip(ids, truths, strict=True)]
    assert service.client.post("/feedback", json=sent).json()["accepted"] == 4
    shown = ModelPage(page, service, "shadowed").open("live")
    row = page.locator("#truth-table tr", has_text="latest 1,000")
    row.wait_for()
    wanted = ["1", "latest 1,000", "4", "75.0%"]
    shown.until(lambda: row.inner_text().split("\t")[:4] == wanted, what="all four truths")
    held_out = page.locator("#truth-table tr", has_text="held-out").last
    assert held_out.inner_text().split("\t")[:4] == ["1", "held-out", "67", "98.0%"]


def test_split_shows_the_share_and_the_requests_of_each_version(
    page: Page, service: Service
) -> None:
    set_traffic(service, "split", split={"1": 75, "2": 25})
    ask(service, "split", 100)
    shown = ModelPage(page, service, "split").open("live")
    rows = page.locator("#traffic-versions tbody tr")
    rows.nth(1).filter(has_text="ms").wait_for(timeout=30_000)

    def cells() -> list[list[str]]:
        return [row.split("\t") for row in rows.all_inner_texts()[::-1]]

    def all_are_sampled() -> bool:
        one, two = cells()
        return float(one[2]) > float(two[2]) > 0

    shown.until(all_are_sampled, what="a sample with all requests")
    assert [row[:2] for row in cells()] == [["1", "75.0%"], ["2", "25.0%"]]


def test_button_asks_once_and_ends_the_traffic(page: Page, service: Service) -> None:
    set_traffic(service, "ended", split={"1": 90, "2": 10})
    ModelPage(page, service, "ended").open("live")
    button = page.locator("#end-traffic")
    button.click()
    assert button.inner_text() == "Really end split and shadow?"
    assert service.model("ended")["traffic"] is not None
    button.click()
    button.wait_for(state="detached")
    page.get_by_text("Version 1 answers all requests.").wait_for()
    assert service.model("ended")["traffic"] is None
    assert page.locator("#tab-live").get_attribute("aria-selected") == "true"


def test_end_of_a_rollout_is_shown_with_its_gate(page: Page, service: Service) -> None:
    set_traffic(service, "ended", shadow=2, promote={"after_rows": 20, "max_p99_ratio": 0.001})
    eventually(
        lambda: ask(service, "ended", 10) and service.model("ended")["traffic"] is None, within=60
    )
    ModelPage(page, service, "ended").open("live")
    report = page.locator("#traffic-decision p")
    report.wait_for()
    assert report.inner_text().startswith("Version 2 was rolled back to version 1 after ")
    assert "permitted is 0.001" in report.inner_text()


def test_key_without_the_scope_gets_the_reason(page: Page, service: Service) -> None:
    folder = service.models.parent / "keyed"
    folder.mkdir()
    (folder / "keys").write_text(f"{ADMIN_LINE}\n{READER_LINE}")
    with Service(folder, api_keys_file=folder / "keys") as keyed:
        for number in (1, 2):
            keyed.put(f"m/{number}/model.onnx", penguins(seed=number))
        keyed.start(within=60)
        headers = {"Authorization": f"Bearer {ADMIN}"}
        change = {"split": {"1": 50, "2": 50}}
        eventually(
            lambda: keyed.client.put("/models/m/traffic", json=change, headers=headers).is_success
        )
        page.goto(f"{str(keyed.client.base_url).rstrip('/')}/models/m/#live")
        page.get_by_label("API key").fill(READER)
        page.keyboard.press("Enter")
        page.locator("#traffic-versions tbody tr").nth(1).wait_for()
        page.get_by_text("The prediction log is off").wait_for()
        page.locator("#end-traffic").click()
        page.locator("#end-traffic").click()
        problem = page.locator("#traffic-problem")
        problem.wait_for()
        assert "admin" in problem.inner_text()
        assert page.locator("#end-traffic").is_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["quiet", "shadowed", "sums", "split", "ended"])
def test_live_panel_is_accessible_and_fits_a_phone(
    page: Page,
    service: Service,
    assert_accessible: Callable[[], None],
    name: str,
    scheme: Literal["dark", "light"],
) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_viewport_size({"width": 360, "height": 900})
    page.emulate_media(color_scheme=scheme)
    ModelPage(page, service, name).open("live")
    page.locator("#traffic-versions tbody tr").first.wait_for()
    page.locator("#truth-state").wait_for()
    assert_accessible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems == []
