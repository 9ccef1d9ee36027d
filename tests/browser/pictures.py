"""Remake the screenshots in docs/pictures: ``make pictures``.

These are the real things: the penguin models, published by the notebook in JupyterLab, in the
service's own page. A picture is small enough to load at once, else this fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from palmerpenguins import load_penguins

from browser.model_page import ModelPage
from support.project import ROOT
from support.service.ports import free_port
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import FloatRect, Locator, Page

    from support.swagger_page import Swagger

PICTURES = ROOT / "docs" / "pictures"
LARGEST_BYTES = 300_000
SHOWN = "penguins-logistic-regression"
MEASUREMENTS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
# The list of a closed select is the system's, outside the page; this one is drawn in the page.
DRAWN_IN_PAGE = """
select, ::picker(select) { appearance: base-select !important; }
select::picker-icon { display: none; }
::picker(select) { border: 1px solid #41444e; border-radius: 4px; }
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start a service where readers will have theirs, so that the pictures show its address."""
    folder = tmp_path_factory.mktemp("service")
    running = Service(folder, port=8000, prediction_log=folder / "log").start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def lab(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start JupyterLab on a copy of the notebooks; its kernels publish to the service."""
    home = tmp_path_factory.mktemp("lab")
    for file in (ROOT / "notebooks").glob("penguins.*"):
        shutil.copy(file, home)
    # Without windowing a cell that is out of sight stays in the page and can be scrolled to.
    _configure(home, "notebook-extension/tracker", windowingMode="none")
    _configure(home, "apputils-extension/notification", fetchNews="false")
    port = free_port()
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    options += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly", "--allow-root"]
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "EXPORTER_MODELS_DIR": str(service.models),
        "EXPORTER_URL": str(service.client.base_url),
    }
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=home,
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(f"{address}/api"), within=60, what="JupyterLab answers")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def take_publication(page: Page, lab: str) -> None:
    """The publication of a model, in JupyterLab, after the whole notebook has run."""
    page.set_viewport_size({"width": 1180, "height": 980})
    page.goto(f"{lab}/lab/tree/penguins.ipynb?reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.get_by_role("columnheader", name="equal labels").wait_for(timeout=120_000)
    page.keyboard.press("Control+B")  # the file browser says nothing
    card = page.locator(".jp-OutputArea", has=page.get_by_text("Try it in Swagger")).last
    cell = page.locator(".jp-CodeCell", has=card)
    cell.evaluate("cell => cell.scrollIntoView({block: 'end'})")
    page.mouse.move(0, 0)
    _save("jupyterlab-publication", page)


def take_drop_down(swagger: Swagger, page: Page) -> None:
    """The drop-down of /select-model/ with the five penguin models."""
    page.set_viewport_size({"width": 1000, "height": 1000})
    swagger.open()
    page.evaluate(  # the page's policy forbids style elements, not constructed style sheets
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css);"
        " document.adoptedStyleSheets.push(sheet); }",
        DRAWN_IN_PAGE,
    )
    entry = swagger.entry("/select-model/").try_it_out()
    entry.block.evaluate("entry => window.scrollTo(0, entry.offsetTop)")
    entry.drop_down("model").click()
    entry.drop_down("model").locator("option").last.hover()
    _save("swagger-drop-down", page, _around(entry.block, height=420))


def take_prediction(swagger: Swagger, page: Page) -> None:
    """A prediction by the selected model."""
    page.set_viewport_size({"width": 1000, "height": 1400})
    swagger.open()
    select = swagger.entry("/select-model/").try_it_out()
    select.drop_down("model").select_option(SHOWN)
    select.execute()
    swagger.open()
    predict = swagger.entry("/predict/").try_it_out()
    predict.block.locator("textarea").evaluate(
        "body => body.style.minHeight = body.style.height = '9em'"
    )
    predict.execute()
    predict.block.evaluate("entry => window.scrollTo(0, entry.offsetTop)")
    top = predict.block.bounding_box()
    answer = predict.block.locator(".live-responses-table .highlight-code").first.bounding_box()
    assert top
    assert answer
    height = answer["y"] + answer["height"] - top["y"] + 12
    _save("swagger-prediction", page, _around(predict.block, height=height))


