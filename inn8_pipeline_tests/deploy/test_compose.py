"""Everything that compose.yaml names exists: settings, secrets, files, services; and no service has needless rights."""

import re
from typing import Any

import pytest
import sqlalchemy

from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline_tests.deploy.files import DEPLOY, ROOT, known_settings, load

COMPOSE = load("deploy/compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, said in SERVICES.items() if "build" in said]


def test_every_variable_of_ours_is_a_setting() -> None:
    named = set(re.findall(r"\b(?:INN8_|DAGSTER_)[A-Z_]+", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert named - known_settings() == set()


def test_every_mounted_file_is_in_the_folder_of_compose_yaml() -> None:
    mounted = [each for said in SERVICES.values() for each in said.get("volumes", ()) if each.startswith("./")]
    sources = {each.split(":")[0] for each in mounted} - {"./secrets/nginx"}
    assert sources != set()
    assert [source for source in sorted(sources) if not (DEPLOY / source).exists()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_given_every_secret_that_it_reads(name: str) -> None:
    said = SERVICES[name]
    environment = said.get("environment", {})
    read = {value.removeprefix("/run/secrets/") for key, value in environment.items() if key.endswith("_FILE")}
    assert read == set(said.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert [key for key in environment if re.search("SECRET$|PASSWORD$|URL$", key) and key != "INN8_BASE_URL"] == []


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_cannot_write_to_its_files_nor_gain_rights(name: str) -> None:
    said = SERVICES[name]
    assert said["read_only"] is True
    assert (said["cap_drop"], said["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert "memory" in said["deploy"]["resources"]["limits"]


def test_only_the_code_location_has_the_credentials_of_inn8() -> None:
    assert [name for name, said in SERVICES.items() if "inn8_client_secret" in said.get("secrets", ())] == ["code"]


def test_only_nginx_can_be_reached_from_other_machines_and_that_not_by_default() -> None:
    published = {name: said["ports"] for name, said in SERVICES.items() if "ports" in said}
    assert published == {
        "webserver": ["127.0.0.1:3000:3000"],
        "nginx": [f"${{PROXY_ADDRESS:-127.0.0.1}}:{port}:{port}" for port in (8443, 8444)],
    }


def test_the_containers_keep_the_location_s_name_under_which_the_history_is_kept() -> None:
    served = load("deploy/workspace.yaml")["load_from"][0]["grpc_server"]
    assert served["location_name"] == load("workspace.yaml")["load_from"][0]["python_module"]["location_name"]
    assert served["host"] in SERVICES


def test_nginx_uses_existing_services_and_their_ports() -> None:
    text = (DEPLOY / "nginx" / "addresses-compose.conf").read_text(encoding="utf-8")
    servers = re.findall(r"server ([a-z-]+):(\d+);", text)
    assert [name for name, _port in servers] == ["webserver", "webserver-read-only"]
    assert [name for name, port in servers if port not in SERVICES[name]["command"]] == []


def test_the_databases_in_the_urls_of_the_secrets_are_created(postgres: EmbeddedPostgres) -> None:
    made = [SERVICES["postgres"]["environment"]["POSTGRES_DB"]]
    engine = sqlalchemy.create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql((DEPLOY / "databases.sql").read_text(encoding="utf-8"))
        made += connection.exec_driver_sql("SELECT datname FROM pg_database WHERE datname = 'dagster'").scalars()
        connection.exec_driver_sql("DROP DATABASE dagster")
    engine.dispose()
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert made == ["inn8", "dagster"]
    assert [name for name in made if not re.search(rf"@postgres/{name}['?]", page)] == []
