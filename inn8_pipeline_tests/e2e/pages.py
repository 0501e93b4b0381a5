"""Dagster's pages, by what an operator calls them: each knows where it is, what stands on it, and what can be done."""

from dataclasses import dataclass

from inn8_pipeline_tests.e2e.browser import Browser, button

LONG = 180.0
"""Of seconds: the daemon looks after backfills every 30, and after runs every 5."""
CLICKS = MATERIALIZE, SHOW_ALL, LAUNCH = "Materialize all…", "Show all partitions", "Launch backfill"
"""Of a backfill, on its job's page."""
RERUN = "Re-execute all (*)"
_TITLE_OF_A_CANVAS = "../../preceding-sibling::div//span"
_HAS_INK = "return new Uint32Array(arguments[0].getContext('2d').getImageData(0, 0, 300, 150).data.buffer).some(x => x)"


@dataclass(frozen=True, slots=True)
class Graph:
    """The lineage of all assets, with the navigation hidden so that the nodes have room for what they tell."""

    browser: Browser

    def open(self) -> None:
        self.browser.open("/asset-groups")
        self.browser.click("Hide navigation")
        self.browser.until(lambda: "Hide navigation" not in self.browser.text, "room")
        # Opened anew, the graph fits itself into the room that there is.
        self.browser.open("/asset-groups")
        self.browser.reads("Global asset lineage", "Materialize all…", "Latest event")

    def nodes(self) -> list[list[str]]:
        """Return what each node that is drawn has to read, line by line."""
        path = "//*[local-name() = 'foreignObject']"
        drawn = self.browser.until(lambda: [each.text for each in self.browser.all(path)], "the graph")
        return [text.splitlines() for text in drawn]


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset's page."""

    browser: Browser
    name: str

    def open(self) -> None:
        self.browser.open(f"/assets/{self.name}")
        self.browser.reads("Definition", "Description", "Column name")

    def columns(self) -> dict[str, str]:
        """Each column with what it means."""
        rows = self.browser.table("//table[.//*[text() = 'Column name']]")
        return {row[0]: row[2] for row in rows if row[0] != "Column name"}

    def plots(self) -> dict[str, bool]:
        """Each plot by its title, and whether anything is drawn in it."""
        self.browser.click("Plots")
        self.browser.until(lambda: self.browser.all("//canvas"), "a plot")
        self.browser.scroll_to(button("Plots"))
        return {
            each.find_element("xpath", _TITLE_OF_A_CANVAS).text: self.browser.run(_HAS_INK, each)
            for each in self.browser.all("//canvas")
        }

    def materialize(self) -> "Run":
        """Launch a run of this asset alone."""
        self.browser.click("Materialize")
        return Run(self.browser, self.browser.follow_the_notice("Launched run"))


@dataclass(frozen=True, slots=True)
class Check:
    """A check of an asset: what it said last, what it said before."""

    browser: Browser
    asset: str
    name: str

    def open(self) -> None:
        self.browser.open(f"/assets/{self.asset}")
        self.browser.click("Checks")
        self.browser.press(f"//*[text() = '{self.name}']")
        self.browser.reads("Latest execution")

    def latest(self) -> dict[str, str]:
        """Return the metadata of its last evaluation."""
        return {row[0]: row[1] for row in self.browser.table("//table") if len(row) == 2}

    def history(self) -> list[str]:
        """Return what each evaluation said, newest first."""
        self.browser.click("Execution history")
        self.browser.reads("Evaluation result", "Older")
        return [" ".join(row) for row in self.browser.table("//table/tbody")]


@dataclass(frozen=True, slots=True)
class Job:
    """A job's page."""

    browser: Browser
    name: str

    def open(self) -> None:
        self.browser.open("/jobs")
        self.browser.click(self.name)
        self.browser.reads("Materialize all…")

    def ask_for(self, days: str) -> None:
        """Fill in the dialog, as the README says; it is not launched yet."""
        self.browser.click(MATERIALIZE)
        self.browser.reads("Partition selection")
        # There only where there are more days than the dialog shows at first.
        if SHOW_ALL in self.browser.text:
            self.browser.click(SHOW_ALL)
        self.browser.type("//*[text() = 'Partition selection']/following::input[@type = 'text'][1]", days)

    def launch(self) -> "Backfill":
        """Return what the dialog says."""
        self.browser.click(LAUNCH)
        return Backfill(self.browser, self.browser.follow_the_notice("Created backfill"))


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill's page."""

    browser: Browser
    path: str

    def end(self) -> None:
        """Wait until it has succeeded, with all that it was for."""
        self.browser.reads("100% completed", seconds=LONG)
        self.browser.reads_lines("Succeeded", seconds=LONG)


@dataclass(frozen=True, slots=True)
class Run:
    """A run's page."""

    browser: Browser
    path: str

    @property
    def id(self) -> str:
        return self.path.rsplit("/", 1)[1]

    def open(self) -> None:
        self.browser.open(self.path)
        self.browser.reads(RERUN)

    def rerun(self) -> "Run":
        """Launch it again, all of it, which leads to the new run's page."""
        self.browser.click(RERUN)
        return Run(self.browser, self.browser.leave(self.path))

    def end(self) -> None:
        """Wait until it has succeeded."""
        self.browser.reads_lines("Success", seconds=LONG)