def take_model_page(page: Page, service: Service) -> None:
    """The page of a model between two species, with the reasons for its answer."""
    page.set_viewport_size({"width": 1180, "height": 1060})
    shown = ModelPage(page, service, SHOWN).open()
    examples = page.locator(".examples button", has_text="Adelie")
    examples.first.click()
    page.locator(".verdict", has_text="Adelie").wait_for()
    for length in range(380, 500):  # until the model is no longer certain
        shown.value("bill_length_mm").fill(f"{length / 10}")
        page.locator("#explanation .contribution").first.wait_for()
        page.wait_for_timeout(60)
        bars = page.locator("#answer .best .amount").inner_text()
        if float(bars.rstrip("%")) < 75:
            break
    page.locator("#whatif .now").wait_for(state="attached")
    page.locator("#live[data-state=on]").wait_for()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # the bars move
    _save("model-page", page)


def take_overview(page: Page, service: Service) -> None:
    """The page of all models, with traffic on one of them."""
    page.set_viewport_size({"width": 1180, "height": 640})
    service.client.post(f"/select-model/?model={SHOWN}").raise_for_status()
    record = service.model(SHOWN)["contract"]["samples"][0]["row"]
    for _ in range(500):
        service.client.post(f"/models/{SHOWN}/predict", json=record).raise_for_status()
    page.goto(str(service.client.base_url))
    page.locator(f"#model-{SHOWN} [data-figure=p99]", has_text="ms").wait_for(timeout=30_000)
    _save("overview", page)


def take_live_tab(page: Page, service: Service) -> None:
    """The live tab: a shadow with its gates, the truth, and drift without Adelie penguins."""
    page.set_viewport_size({"width": 1180, "height": 1560})
    shown = f"/models/{SHOWN}"
    forest = (service.models / "penguins-random-forest" / "1" / "model.onnx").read_bytes()
    service.put(f"{SHOWN}/2/model.onnx", forest)
    service.wait_for(SHOWN, active_version=2)
    service.client.put(f"{shown}/active", json={"version": 1}).raise_for_status()
    gates = {"after_rows": 2000, "max_disagreement": 0.05, "max_error_rate": 0.001}
    traffic = {"shadow": 2, "promote": gates}
    service.client.put(f"{shown}/traffic", json=traffic).raise_for_status()
    table = load_penguins().dropna()
    rows = table[table["species"] != "Adelie"].to_dict("records")
    truths = []
    for row in rows * 4:
        record = {name: row[name] for name in MEASUREMENTS}
        answer = service.client.post(f"{shown}/predict", json=record).raise_for_status()
        truths.append({"request_id": answer.headers["x-request-id"], "truth": row["species"]})
    service.client.post("/feedback", json=truths).raise_for_status()
    ModelPage(page, service, SHOWN).open("live")
    page.locator("#drift-answers .psi", has_text="PSI").wait_for(timeout=30_000)
    page.locator("#gates-table").wait_for()
    page.locator("#truth-table tr", has_text="latest").first.wait_for()
    page.locator("#live[data-state=on]").wait_for()
    page.mouse.move(0, 0)
    _save("live-tab", page)


def _configure(home: Path, plugin: str, **settings: str) -> None:
    file = home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _around(block: Locator, *, height: float) -> FloatRect:
    box = block.bounding_box()
    assert box
    return {"x": box["x"] - 8, "y": box["y"] - 8, "width": box["width"] + 16, "height": height + 8}


def _save(name: str, page: Page, clip: FloatRect | None = None) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, clip=clip, animations="disabled")
    assert path.stat().st_size < LARGEST_BYTES, f"{path} is too large"
