"""Every command on the pages exists with its options, in blocks and in backticks."""

import pytest

from inn8_pipeline_tests.docs.listed import ELSEWHERE, SERVERS, SUBSTITUTES
from inn8_pipeline_tests.docs.pages import PAGES, ROOT, Typed, commands, environment_file, inline, parts, services
from inn8_pipeline_tests.docs.parsing import OURS, fault


def faults(typed: list[Typed]) -> list[str]:
    return [f"{each}: {found}" for each in typed for words in parts(each.text) if (found := fault(words))]


def test_every_command_of_a_block_exists_and_is_run_or_listed() -> None:
    assert len(commands()) > 10
    assert faults(commands()) == []


def test_every_command_in_backticks_exists() -> None:
    mentioned = [each for each in inline() if each.text.split(maxsplit=1)[0] in OURS]
    assert len(mentioned) > 20
    assert faults(mentioned) == []


def test_the_commands_of_the_services_exist() -> None:
    assert len(services()) >= 2
    assert faults(services()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "inn8 synchronise",
        "inn8 sync --everything",
        "inn8 sync transactions --from yesterday",
        "inn8 rejects accept 17 --because nobody",
        "dagster-webserver --no-such-option",
        "make coffee",
        "frobnicate --all",
        "make demo && inn8 sync securities",
    ],
)
def test_a_command_that_does_not_exist_is_found(wrong: str) -> None:
    assert faults([Typed("README.md", 1, wrong)]) != []


def test_a_command_without_its_arguments_is_only_mentioned() -> None:
    assert faults([Typed("README.md", 1, "inn8 rejects show")]) == []


def test_the_files_that_run_a_command_elsewhere_exist() -> None:
    assert [path for path, _ in ELSEWHERE.values() if not (ROOT / path).is_file()] == []


def test_every_exception_is_still_needed() -> None:
    typed = "\n".join(each.text for each in [*commands(), *(line for page in PAGES for line in environment_file(page))])
    assert [each.text for each in SUBSTITUTES if each.text not in typed] == []
    assert [each for each in SERVERS if each not in typed] == []
