"""Read the URL of a database as libpq does, and describe it in messages without its password."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from inn8_pipeline.errors import SettingsError

EXAMPLE = "postgresql://inn8:secret@localhost:5432/inn8"
_OF_THE_DRIVER = {
    "prepare_threshold": "is set by INN8_PREPARED_STATEMENTS, not by a parameter",
    "autocommit": "is no parameter of Postgres: the pipeline begins and ends its transactions itself",
}
# JDBC URLs have this parameter. libpq reads ssl=true as sslmode=require.
_ALIASES = {"ssl"}


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """The URL of a database. `parameters` are its parts by libpq's names, and may include a password."""

    variable: str
    parameters: dict[str, str] = field(repr=False)

    @property
    def server(self) -> str:
        """Host and port, separated by commas if there are several; the folder of a Unix socket."""
        hosts = (self.parameters.get("host") or self.parameters.get("hostaddr") or "").split(",")
        ports = self.parameters.get("port", "").split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        pairs = zip(hosts, ports, strict=False)
        return ",".join(f"{host}:{port}" if port else host for host, port in pairs) or "the default server"

    def without_password(self, text: str) -> str:
        """Return a message of libpq or the server with the password replaced, in case the message quotes it."""
        password = self.parameters.get("password")
        return text.replace(password, "…") if password else text


def parse(url: str, variable: str) -> DatabaseUrl:
    """Return the parts of a URL.

    Raises:
        SettingsError: libpq cannot read the URL or does not know one of its parameters.

    """
    plain = f"postgresql://{url.partition('://')[2]}"
    known = {each.keyword.decode() for each in psycopg.pq.Conninfo.get_defaults()} | _ALIASES
    found = [name for name, _ in parse_qsl(urlsplit(plain).query, keep_blank_values=True)]
    for name in found:
        if name in _OF_THE_DRIVER:
            raise SettingsError(variable, f"has the parameter {name}, which {_OF_THE_DRIVER[name]}", EXAMPLE)
        if name not in known:
            problem = f"has the parameter {name!r}, which Postgres's client library (libpq) does not know"
            raise SettingsError(variable, problem, EXAMPLE)
    if found.count("host") > 1:
        problem = "has several parameters host: write several servers as host1:5432,host2:5432"
        raise SettingsError(variable, problem, EXAMPLE)
    try:
        parameters = conninfo_to_dict(plain)
    except psycopg.Error:
        problem = "cannot be read: within its parts each of @ : / ? # % is written as its code, %40 for @"
        raise SettingsError(variable, problem, EXAMPLE) from None
    return DatabaseUrl(variable, {name: str(value) for name, value in parameters.items() if value is not None})
