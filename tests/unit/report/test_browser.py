"""The page in a real Chromium: opened, filtered, unfolded, on a phone, in the dark."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.report.runs import small, written

from hotdesk.report.fold import read
from hotdesk.report.page import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

pytest.importorskip("selenium")
from tests.unit.report.chromium import asked_for, chromium, complaints, left, missing

pytestmark = [pytest.mark.xdist_group("chromium"), pytest.mark.skipif(bool(missing()), reason=missing())]
PICTURES = Path(__file__).parents[3] / "build" / "report"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One for all tests here."""
    folder = tmp_path_factory.mktemp("chromium")
    with chromium(folder) as driver:
        yield driver
    assert not left(str(folder))


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Chrome:
    """The small run's page, open, on a desk in the light."""
    write(read(written(tmp_path / "r1.jsonl", small())), tmp_path / "r1.html")
    emulate(browser, width=1200)
    asked_for(browser), complaints(browser)
    browser.get((tmp_path / "r1.html").as_uri())
    return browser


def emulate(driver: Chrome, *, width: int, scheme: str = "light") -> None:
    """A screen of so many CSS pixels (of 360: a phone's), and what its owner likes."""
    device = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def js(driver: Chrome, script: str) -> Any:
    """The value of an expression in the page."""
    return driver.execute_script(f"return {script}")


def shown(driver: Chrome, section: str) -> str:
    """The text of a section as it is seen."""
    return str(js(driver, f"document.querySelector('#{section}').innerText"))


def picture(driver: Chrome, name: str) -> None:
    """Kept under ``build/report``: for people."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    data = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]
    (PICTURES / f"{name}.png").write_bytes(base64.b64decode(data))


def test_it_opens_without_a_complaint_and_asks_for_nothing(page: Chrome) -> None:
    """Its policy lets its own style and script through, and what a host said did not run."""
    picture(page, "light")
    assert page.title == "Of 4 hosts, 1 failed, 1 could not be reached, 1 did not pass verification: run r1"
    assert complaints(page) == []
    assert [address for address in asked_for(page) if not address.endswith("/r1.html")] == []
    assert js(page, "document.querySelector('#tools').hidden") is False
    assert js(page, "getComputedStyle(document.querySelector('.facts')).display") == "grid"


def test_its_policy_stops_what_is_not_its_own(page: Chrome) -> None:
    """Would some text get through as markup, nothing of it would run or be loaded."""
    page.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x\" onerror=\"document.title=1\">')"
    )
    page.execute_async_script("setTimeout(arguments[0], 200)")
    assert page.title != "1"
    assert any("Content Security Policy" in line for line in complaints(page))


def test_a_host_is_picked_out(page: Chrome) -> None:
    """Every part shows it alone, says where there is nothing, and all come back."""
    box = page.find_element("id", "filter")
    box.send_keys("DENEB")
    assert "Packages as on atlas" in shown(page, "failures")
    assert "Is the printer there" not in shown(page, "failures")
    assert "vega" not in shown(page, "hosts")
    assert "Nothing on these hosts." in shown(page, "changes")
    assert page.find_element("id", "count").text == "1 of 4"
    box.clear()
    box.send_keys("vega altair")
    assert "vega" in shown(page, "hosts")
    assert "deneb" not in shown(page, "hosts")
    box.clear()
    box.send_keys(" ")
    assert "deneb" in shown(page, "hosts")
    assert page.find_element("id", "count").text == ""


def test_a_failed_task_is_unfolded(page: Chrome) -> None:
    """By a click: then its output is seen, as text."""
    (failed,) = page.find_elements("xpath", "//section[@id='failures']/details[contains(., 'Packages')]")
    assert "post-installation script" not in failed.text
    failed.find_element("tag name", "summary").click()
    assert "installed post-installation script failed" in failed.text
    assert "\\x1b[2J" in failed.text
    picture(page, "unfolded")


def test_a_link_to_a_change_unfolds_it(page: Chrome) -> None:
    """From the list of a host's tasks to what the task did."""
    page.find_element("xpath", "//section[@id='changes']/details[summary[contains(., '3 tasks')]]/summary").click()
    page.find_element("link text", "Message of the day").click()
    assert page.find_element("css selector", "details[open] .diff .del").text == "-old line"


@pytest.mark.parametrize("unfold", [False, True])
def test_a_phone_needs_no_scrolling_sideways(page: Chrome, unfold: bool) -> None:
    """At 360 pixels, folded and unfolded."""
    emulate(page, width=360)
    js(page, f"document.querySelectorAll('details').forEach((each) => {{ each.open = {str(unfold).lower()} }})")
    picture(page, "phone-unfolded" if unfold else "phone")
    assert js(page, "document.documentElement.scrollWidth") <= 360
    wide = js(
        page, "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 361).length"
    )
    assert wide == 0


def test_it_is_dark_where_that_is_liked(page: Chrome) -> None:
    """By the system's wish, and by the switch against it; text stands out from its ground in both."""
    light, dark = "rgb(250, 249, 246)", "rgb(22, 24, 27)"
    ground = "getComputedStyle(document.body).backgroundColor"
    assert js(page, ground) == light
    assert faint(page) == []
    emulate(page, width=1200, scheme="dark")
    assert js(page, ground) == dark
    assert faint(page) == []
    picture(page, "dark")
    page.find_element("id", "theme").click()
    assert js(page, ground) == light


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const light = (color) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (e) => {
  const color = getComputedStyle(e).backgroundColor;
  return color.startsWith('rgba(0, 0, 0, 0') ? ground(e.parentElement) : color;
};
const found = [];
document.querySelectorAll('details').forEach((each) => { each.open = true; });
for (const e of document.querySelectorAll('body *')) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest('svg')) continue;
  let alpha = 1;
  for (let p = e; p; p = p.parentElement) alpha *= Number(getComputedStyle(p).opacity);
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
  const seen = alpha * a + (1 - alpha) * b;
  const ratio = (Math.max(seen, b) + 0.05) / (Math.min(seen, b) + 0.05);
  if (ratio < 4.5) found.push(`${e.tagName}.${e.className}: ${ratio.toFixed(2)}`);
}
return [...new Set(found)];
"""
"""WCAG 2.2, 1.4.3: the text's luminance against its ground's, at least 4.5 to 1."""


def faint(driver: Chrome) -> list[str]:
    """What is too faint to be read easily."""
    return list(driver.execute_script(CONTRAST))


def test_it_is_made_for_every_reader(page: Chrome) -> None:
    """A language, one main part, headings in their order, table heads, names for pictures and for what can be operated."""
    assert js(page, "document.documentElement.lang") == "en"
    assert js(page, "document.querySelectorAll('main, h1').length") == 2
    levels = js(page, "[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]))")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert js(page, "[...document.querySelectorAll('th')].filter((e) => !e.scope).length") == 0
    assert js(page, "[...document.querySelectorAll('svg')].filter((e) => !e.getAttribute('aria-label')).length") == 0
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    for role in ("button", "combobox", "link", "image", "table", "columnheader"):
        nodes = [node for node in tree if node.get("role", {}).get("value") == role and not node["ignored"]]
        assert nodes, role
        assert role == "table" or all(node.get("name", {}).get("value") for node in nodes), role
