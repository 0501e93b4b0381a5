"""The names of the settings, read from the source of `settings`: what docs and deployments may name."""

import re
from pathlib import Path

SETTINGS = Path(__file__).parents[1] / "inn8_pipeline" / "settings"


def read_by_name() -> set[str]:
    """Return what `settings` reads, by its whole name or with the prefix of the default tenant (`INN8_`)."""
    code = "".join(module.read_text(encoding="utf-8") for module in SETTINGS.glob("*.py"))
    of_tenants = {f"INN8_{each}" for each in re.findall(r'f"\{[^"]*\}([A-Z][A-Z_]+)"', code)}
    return {*re.findall(r'"(INN8_[A-Z_]+)"', code), *of_tenants}
