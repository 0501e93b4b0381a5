"""Page objects of Dagster's UI: the address, the contents and the actions of each page."""

from dataclasses import dataclass

from inn8_pipeline_tests.e2e.browser import Browser, button

LONG = 180.0
"""Seconds: the daemon looks at backfills every 30 and at runs every 5."""
CLICKS = MATERIALIZE, SHOW_ALL, LAUNCH = "Materialize all…", "Show all partitions", "Launch backfill"
"""The buttons of a backfill, on the page of its job."""
RERUN = "Re-execute all (*)"
_TITLE_OF_A_CANVAS = "../../preceding-sibling::div//span"
_EDITOR = (
    "[...document.querySelectorAll('.CodeMirror')].map(e => e.CodeMirror).find(e => e.getValue().includes('config:'))"
)
_HAS_INK = "return new Uint32Array(arguments[0].getContext('2d').getImageData(0, 0, 300, 150).data.buffer).some(x => x)"


@dataclass(frozen=True, slots=True)
class Graph:
    """The lineage of all assets, with the navigation hidden so that the nodes have room for their text."""

    browser: Browser

    def open(self) -> None:
        self.browser.open("/asset-groups")
        self.browser.click("Hide navigation")
        self.browser.until(lambda: "Hide navigation" not in self.browser.text, "room")
        # When it is opened anew, the graph is scaled to the window.
        self.browser.open("/asset-groups")
        self.browser.reads("Global asset lineage", "Materialize all…", "Latest event")

    def nodes(self) -> list[list[str]]:
        """Return the lines of text of each node."""
        path = "//*[local-name() = 'foreignObject']"
        drawn = self.browser.until(lambda: [each.text for each in self.browser.all(path)], "the graph")
        return [text.splitlines() for text in drawn]


@dataclass(frozen=True, slots=True)
class Asset:
    """The page of an asset."""

    browser: Browser
    name: str

    def open(self) -> None:
        self.browser.open(f"/assets/{self.name}")
        self.browser.reads("Definition", "Description", "Column name")

    def columns(self) -> dict[str, str]:
        """Return the description of each column."""
        rows = self.browser.table("//table[.//*[text() = 'Column name']]")
        return {row[0]: row[2] for row in rows if row[0] != "Column name"}

    def plots(self) -> dict[str, bool]:
        """Return for each plot, by its title, whether it shows any data."""
        self.browser.click("Plots")
        self.browser.until(lambda: self.browser.all("//canvas"), "a plot")
        self.browser.scroll_to(button("Plots"))
        return {
            each.find_element("xpath", _TITLE_OF_A_CANVAS).text: self.browser.run(_HAS_INK, each)
            for each in self.browser.all("//canvas")
        }

    def materialize(self) -> "Run":
        """Launch a run of this asset only."""
        self.browser.click("Materialize")
        return Run(self.browser, self.browser.follow_the_notice("Launched run"))


@dataclass(frozen=True, slots=True)
class Check:
    """The page of a check: its last evaluation and its history."""

    browser: Browser
    asset: str
    name: str

    def open(self) -> None:
        self.browser.open(f"/assets/{self.asset}")
        self.browser.click("Checks")
        self.choose()

    def choose(self) -> None:
        """Choose the check in the list of the asset's checks, which is open."""
        self.browser.press(f"//*[text() = '{self.name}']")
        self.browser.reads("Latest execution")

    def latest(self) -> dict[str, str]:
        """Return the metadata of its last evaluation."""
        return {row[0]: row[1] for row in self.browser.table("//table") if len(row) == 2}

    def history(self) -> list[str]:
        """Return the text of each evaluation, newest first."""
        self.browser.click("Execution history")
        self.browser.reads("Evaluation result", "Older")
        return [" ".join(row) for row in self.browser.table("//table/tbody")]


