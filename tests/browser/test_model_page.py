"""Card, versions and use of a model, and the pages of all kinds of models, in a real browser."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from sklearn.linear_model import LogisticRegression

from browser.model_page import ModelPage
from browser.test_swagger import MEASUREMENTS, PENGUINS
from exporter import publish
from support.models.artifacts import (
    SPECIES,
    classifier_graph,
    mixed,
    model,
    penguins,
    regressor,
)
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start two workers, each of which may be behind the other."""
    with Service(tmp_path_factory.mktemp("service"), workers=2) as service:
        service.put("mixed/1/model.onnx", mixed())
        service.put("rings/1/model.onnx", regressor())
        service.put("foreign.onnx", model(classifier_graph(SPECIES)))
        for number in (1, 2, 3):
            service.put(f"penguins/{number}/model.onnx", penguins(seed=number))
        service.put("penguins/4/model.onnx", penguins()[:200])
        service.settings["keep_versions"] = 2
        service.start(within=60)
        rows, others = PENGUINS[::2], PENGUINS[1::2]
        publish(
            LogisticRegression(max_iter=10_000).fit(rows[MEASUREMENTS], rows["species"]),
            "real",
            rows[MEASUREMENTS],
            evaluate=(others[MEASUREMENTS], others["species"]),
            description="<b>Bold</b> & <script>alert(1)</script>",
            models_dir=service.models,
            url=str(service.client.base_url),
        ).wait(60)
        yield service
        service.stop()


def test_roll_back_asks_once_and_the_page_follows(page: Page, service: Service) -> None:
    ModelPage(page, service, "penguins").open("versions")
    page.locator("tr", has_text="quarantined").locator(".reason").wait_for()
    button = page.locator("#pin-2")
    button.click()
    assert button.inner_text() == "Really roll back to version 2?"
    assert service.model("penguins")["active_version"] == 3
    button.click()
    page.locator("#model-head", has_text="Version 2, pinned").wait_for()
    page.locator("tr.active th").get_by_text("2", exact=True).wait_for()
    assert service.model("penguins")["pinned_version"] == 2
    assert page.locator("#tab-versions").get_attribute("aria-selected") == "true"

    page.locator("#unpin").click()
    page.locator("#unpin").click()
    page.locator("#model-head", has_text="Version 3").wait_for()
    page.locator("tr.active th").get_by_text("3", exact=True).wait_for()
    assert service.model("penguins")["pinned_version"] is None


def test_question_is_withdrawn_when_the_person_goes_elsewhere(page: Page, service: Service) -> None:
    ModelPage(page, service, "penguins").open("versions")
    button = page.locator("#pin-1")
    button.click()
    page.locator("#tab-card").click()
    page.locator("#tab-versions").click()
    assert button.inner_text() == "Roll back"
    assert service.model("penguins")["pinned_version"] is None


def test_question_stays_when_the_page_changes_meanwhile(page: Page, service: Service) -> None:
    service.put("asked/1/model.onnx", penguins())
    service.put("asked/2/model.onnx", penguins())
    eventually(lambda: service.model("asked").get("active_version") == 2)
    ModelPage(page, service, "asked").open("versions")
    page.locator("#pin-1").click()
    service.put("asked/3/model.onnx", penguins())
    page.locator("#model-head", has_text="Version 3").wait_for()
    assert page.locator("#pin-1").inner_text() == "Really roll back to version 1?"
    page.locator("#pin-1").click()
    page.locator("#model-head", has_text="Version 1, pinned").wait_for()


def test_roll_back_by_keyboard_keeps_its_place(page: Page, service: Service) -> None:
    ModelPage(page, service, "penguins").open("versions")
    page.locator("#pin-2").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.locator("#unpin").wait_for()
    page.locator("#unpin").press("Enter")
    page.locator("#unpin").press("Enter")
    page.locator("#unpin").wait_for(state="detached")


