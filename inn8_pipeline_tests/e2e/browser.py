"""Control a headless Chromium as a person would: look, click, type. Every wait is for something visible.

This module works with any page; `pages` knows those of Dagster.
"""

import base64
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common import ElementClickInterceptedException, StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 30.0
WIDTH, HEIGHT = 1400, 900
PROGRAMS = {"chromium": shutil.which("chromium"), "chromedriver": shutil.which("chromedriver")}
# For root, without a graphics card, and without requests to other hosts than the page's.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Browser:
    """A browser window on one site."""

    def __init__(self, driver: webdriver.Chrome, url: str, pictures: Path) -> None:
        """Open the site at `url`; screenshots go to the folder `pictures`."""
        self._driver, self._url, self._pictures = driver, url, pictures

    def open(self, path: str) -> None:
        """Go to a page of the site."""
        self._driver.get(f"{self._url}{path}")

    @property
    def text(self) -> str:
        """The visible text of the page."""
        return self._driver.find_element(By.TAG_NAME, "body").text

    @property
    def lines(self) -> list[str]:
        """The lines of the visible text."""
        return self.text.splitlines()

    def until(self, condition: Callable[[], Any], wanted: str, seconds: float = SECONDS) -> Any:  # noqa: ANN401
        """Wait for the condition and return its result; fail with what was wanted and with the visible text."""
        waiting = WebDriverWait(
            self._driver,
            seconds,
            ignored_exceptions=[StaleElementReferenceException, ElementClickInterceptedException],
        )
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            raise AssertionError(wanted, self._driver.current_url, self.lines) from None

    def reads(self, *wanted: str, seconds: float = SECONDS) -> None:
        """Wait until the page shows all of these texts."""
        for each in wanted:
            self.until(lambda each=each: each in self.text, each, seconds)  # type: ignore[misc]

    def reads_lines(self, *wanted: str, seconds: float = SECONDS) -> None:
        """Wait until the page shows each of these texts as a line of its own."""
        for each in wanted:
            self.until(lambda each=each: each in self.lines, each, seconds)  # type: ignore[misc]

    def all(self, path: str) -> list[WebElement]:
        """Return all elements of an XPath."""
        return self._driver.find_elements(By.XPATH, path)

    def find(self, path: str) -> WebElement:
        """Wait for a visible element of an XPath and return the last one, which is the topmost."""
        found: WebElement = self.until(
            lambda: next((each for each in reversed(self.all(path)) if each.is_displayed()), None), path
        )
        return found

    def table(self, path: str) -> list[list[str]]:
        """Return the visible text of the cells of each row, without headings."""
        rows = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in self.all(f"{path}//tr")]
        return [row for row in rows if row]

    def press(self, path: str) -> None:
        """Click the element, once no other element covers it."""

        def pressed() -> bool:
            self.find(path).click()
            return True

        self.until(pressed, f"{path} to be pressed")

    def click(self, text: str) -> None:
        """Click the button, the link or the tab with this text."""
        self.press(button(text))

    def follow_the_notice(self, text: str) -> str:
        """Click `View` in the notice that begins with this text, and return the path that it opens."""
        self.reads(text)
        self.click("View")
        self.until(lambda: "/runs/" in self._driver.current_url, "the page of what was launched")
        return self.path

    def leave(self, path: str) -> str:
        """Wait until the page of this path is left, and return the new path."""
        current: str = self.until(lambda: self.path if self.path != path else None, "another page")
        return current

    @property
    def path(self) -> str:
        """The path of the page."""
        return urlsplit(self._driver.current_url).path

    def type(self, path: str, text: str) -> None:
        """Replace the text of the field, and leave the field."""
        self.find(path).send_keys(Keys.CONTROL, "a")
        self.find(path).send_keys(text, Keys.TAB)

    def scroll_to(self, path: str) -> None:
        """Scroll the element to the top."""
        self.run("arguments[0].scrollIntoView()", self.find(path))

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 (whatever JavaScript returns)
        """Run a script on the page."""
        return self._driver.execute_script(script, *arguments)

    def screenshot(self, name: str) -> None:
        """Take a screenshot, once fonts and requests have been loaded."""
        self.until(lambda: "Loading" not in self.text, "an end of loading")
        still: list[bytes] = []
        self.until(lambda: self._is_still(still), "an end of moving")
        self._pictures.joinpath(f"{name}.png").write_bytes(still[-1])

    def emulate(self, width: int, scheme: str) -> None:
        """Let the window be so wide, down to that of a telephone, and prefer `light` or `dark`."""
        metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)

    def part_of_page(self, name: str, top: int, width: int, height: int) -> None:
        """Take a screenshot of a part of the page, also of what is below the window."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        taken = self._driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        self._pictures.joinpath(f"{name}.png").write_bytes(base64.b64decode(taken["data"]))

    def _is_still(self, seen: list[bytes]) -> bool:
        seen.append(self._driver.get_screenshot_as_png())
        return len(seen) > 1 and seen[-1] == seen[-2]

    def errors(self) -> list[str]:
        """Return the errors in the browser's console since the last call."""
        logged: list[dict[str, Any]] = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in logged if entry["level"] == "SEVERE"]


def button(text: str) -> str:
    """Return the XPath of clickable elements with this text."""
    return f"//*[self::button or self::a or @role='tab'][normalize-space(.)='{text}']"


@contextmanager
def chromium(url: str, profile: Path, pictures: Path) -> Iterator[Browser]:
    """Yield a browser with an empty profile; it is closed and deleted afterwards."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(PROGRAMS["chromium"])
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(PROGRAMS["chromedriver"])))
    try:
        frame = driver.execute_script("return [outerWidth - innerWidth, outerHeight - innerHeight]")
        driver.set_window_size(WIDTH + frame[0], HEIGHT + frame[1])
        yield Browser(driver, url, pictures)
    finally:
        driver.quit()