@dataclass(frozen=True, slots=True)
class Launchpad:
    """The editor of the configuration of a run, in a dialog or on a page of its own."""

    browser: Browser
    button: str
    """The button that launches the run."""

    @property
    def config(self) -> str:
        config: str = self.browser.run(f"return {_EDITOR}.getValue()")
        return config

    def configure(self, config: str) -> None:
        """Replace the configuration, and wait until Dagster finds no error in it."""
        self.browser.run(f"{_EDITOR}.setValue(arguments[0])", config)
        self.browser.reads(*config.split(), "No errors")

    def launch(self) -> "Run":
        before = self.browser.path
        self.browser.press(f"({button(self.button)})[last()]")
        return Run(self.browser, self.browser.leave(before))


@dataclass(frozen=True, slots=True)
class Sensor:
    """The page of a sensor."""

    browser: Browser
    name: str

    def open(self) -> None:
        self.browser.open("/automation")
        self.browser.press(f"//a//*[text() = '{self.name}'] | //a[text() = '{self.name}']")
        self.browser.reads("Latest tick", "All ticks")
        # At first the chart moves all the time.
        self.browser.click("1hr")

    def open_tick(self, outcome: str) -> None:
        """Open the tick whose outcome contains the text."""
        links = "//table//tr/td[last() - 1]//*[normalize-space(text()) = '0 runs requested']"
        for number in range(1, len(self.browser.until(lambda: self.browser.all(links), "ticks")) + 1):
            self.browser.press(f"({links})[{number}]")
            self.browser.reads("Skip reason")
            if outcome in self.browser.text:
                return
            self.browser.click("Close")
        raise AssertionError(outcome, self.browser.lines)


@dataclass(frozen=True, slots=True)
class Job:
    """The page of a job."""

    browser: Browser
    name: str

    def open(self) -> None:
        self.browser.open("/jobs")
        self.browser.click(self.name)
        self.browser.reads("Overview", "Runs", "Job in")

    def launchpad(self) -> Launchpad:
        """Open the launchpad: a tab of the page, or, if the job materializes assets, a dialog."""
        is_tab = self.browser.all(button("Launchpad"))
        if is_tab:
            self.browser.click("Launchpad")
        else:
            self.browser.press(f"{button('Materialize all')}/following::button[1]")
            self.browser.click("Open launchpad")
        self.browser.until(lambda: self.browser.run(f"return Boolean({_EDITOR})"), "the editor")
        return Launchpad(self.browser, "Launch Run" if is_tab else "Materialize")

    def ask_for(self, days: str) -> None:
        """Fill in the dialog as the README says, without launching the backfill."""
        self.browser.click(MATERIALIZE)
        # The days of the stage are more than the 90 that the dialog shows at first.
        self.browser.click(SHOW_ALL)
        self.browser.type("//*[text() = 'Partition selection']/following::input[@type = 'text'][1]", days)

    def launch(self) -> "Backfill":
        """Return the text of the dialog."""
        self.browser.click(LAUNCH)
        return Backfill(self.browser, self.browser.follow_the_notice("Created backfill"))


@dataclass(frozen=True, slots=True)
class Backfill:
    """The page of a backfill."""

    browser: Browser
    path: str

    def end(self) -> None:
        """Wait until the backfill has succeeded for all of its partitions."""
        self.browser.reads("100% completed", seconds=LONG)
        self.browser.reads_lines("Succeeded", seconds=LONG)


@dataclass(frozen=True, slots=True)
class Run:
    """The page of a run."""

    browser: Browser
    path: str

    @property
    def id(self) -> str:
        return self.path.rsplit("/", 1)[1]

    def open(self) -> None:
        self.browser.open(self.path)
        self.browser.reads(RERUN)

    def rerun(self) -> "Run":
        """Re-execute the whole run, and return the page of the new run."""
        self.browser.click(RERUN)
        return Run(self.browser, self.browser.leave(self.path))

    def end(self) -> None:
        """Wait until the run has succeeded."""
        self.browser.reads_lines("Success", seconds=LONG)
