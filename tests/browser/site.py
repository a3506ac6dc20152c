"""Airflow on the tests' own stack, and its pages in a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, HttpCredentials, Page, expect

SCREENSHOTS = Path(__file__).parent / "screenshots"
DESKTOP, TABLET, PHONE = 1440, 1024, 390
HEIGHTS = {DESKTOP: 1000, TABLET: 768, PHONE: 844}
# Before the scripts of a page: the first page of a tab finds an empty local storage, and each the theme.
FRESH = """
    if (location.origin !== 'null') {
        if (!sessionStorage.getItem('begun')) localStorage.clear();
        sessionStorage.setItem('begun', 'yes');
        localStorage.setItem('theme', %s);
    }
"""
# A test with the argument `dark` sees its page in both themes.
both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
STEADY = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@dataclass
class Site:
    """Airflow at `url`, with its user's name and password. `state`: the browser's cookies after signing in."""

    url: str
    user: str
    password: str = field(repr=False)
    browser: Browser = field(repr=False)
    mlflow: HttpCredentials | None = field(default=None, repr=False)
    state: Any = None
    _token: str = ""
    _windows: dict[bool, BrowserContext] = field(default_factory=dict, repr=False)

    @contextmanager
    def page(
        self, path: str, *, dark: bool = False, narrow: bool = False, width: int = DESKTOP, still: bool = False
    ) -> Iterator[Page]:
        """A page in its own tab, signed in, with an empty local storage; a JavaScript error on it fails the test.

        Args:
            path: the page's address within Airflow.
            dark: in Airflow's dark mode instead of its light one.
            narrow: as on a phone; short for `width=PHONE`.
            width: of the window in pixels: DESKTOP, TABLET or PHONE.
            still: for a reader who asked the system for reduced motion.
        """
        width = PHONE if narrow else width
        window = self._window(dark)
        before = window.pages
        page = window.new_page()
        page.set_default_timeout(60_000)
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.emulate_media(reduced_motion="reduce" if still else "no-preference")
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.add_init_script(FRESH % json.dumps("dark" if dark else "light"))
        page.goto(self.url + path)
        try:
            yield page
            assert errors == []
        finally:
            window.clear_permissions()
            for opened in set(window.pages) - set(before):
                opened.close()

    def close(self) -> None:
        """Close the windows."""
        for window in self._windows.values():
            window.close()
        self._windows.clear()

    def _window(self, dark: bool) -> BrowserContext:
        """The window of a theme, which stays open: loading Airflow without a cache takes most of a test's seconds."""
        if dark not in self._windows:
            self._windows[dark] = self.browser.new_context(storage_state=self.state, http_credentials=self.mlflow)
        return self._windows[dark]

    def get(self, path: str) -> Any:
        """The JSON at a path of Airflow's REST API."""
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """The JSON that a path answers to this JSON."""
        return self._request("POST", path, json=body)

    def _request(self, method: str, path: str, **more: Any) -> Any:
        if not self._token:
            body = {"username": self.user, "password": self.password}
            self._token = requests.post(f"{self.url}/auth/token", json=body, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = requests.request(method, self.url + path, headers=headers, timeout=60, **more)
        answer.raise_for_status()
        return answer.json()

    def wait(self, path: str, what: Callable[[Any], Any], seconds: float = 600.0) -> Any:
        """What `what` finds in the JSON at `path`, once it finds something."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.get(path)
            if found := what(answer):
                return found
            assert time.monotonic() < deadline, f"{path} after {seconds:.0f} s: {answer}"
            time.sleep(0.3)


def signed_in(stack: Mapping[str, str], browser: Browser) -> Site:
    """Airflow of a stack with these settings, signed in through its form."""
    mlflow = HttpCredentials(
        username=stack["MLFLOW_TRACKING_USERNAME"], password=stack["MLFLOW_TRACKING_PASSWORD"],
        origin=stack["MLFLOW_TRACKING_URI"],
    )  # fmt: skip
    user, password = stack["MELI_AIRFLOW_USER"], stack["MELI_AIRFLOW_PASSWORD"]
    site = Site(stack["MELI_AIRFLOW_URL"], user, password, browser, mlflow)
    with site.page("/") as page:
        page.fill("input[name=username]", site.user)
        page.fill("input[name=password]", site.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("link", name="Models")).to_be_visible()
        site.state = page.context.storage_state()
    site.close()
    return site


def widths(page: Page) -> Iterator[int]:
    """Every width that a reader's window may have; the page's window has it in the body of the loop.

    The page is not loaded again: that takes ten times the seconds of everything that a test checks in one width.
    """
    for width, height in HEIGHTS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"innerWidth === {width}")
        page.evaluate(STEADY)
        yield width


def shoot(page: Page, name: str, *, height: int = 0) -> None:
    """Save a screenshot as test output; `height` enlarges the window first, to show more than fits a screen."""
    SCREENSHOTS.mkdir(exist_ok=True)
    if height:
        page.set_viewport_size({"width": page.evaluate("innerWidth"), "height": height})
        page.wait_for_function(f"innerHeight === {height}")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def run_path(run_id: str, dag: str = "meli_training") -> str:
    """The page of a run."""
    return f"/dags/{dag}/runs/{quote(run_id, safe=':+')}"
