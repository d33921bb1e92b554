"""Chromium and its Airflow: both are started once, and no request may leave this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from include.http.sandbox_address import SANDBOXES_VARIABLE
from scripts.demo.services import Services
from scripts.demo.settings import USER
from tests.browser.stage import PASSWORD, VIEWER, Stage, settings_in, start

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

_SECONDS = 60
LARGEST_PICTURE_BYTES = 200_000
pytest.importorskip("playwright")


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    settings = settings_in(tmp_path_factory.mktemp("browser") / "run")
    os.environ[SANDBOXES_VARIABLE] = settings.sandbox_url
    services = Services(settings)
    try:
        yield start(services)
    finally:
        services.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "chromium was not found: apt-get install chromium, or set CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """A browser with one user's login. ``left``: requests that would have left this machine."""

    def __init__(self, stage: Stage, context: BrowserContext) -> None:
        self.stage, self.context = stage, context
        self.left: list[str] = []
        self.errors: list[str] = []
        context.set_default_timeout(_SECONDS * 1000)
        context.route("**/*", self._local_only)
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def log_in(self, name: str, password: str) -> Visitor:
        self.page.goto(f"{self.stage.url}/auth/login?next={self.stage.url}/")
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "login" not in url)
        return self

    def picture(self, name: str) -> None:
        """Save a screenshot if ``SCREENSHOTS`` names a folder; it may have at most 200 kB."""
        image = self.page.screenshot(animations="disabled")
        assert len(image) < LARGEST_PICTURE_BYTES, name
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"board-{name}.png").write_bytes(image)

    def _local_only(self, route: Any) -> None:
        url = urlsplit(route.request.url)
        if url.hostname == "127.0.0.1" or url.scheme in ("data", "blob"):
            route.continue_()
            return
        self.left.append(route.request.url)
        route.abort()

    def _note(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.errors.append(message.text)


@pytest.fixture
def visit(stage: Stage, chromium: Browser) -> Iterator[Any]:
    """Return a function that creates a visitor: ``visit("viewer", width=390, theme="dark")``."""
    visitors: list[Visitor] = []

    def make(user: str = USER, *, width: int = 1280, theme: str = "light") -> Visitor:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        visitors.append(Visitor(stage, context))
        return visitors[-1].log_in(user, PASSWORD if user == VIEWER else stage.settings.password)

    yield make
    for visitor in visitors:
        visitor.context.close()
        assert visitor.left == [], "a request was about to leave this machine"
        assert visitor.errors == [], "the board's script or its policy failed"
