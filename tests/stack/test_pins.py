"""What the images have in common stays in common."""

from __future__ import annotations

from support.project import ROOT

PINNED = ("ARG PYTHON_IMAGE", "ARG UV_IMAGE", "FROM ", "USER ")
IMAGES = ROOT / "images"


def test_all_images_pin_the_same_bases_and_the_same_user() -> None:
    """An environment is copied between equal bases, and one user owns the shared volume."""
    pins = []
    for image in ("inference", "jupyter", "load"):
        lines = (IMAGES / image / "Dockerfile").read_text().splitlines()
        pins.append([line for line in lines if line.startswith(PINNED)])

    assert pins[0] == pins[1] == pins[2]
    assert all(":" in pin for pin in pins[0] if pin.startswith("ARG "))


def test_every_service_rotates_its_log_and_takes_bases_pinned_by_digest() -> None:
    compose = (ROOT / "compose.yml").read_text()
    services = compose.count("dockerfile: images/")
    assert services == 3
    others = 2  # Prometheus and Grafana, which are not built here
    assert compose.count("    logging: *logging\n") == services + others
    assert compose.count(": *bases\n") == services
    for image in IMAGES.iterdir():
        bases = [line for line in (image / "Dockerfile").read_text().splitlines()
                 if line.startswith("FROM ")]  # fmt: skip
        assert all("${PYTHON_IMAGE}" in base or "${UV_IMAGE}" in base for base in bases)