def test_tabs_follow_the_arrow_keys_and_the_address(page: Page, service: Service) -> None:
    shown = ModelPage(page, service, "penguins").open("card")
    page.locator("#tab-card").focus()
    page.keyboard.press("ArrowRight")
    page.locator("#panel-versions").wait_for()
    assert page.url == f"{shown.url}#versions"
    page.keyboard.press("Home")
    page.locator("#panel-try").wait_for()
    assert page.locator("#panel-versions").is_hidden()


def test_card_shows_texts_of_the_file_as_texts(page: Page, service: Service) -> None:
    ModelPage(page, service, "real").open("card")
    page.get_by_text("<b>Bold</b> & <script>alert(1)</script>").wait_for()
    assert page.locator(".confusion td").count() == 9
    assert page.locator("#panel-card").get_by_text("scikit-learn").first.is_visible()


def test_copied_curl_answers(page: Page, service: Service) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ModelPage(page, service, "real").open("use")
    page.get_by_role("button", name="Copy: curl").click()
    page.get_by_role("button", name="Copy: curl").get_by_text("Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl --silent --noproxy '*' ")],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert '"label"' in done.stdout


@pytest.mark.parametrize("title", ["Python, httpx", "Triton client"])
def test_shown_python_runs(page: Page, service: Service, title: str) -> None:
    ModelPage(page, service, "real").open("use")
    section = page.locator("#panel-use section", has_text=title).first
    code = section.locator("code").inner_text()
    assert str(service.client.base_url).rstrip("/").partition("//")[2] in code
    answers: list[object] = []
    exec(code, {"print": answers.append})  # noqa: S102 - the page's own code
    assert len(answers) == 1


def test_shown_javascript_runs(page: Page, service: Service) -> None:
    ModelPage(page, service, "real").open("use")
    section = page.locator("#panel-use section", has_text="JavaScript").first
    code = section.locator("code").inner_text().replace("console.log", "return (")
    answer = page.evaluate(f"async () => {{ {code.replace('return (', 'return ')} }}")
    assert answer["model"] == "real"


def test_reasons_and_curve_follow_the_feature_in_hand(page: Page, service: Service) -> None:
    shown = ModelPage(page, service, "real").open()
    page.locator("#explanation .contribution").nth(3).wait_for()
    page.locator("#whatif h2", has_text="bill_length_mm").wait_for()
    shown.drag("body_mass_g", 0.9)
    page.locator("#whatif h2", has_text="body_mass_g").wait_for()
    assert page.locator("#whatif path").count() == 3
    page.locator("#explained").select_option("Chinstrap")

    def reasons_are_those_of_the_answer() -> bool:
        total = page.locator("#explanation .hint").first.inner_text()
        share = page.locator("#answer .row", has_text="Chinstrap").locator(".amount").inner_text()
        explained, answered = float(total.split(" to ")[1].rstrip(":")), float(share.rstrip("%"))
        return explained == pytest.approx(answered / 100, abs=0.002)

    shown.until(reasons_are_those_of_the_answer, what="the reasons of the last answer")


@pytest.mark.parametrize("name", ["mixed", "rings", "foreign", "penguins", "real"])
@pytest.mark.parametrize("tab", ["try", "card", "versions", "live", "use"])
def test_every_panel_of_every_model_is_accessible_and_quiet(
    page: Page,
    service: Service,
    assert_accessible: Callable[[], None],
    name: str,
    tab: str,
) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_viewport_size({"width": 420, "height": 900})
    ModelPage(page, service, name).open(tab)
    page.locator("#live[data-state=on]").wait_for()
    assert_accessible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert problems == []


def test_model_that_begins_to_answer_gets_its_panels(page: Page, service: Service) -> None:
    service.put("slow/1/model.onnx", b"no model")
    eventually(lambda: service.model("slow").get("state") == "quarantined", what="it is seen")
    page.goto(ModelPage(page, service, "slow").url)
    page.get_by_text("No version of this model answers now.").wait_for()
    service.put("slow/2/model.onnx", penguins())
    page.locator(".verdict").wait_for()
    page.locator("#tab-use").wait_for()
