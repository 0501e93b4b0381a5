"""The Dockerfile, .dockerignore and `with-secrets`, without a build; `check_image` builds the image."""

import subprocess
from pathlib import Path

from inn8_pipeline_tests.deploy.files import DEPLOY, ROOT, dockerfile, stage
from inn8_pipeline_tests.deploy.image import is_sent


def test_every_package_is_checked_against_its_hash_and_installed_without_the_index() -> None:
    runs = [each.text for each in dockerfile() if each.keyword == "RUN" and "pip" in each.text.split()]
    (download,) = (text for text in runs if "pip download" in text)
    assert "--require-hashes" in download
    others = [text for text in runs if text != download and not text.endswith("check")]
    assert [text for text in others if "--no-index" not in text] == []


def test_the_image_does_not_run_as_root() -> None:
    (user,) = (each.text for each in stage("base") if each.keyword == "USER")
    assert user == "10001:10001"
    assert [each for name in ("pipeline", "sandbox") for each in stage(name) if each.keyword == "USER"] == []


def test_the_build_context_has_the_copied_files_and_no_settings_history_or_tests() -> None:
    copied = [each.words[:-1] for each in dockerfile() if each.keyword == "COPY" and "--from" not in each.text]
    assert [path for paths in copied for path in paths if not (is_sent(path) and (ROOT / path).exists())] == []
    assert [path for path in (".env", ".git", "deploy/secrets", "inn8_pipeline_tests") if is_sent(path)] == []


def test_the_wrapper_reads_the_storage_s_url_from_its_file_and_gives_the_command_s_exit_code(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg2://inn8:p%40ss@db/dagster\n", encoding="utf-8")

    def ask(**variables: str) -> tuple[int, str]:
        command = [str(DEPLOY / "with-secrets"), "sh", "-c", 'printf "%s" "$DAGSTER_POSTGRES_URL"; exit 3']
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    assert ask(DAGSTER_POSTGRES_URL_FILE=str(secret)) == (3, "postgresql+psycopg2://inn8:p%40ss@db/dagster")
    assert ask(DAGSTER_POSTGRES_URL_FILE=str(secret), DAGSTER_POSTGRES_URL="given") == (3, "given")


def test_the_wrapper_becomes_the_command_so_that_signals_reach_it() -> None:
    command = [str(DEPLOY / "with-secrets"), "sh", "-c", "echo $$"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        output, _errors = process.communicate(timeout=60)
    assert int(output) == process.pid


def test_the_wrapper_refuses_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    command = [str(DEPLOY / "with-secrets"), "true"]
    environment = {"DAGSTER_POSTGRES_URL_FILE": str(tmp_path / "missing")}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0
