"""The names of the settings, read from the source of `settings`: what documents and deployments may name."""

import re
from pathlib import Path

SETTINGS = Path(__file__).parents[1] / "inn8_pipeline" / "settings.py"


def read_by_name() -> set[str]:
    """Return what `settings` reads: by its whole name, or of the default tenant (`INN8_` before the name)."""
    code = SETTINGS.read_text(encoding="utf-8")
    of_tenants = {f"INN8_{each}" for each in re.findall(r'f"\{[^"]*\}([A-Z][A-Z_]+)"', code)}
    return {*re.findall(r'"(INN8_[A-Z_]+)"', code), *of_tenants}
