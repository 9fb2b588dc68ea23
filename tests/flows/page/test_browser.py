"""Pages in a real browser: quiet, self-contained, 1280 pixels wide, and answering the pointer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import sterna_flows

from .folders import add_decoder_run, add_results, write_exploration

WIDTH = 1280
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

BEYOND = """
() => [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1);
}).map((element) => element.outerHTML.slice(0, 80))
"""
"""Elements that reach beyond the window."""

CUT = """
() => [...document.querySelectorAll("svg text")].filter((text) => {
  const box = text.getBoundingClientRect();
  const drawing = text.closest("svg").getBoundingClientRect();
  return box.left < drawing.left - 1 || box.right > drawing.right + 1
    || box.top < drawing.top - 1 || box.bottom > drawing.bottom + 1;
}).map((text) => text.textContent)
"""
"""Texts that a drawing cuts off."""

SCROLLED = """
() => [...document.querySelectorAll(".wide")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.textContent.slice(0, 80))
"""
"""Tables that are wider than their place."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as driver:
        # Without a sandbox, since continuous integration runs as root.
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=0)
        yield started
        started.close()


@pytest.fixture
def folder(
    request: pytest.FixtureRequest, network: Path, branches: Path, decoder: Path, tmp_path: Path
) -> Path:
    """A folder by its name: made of copies, with results added."""
    place = tmp_path / "shown"
    if request.param == "network":
        shutil.copytree(network, place)
        add_results(place)
        write_exploration(place)
    elif request.param == "branches":
        shutil.copytree(branches, place)
    elif request.param == "decoder":
        shutil.copytree(decoder, place)
        add_decoder_run(place)
    else:
        write_exploration(place, ("throughput", "lut", "energy"))
    return place


def opened(browser: Browser, page: Path) -> tuple[Page, list[str], list[str]]:
    """A page in the browser; what it said on the console, and what it asked for."""
    shown = browser.new_page(viewport={"width": WIDTH, "height": 900})
    # How long anything takes is no matter: only the test's own limit counts.
    shown.set_default_timeout(0)
    said: list[str] = []
    asked: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(page.as_uri())
    return shown, said, asked


@pytest.mark.parametrize(
    ("folder", "sections"),
    [
        ("network", "pipeline resources roofline exploration verification accuracy"),
        ("branches", "pipeline resources roofline exploration verification accuracy"),
        ("decoder", "pipeline resources roofline schedule exploration verification accuracy"),
        ("exploration", "exploration accuracy"),
    ],
    indirect=["folder"],
)
def test_a_page_as_it_is_read(folder: Path, sections: str, browser: Browser) -> None:
    """Nothing fetched, nothing complained of, all sections seen, nothing beyond the edges."""
    page = sterna_flows.report(folder)
    shown, said, asked = opened(browser, page)
    assert said == [] and asked == [page.as_uri()]
    assert shown.evaluate("document.compatMode") == "CSS1Compat"
    assert [section.get_attribute("id") for section in shown.query_selector_all("section")] == (
        sections.split()
    )
    for section in shown.query_selector_all("section, .plot svg"):
        box = section.bounding_box()
        assert box is not None and box["width"] > 400 and box["height"] > 40
    for element in shown.query_selector_all("details"):
        element.evaluate("element => { element.open = true }")
    assert shown.evaluate("document.documentElement.scrollWidth") <= WIDTH
    assert shown.evaluate(BEYOND) == [] and shown.evaluate(CUT) == []
    assert shown.evaluate(SCROLLED) == []
    assert said == [] and asked == [page.as_uri()]
    shown.close()


@pytest.mark.parametrize("folder", ["network"], indirect=True)
def test_marks_answer_the_pointer_and_the_keyboard(folder: Path, browser: Browser) -> None:
    shown, said, _ = opened(browser, sterna_flows.report(folder))
    tip = shown.locator("#tip")
    assert not tip.is_visible()
    marks = shown.locator("#exploration .plot [data-tip]")
    assert marks.count() == 7
    measured = shown.locator("#exploration .plot [data-tip*='(measured)']")
    measured.hover()
    tip.wait_for(state="visible")
    text = tip.text_content() or ""
    # What the network's author named with signs of HTML comes as text.
    assert text.startswith("Design 1 (measured)") and "hidden = table <&>" in text
    box = tip.bounding_box()
    assert box is not None and 0 <= box["x"] and box["x"] + box["width"] <= WIDTH
    shown.mouse.move(1, 1)
    tip.wait_for(state="hidden")
    frontier = shown.locator("#exploration .plot [tabindex][data-tip^='Design 3']")
    frontier.focus()
    tip.wait_for(state="visible")
    assert (tip.text_content() or "").startswith("Design 3 (estimated)")
    assert (frontier.get_attribute("aria-label") or "").startswith("Design 3 (estimated), ")
    assert said == []
    shown.close()
