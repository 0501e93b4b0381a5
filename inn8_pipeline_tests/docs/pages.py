"""Read the commands, settings and queries of README.md and docs/, each with its page and line."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


@dataclass(frozen=True, slots=True)
class Typed:
    """A shell command, an SQL statement, or a text in backticks."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def commands() -> list[Typed]:
    """Return each command of a `console` block (after its `$`) and of a `sh` block, without its comment."""
    found = [
        Typed(block.page, block.line + number, line.removeprefix("$ "))
        for block, language in _blocks()
        for number, line in _lines(block.text)
        if (language == "console" and line.startswith("$ ")) or (language == "sh" and line.strip())
    ]
    bare = [Typed(each.page, each.line, re.sub(r"\s+#.*|^#.*", "", each.text)) for each in found]
    return [each for each in bare if each.text]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; a line that ends with a backslash continues in the next one."""
    number = 1
    for line in re.split(r"(?<!\\)\n", text):
        yield number, re.sub(r"\\\n\s*", "", line)
        number += line.count("\n") + 1


def environment_file(page: str) -> list[Typed]:
    """Return the settings of a page: of its blocks without a language that have nothing but settings and comments."""
    blocks = [block for block, language in _blocks() if block.page == page and not language]
    return [line for block in blocks for line in _settings(block)]


def _settings(block: Typed) -> list[Typed]:
    lines = [line for line in block.text.splitlines() if not line.startswith("#")]
    if not all(re.fullmatch(r"[A-Z0-9_]+=\S*", line) for line in lines):
        return []
    return [Typed(block.page, block.line, line) for line in lines]


def services() -> list[Typed]:
    """Return the commands of the systemd units, without `with-secrets` and without the folder of the program."""
    line = re.compile(r"^ExecStart=(?:\S*/with-secrets )?\S*/(.+)$", re.MULTILINE)
    units = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "deploy" / "systemd").glob("*.service"))
    return [
        Typed(unit, text[: match.start()].count("\n") + 1, match.group(1))
        for unit in units
        for text in [_read(unit)]
        for match in line.finditer(text)
    ]


def by_page() -> dict[str, list[Typed]]:
    """Return the commands by page, in their order."""
    return {page: list(found) for page, found in groupby(commands(), lambda command: command.page)}


def queries() -> list[Typed]:
    """Return each statement of a `sql` block, and each `select` in backticks that is whole."""
    found = [
        Typed(block.page, block.line, part.strip())
        for block, language in _blocks()
        if language == "sql"
        for part in re.sub(r"--.*", "", block.text).split(";")
        if part.strip()
    ]
    return found + [each for each in inline() if each.text.lower().startswith("select ") and "…" not in each.text]


def inline() -> list[Typed]:
    """Return the texts in backticks outside of blocks."""
    found = []
    for page in PAGES:
        text = _read(page)
        prose = _BLOCK.sub(lambda block: "\n" * block.group().count("\n"), text)
        found += [
            Typed(page, prose[: match.start()].count("\n") + 1, " ".join(match.group(1).split()))
            for match in _INLINE.finditer(prose)
        ]
    return found


def parts(command: str) -> list[list[str]]:
    """Return the simple commands of a shell line as words, without redirections and leading assignments."""
    lexer = shlex.shlex(re.sub(r"[0-9]?>+ *\S+", "", command), posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("&|;"):
            found.append([])
        elif found[-1] or not re.match(r"\w+=", word):
            found[-1].append(word)
    return [words for words in found if words]


def _blocks() -> Iterator[tuple[Typed, str]]:
    for page in PAGES:
        text = _read(page)
        for match in _BLOCK.finditer(text):
            yield Typed(page, text[: match.start()].count("\n") + 1, match.group(2)), match.group(1)


def _read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")
