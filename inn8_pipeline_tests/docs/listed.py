"""What cannot be typed as it stands: each exception of `make docs-check`, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Substitute:
    """What a page says, and by which variable of the surroundings it is replaced before it is run."""

    text: str
    variable: str
    reason: str


SUBSTITUTES = (
    Substitute("https://api.inn8.example", "BASE_URL", "a host that does not exist; the sandbox stands for it"),
    Substitute("INN8_CLIENT_ID=…", "CLIENT_ID", "the reader's own"),
    Substitute("INN8_CLIENT_ID=fullview", "CLIENT_ID", "the reader's own"),
    Substitute("INN8_CLIENT_SECRET=…", "CLIENT_SECRET", "the reader's own"),
    Substitute("/etc/inn8.secret", "SECRET_FILE", "a file of the machine's; a temporary one stands for it"),
    Substitute("postgresql+psycopg://inn8:…@db/inn8", "WAREHOUSE", "a server of the reader's; ours stands for it"),
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
    Substitute("REPOSITORY", "REPOSITORY", "the reader's own; this one stands for it"),
    Substitute("/srv/inn8", "CLONE", "a folder of the machine's; a temporary one stands for it"),
)

STAND_INS = {
    "ID": ("1", "a number that `inn8 rejects list` shows"),
    "EXTERNAL_ID": ("CL-000001", "an id of INN8's"),
    "DAY": ("2026-03-01", "a day of trade"),
    "LOGIN": ("anne", "a login of Postgres"),
    "TENANT": ("default", "a tenant's name"),
    "…": ("2026-03-01", "whatever fits"),
}
"""In a command that is only parsed: placeholder, what stands for it, what a reader puts there."""

RUN = ("cd", "createdb", "export", "git", "inn8", "make", "psql", ".")
"""Programs whose commands are run, in the order of their page, unless they are listed below."""

SERVERS = {
    "dagster-webserver -w workspace.yaml & dagster-daemon run -w workspace.yaml": "until the UI answers",
}
"""Commands that do not end: run, and ended once they do what is said here."""

ELSEWHERE = {
    "make test": (".ci/run", "all checks of the project; it would run itself"),
    "make dev": ("inn8_pipeline_tests/cli/commands/test_dev.py", "it serves on the port that a developer may be using"),
    "make screenshots": ("inn8_pipeline_tests/e2e/test_ui.py", "it would take pictures of another run"),
    "make e2e": ("inn8_pipeline_tests/e2e/test_ui.py", "minutes, and a browser"),
    "make test-celery": ("Makefile", "minutes, and Redis"),
    "make docs-check": ("Makefile", "it would run itself"),
    "make bench": ("Makefile", "half an hour"),
}
"""Commands that something else runs: which file, and why not here."""

NOT_HERE = {
    "celery": "a worker on a machine of its own; `make test-celery` runs two",
    "docker": "needs a daemon of its own",
    "helm": "needs a cluster",
    "kubectl": "needs a cluster",
    "nginx": "needs a port and a certificate of the machine's",
    "systemctl": "changes the machine",
}
"""Programs that cannot run here."""

KNOWN_BY_HELP = ("celery", "systemctl")
"""Those of them whose help, where they are installed, names every option: it must name those of the pages."""

NOT_TYPED = {
    "docs/deploy.md": "an engine, a cluster, a proxy of the machine's; `make deploy-check` runs what can be run of it",
}
"""Pages whose commands are parsed alone."""

OF_THE_MACHINE = ("chmod", "chown", "cp", "htpasswd", "install", "mkdir", "openssl", "printf", "umask")
"""Programs on the pages that are not typed, which every machine has, or gets with nginx."""

REFUSED = {
    "inn8 erase client CL-000001 --yes": "INN8 still sends this person's data",
}
"""Commands that are right to refuse here, and what they say: the sandbox has not erased the person."""

MAY_BE_EMPTY = ("pg_locks",)
"""Of queries that ask for what should not be there."""
