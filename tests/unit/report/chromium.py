"""A real Chromium without a screen, driven by its chromedriver; nothing of it is left when it is over."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = ("chromium", "chromedriver")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # root has no other way
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--metrics-recording-only",
    "--window-size=1280,900",
)


def missing() -> str:
    """Why there is no Chromium here; nothing when there is one. In CI that is a failure."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    reason = f"no {' and no '.join(lacking)} (apt install chromium chromium-driver)" if lacking else ""
    assert not (reason and os.environ.get("CI") == "true"), reason
    return reason


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """A browser whose profile is in ``folder``; it tells what its console says and what it asks the network for."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*SWITCHES, f"--user-data-dir={folder}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(shutil.which("chromedriver"), log_output=os.devnull, popen_kw={"start_new_session": True})
    try:
        driver = webdriver.Chrome(options=options, service=service)
        driver.set_page_load_timeout(120)
        try:
            yield driver
        finally:
            driver.quit()
    finally:
        service.stop()
        _end(str(folder))


def left(folder: str) -> list[int]:
    """Processes of the browser with this profile."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(f"--user-data-dir={folder}") in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def _end(folder: str) -> None:
    deadline = time.monotonic() + 20
    while pids := left(folder):
        if time.monotonic() > deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline + 10:
            pytest.fail(f"Chromium's processes {pids} do not end")
        time.sleep(0.1)


def asked_for(driver: webdriver.Chrome) -> list[str]:
    """The addresses that the page has asked for since the last question."""
    found = []
    for line in driver.get_log("performance"):  # type: ignore[no-untyped-call]
        message: dict[str, Any] = json.loads(line["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return found


def complaints(driver: webdriver.Chrome) -> list[str]:
    """What the console says: errors, and what the page's policy has forbidden."""
    return [line["message"] for line in driver.get_log("browser")]  # type: ignore[no-untyped-call]
