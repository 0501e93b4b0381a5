"""Only logins without members and without wider rights can be made readers or writers. Grants can be revoked."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from inn8_pipeline.errors import LoginError, NotOwnerError
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline.warehouse.schema.access import Grant
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.logins import administer, new_login, session, url_of
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


@pytest.fixture
def login(syncs: Syncs) -> Iterator[str]:
    with new_login(syncs.url) as name:
        yield name


@pytest.fixture
def group(syncs: Syncs) -> Iterator[str]:
    name = f"group_{uuid.uuid4().hex[:12]}"
    administer(syncs.url, f"create role {name} nologin")
    yield name
    administer(syncs.url, f"drop owned by {name}", f"drop role {name}")


def grant_reader(syncs: Syncs, login: str) -> None:
    access.grant_reader(syncs.engine, login, TENANT)


def grant_writer(syncs: Syncs, login: str) -> None:
    access.grant_writer(syncs.engine, login)


GRANTS = pytest.mark.parametrize("grant", [grant_reader, grant_writer])


@GRANTS
@pytest.mark.parametrize(
    "role",
    ["inn8_reader", "inn8_writer", "inn8_owner", "inn8_views", "pg_read_all_data", "pg_write_all_data", "pg_monitor"],
)
def test_a_group_gets_no_right(syncs: Syncs, role: str, grant: Callable[[Syncs, str], None]) -> None:
    before = lasting(syncs)
    with pytest.raises(LoginError, match="is a group and no login"):
        grant(syncs, role)
    assert lasting(syncs) == before


def lasting(syncs: Syncs) -> list[access.Grant]:
    """Return the grants without those of logins that other tests create on the same server meanwhile."""
    return [each for each in access.grants(syncs.engine) if not each.login.startswith(("login_", "release_"))]


@GRANTS
@pytest.mark.parametrize("wider", ["pg_read_all_data", "pg_write_all_data", "pg_read_server_files", "inn8_owner"])
def test_a_member_of_a_role_with_wider_rights_gets_none_of_ours(
    syncs: Syncs, login: str, wider: str, grant: Callable[[Syncs, str], None]
) -> None:
    administer(syncs.url, f"grant {wider} to {login}")
    with pytest.raises(LoginError, match=f"a member of .*{wider}"):
        grant(syncs, login)


@GRANTS
@pytest.mark.parametrize("attribute", ["superuser", "bypassrls"])
def test_a_login_that_row_level_security_does_not_bind_gets_no_right(
    syncs: Syncs, attribute: str, grant: Callable[[Syncs, str], None]
) -> None:
    with new_login(syncs.url, attribute) as login, pytest.raises(LoginError, match="sees every tenant's rows already"):
        grant(syncs, login)


@GRANTS
def test_a_login_that_has_members_gets_no_right(syncs: Syncs, login: str, grant: Callable[[Syncs, str], None]) -> None:
    with new_login(syncs.url) as member:
        administer(syncs.url, f"grant {login} to {member}")
        with pytest.raises(LoginError, match=f"has members \\({member}\\)"):
            grant(syncs, login)


def test_a_reader_does_not_become_a_writer_nor_a_writer_a_reader(syncs: Syncs, login: str) -> None:
    grant_reader(syncs, login)
    with pytest.raises(LoginError, match="is a reader of some tenants"):
        grant_writer(syncs, login)
    access.revoke_reader(syncs.engine, login, None)
    grant_writer(syncs, login)
    with pytest.raises(LoginError, match="it is a writer"):
        grant_reader(syncs, login)


def test_who_is_no_writer_any_more_reads_and_writes_nothing(syncs: Syncs, login: str) -> None:
    syncs.clients([client()])
    grant_writer(syncs, login)
    with session(syncs.url, login) as writer:
        assert len(writer.rows("select * from inn8.clients")) == 1
        access.revoke_writer(syncs.engine, login)
        assert writer.refuses("select * from inn8.clients")
    with pytest.raises(LoginError, match="does not exist"):
        access.revoke_writer(syncs.engine, "nobody")


def test_a_writer_by_somebody_elses_grant_is_not_said_to_have_lost_it(syncs: Syncs, login: str) -> None:
    administer(syncs.url, f"grant inn8_writer to {login}")
    with pytest.raises(LoginError, match="is still a writer"):
        access.revoke_writer(syncs.engine, login)


def test_revoking_a_reader_says_what_the_login_still_sees(syncs: Syncs, login: str) -> None:
    grant_reader(syncs, login)
    assert access.revoke_reader(syncs.engine, login, TENANT) == (1, "")
    # Not the right of a writer: other tests would find a login of the same server that is a reader and a writer.
    administer(syncs.url, f"alter role {login} bypassrls")
    assert access.revoke_reader(syncs.engine, login, None) == (0, "superuser")


def test_the_grants_say_who_sees_which_tenant(syncs: Syncs, login: str) -> None:
    grant_reader(syncs, login)
    access.grant_reader(syncs.engine, login, "t2")
    found = {each.login: each for each in access.grants(syncs.engine)}
    assert found[login] == Grant(login, "reader", (TENANT, "t2"), can_login=True)
    assert found["postgres"] == Grant("postgres", "superuser", None, can_login=True)


def test_rights_of_groups_and_of_readers_that_write_are_found(syncs: Syncs, login: str, group: str) -> None:
    # Never committed: the roles are those of the whole server, where other tests ask the doctor.
    with syncs.engine.connect() as connection:
        assert access.findings(connection) == []
        for statement in (
            f"grant inn8_writer to {group}",
            f"grant inn8_reader to {login}",
            f"grant {group} to {login}",
        ):
            connection.execute(text(statement))
        found = access.findings(connection)
    assert any(each.startswith(f"{group} is a group with the rights of a writer") for each in found)
    assert any(each.startswith(f"{login} is a reader and a writer") for each in found)


def test_a_login_that_is_not_an_owner_is_refused_before_anything_is_changed(syncs: Syncs, login: str) -> None:
    grant_writer(syncs, login)
    with Syncs(url_of(syncs.url, login)) as writing:
        for call in (grant_reader, grant_writer):
            with pytest.raises(NotOwnerError, match="may not grant rights"):
                call(writing, login)
