"""The commands and texts of the documentation that `make docs-check` cannot run as they are, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Substitute:
    """A text of a page, and the variable of the test environment that replaces it before the page is run."""

    text: str
    variable: str
    reason: str


SUBSTITUTES = (
    Substitute("https://api.inn8.example", "BASE_URL", "a host that does not exist; replaced by the sandbox"),
    Substitute("INN8_CLIENT_ID=…", "CLIENT_ID", "the reader's own"),
    Substitute("INN8_CLIENT_ID=fullview", "CLIENT_ID", "the reader's own"),
    Substitute("INN8_CLIENT_SECRET=…", "CLIENT_SECRET", "the reader's own"),
    Substitute("/etc/inn8.secret", "SECRET_FILE", "a file of the machine; replaced by a temporary one"),
    Substitute("postgresql+psycopg://inn8:…@db/inn8", "WAREHOUSE", "the reader's server; replaced by an embedded one"),
    Substitute(
        "postgresql://inn8@db/inn8?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt",
        "WAREHOUSE",
        "likewise",
    ),
    Substitute("postgresql+psycopg2://inn8:…@db/dagster", "STORAGE", "likewise"),
    Substitute(
        "postgresql+psycopg2://inn8@db/dagster?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt",
        "STORAGE",
        "likewise",
    ),
    Substitute("REPOSITORY", "REPOSITORY", "the reader's own; replaced by this one"),
    Substitute("/srv/inn8", "CLONE", "a folder of the machine; replaced by a temporary one"),
)

STAND_INS = {
    "ID": ("1", "a number that `inn8 rejects list` shows"),
    "EXTERNAL_ID": ("CL-000001", "an id as INN8 sends it"),
    "DAY": ("2026-03-01", "a day of trade"),
    "LOGIN": ("anne", "a Postgres login"),
    "TENANT": ("default", "a tenant's name"),
    "…": ("2026-03-01", "any value"),
}
"""Placeholders in commands that are only parsed: the value used here, and what a reader writes instead."""

RUN = ("cd", "createdb", "export", "git", "inn8", "make", "psql", ".")
"""Programs whose commands are run in the order of their page, unless a command is listed below."""

SERVERS = {
    "dagster-webserver -w workspace.yaml & dagster-daemon run -w workspace.yaml": "until the UI answers",
}
"""Commands that do not end by themselves: they are stopped when this has happened."""

ELSEWHERE = {
    "make test": (".ci/run", "all checks of the project; it would call itself"),
    "make dev": ("inn8_pipeline_tests/cli/commands/test_dev.py", "it serves on the port that a developer may be using"),
    "make screenshots": ("inn8_pipeline_tests/e2e/test_ui.py", "it would take pictures of another run"),
    "make e2e": ("inn8_pipeline_tests/e2e/test_ui.py", "takes minutes, and needs a browser"),
    "make test-slow": ("Makefile", "takes minutes"),
    "make test-celery": ("Makefile", "takes minutes, and needs Redis"),
    "make docs-check": ("Makefile", "it would call itself"),
    "make bench": ("Makefile", "takes half an hour"),
}
"""Commands that are run elsewhere: by which file, and why not here."""

NOT_HERE = {
    "celery": "a worker runs on a machine of its own; `make test-celery` runs two",
    "docker": "needs Docker's daemon",
    "helm": "needs a cluster",
    "kubectl": "needs a cluster",
    "nginx": "needs a port and a certificate of the machine",
    "systemctl": "changes the machine",
}
"""Programs that cannot run here."""

KNOWN_BY_HELP = ("celery", "systemctl")
"""Programs that are not run, but whose `--help` lists every option: the options on the pages are compared with it."""

NOT_TYPED = {
    "docs/deploy.md": "needs a container engine, a cluster and a proxy; `make deploy-check` runs the rest",
}
"""Pages whose commands are only parsed."""

AFTER_INSTALLATION = ("docs/analysis.md", "docs/commands.md", "docs/history.md", "docs/metrics.md", "docs/report.md")
"""Pages for readers who have installed the pipeline and synced once as the README says: this is done before."""

OF_THE_MACHINE = ("chmod", "chown", "cp", "htpasswd", "install", "mkdir", "openssl", "printf", "umask")
"""Programs on the pages that are not run; every machine has them, or gets them with nginx."""

REFUSED = {
    "inn8 erase client CL-000001 --yes": "INN8 still sends this person's data",
}
"""Commands that must fail here, and their message: the sandbox still sends the person's data."""

MAY_BE_EMPTY = (
    "pg_stat_activity",
    "unconfirmed_rows",
    "ended_by_run_id = ",
    "missing_since is not null",
)
"""Tables and conditions for which a query may return no row."""
