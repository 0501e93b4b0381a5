"""Draw the chart: the seconds of each contestant in each scenario, as an SVG for light and dark pages."""

from collections.abc import Mapping
from html import escape

WIDTH, LABELS, FIGURES, BAR, GAP = 760, 190, 90, 18, 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .bar { fill: #8c959f } .bar.ours { fill: #1a7f37 } .bar.floor { fill: #c4a000 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .bar.ours { fill: #3fb950 } }
"""


def draw(medians: Mapping[str, Mapping[str, float]], scenarios: Mapping[str, str], titles: Mapping[str, str]) -> str:
    """Return the SVG. `medians` are seconds by scenario and contestant, in the order of the chart."""
    longest = max(seconds for of_scenario in medians.values() for seconds in of_scenario.values())
    parts: list[str] = []
    y = 10
    for scenario, of_scenario in medians.items():
        y += 18
        parts.append(f'<text class="title" x="0" y="{y}">{escape(scenarios[scenario])}, seconds</text>')
        y += 8
        for name, seconds in of_scenario.items():
            width = max(1.0, seconds / longest * (WIDTH - LABELS - FIGURES))
            middle = y + BAR - 5
            parts += [
                f'<text x="0" y="{middle}">{escape(titles[name])}</text>',
                f'<rect class="bar {name}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR - 3}" rx="2"/>',
                f'<text x="{LABELS + width + 6:.1f}" y="{middle}">{seconds:.1f}</text>',
            ]
            y += BAR + 2
        y += GAP - 18
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="Seconds of a sync">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])
