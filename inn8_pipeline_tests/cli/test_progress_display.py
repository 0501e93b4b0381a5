"""The progress display fits the terminal, and nothing of it is cut off."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress

from inn8_pipeline.cli.support.progress_display import columns
from inn8_pipeline_tests.cli.conftest import Place

WHAT = "acme_transactions 2026-03-01 to 2026-03-31"
NOTE = "run 12 of 12, fetching 15,000 of 54,000 records"


@pytest.mark.parametrize("width", [80, 120])
def test_what_it_says_fits_the_width_beside_the_bar(width: int) -> None:
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    shown = Progress(*columns(), console=screen)
    shown.add_task(WHAT, total=100, completed=50, note=NOTE)
    shown.add_task("stored pages", total=None, note="")
    screen.print(shown.get_renderable())
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    for part in (WHAT, NOTE, " so far", "about ", " left"):
        assert part in text
    assert "…" not in text
    assert text.count("━") >= 6


def test_in_a_terminal_of_80_columns_a_sync_shows_the_whole_of_it(place: Place) -> None:
    lines = place.terminal.screen("sync", "transactions")
    bars = [line for line in lines if "━" in line]
    assert max(map(len, bars)) <= 80
    assert any(" transactions 20" in line and " so far" in line for line in bars)
    assert any("run 1 of 1, " in line and "about " in line and line.rstrip().endswith(" left") for line in lines)
