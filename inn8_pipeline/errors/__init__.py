"""The errors of the pipeline: one class for each thing that the operator has to do.

    Inn8Error
    ├── SettingsError              a setting is missing or wrong: set it
    │   └── ContractFileError      a line of the contract file is wrong: correct it
    ├── UnknownEntityError         no entity has this name: use one that is declared
    ├── NoDaysError                a run of an entity with days of trade was launched without days: choose some
    ├── ApiError                   INN8, or the network on the way to it
    │   ├── CredentialsError       INN8 does not accept the credentials: check them
    │   ├── TransientApiError      every retry failed: wait, or ask INN8
    │   ├── CircuitOpenError       INN8 failed too often just now: the next sync tries again
    │   ├── RefusedRequestError    INN8 refused the request (4xx): check the settings
    │   └── ContractError          INN8's response contradicts the contract: change the contract file
    ├── NotifyError                an alert or a heartbeat was not accepted: check its address
    ├── CollectorError             spans cannot be exported: check the collector, or install the extra `otel`
    └── WarehouseError             Postgres, or what is stored in it
        ├── DatabaseError          Postgres failed, is full or read-only: repair it, rerun
        │   └── UnreachableDatabaseError   no connection can be opened: check the URL and the server
        ├── UnsuitableDatabaseError    an old version or another encoding: choose another database
        ├── PoolerError            a pooler between us and Postgres lends other sessions: set what its mode needs
        ├── SchemaVersionError     the tables belong to another release: `inn8 db upgrade`
        ├── MissingRolesError      the login may not upgrade: an administrator creates the roles, once
        ├── NotOwnerError          the login may not grant or erase: set INN8_OWNER_DATABASE_URL
        ├── LoginError             a login cannot be made a reader or a writer: choose another
        ├── StillSentError         INN8 still sends what is to be erased: let INN8 erase it first
        ├── NotVacuumedError       the data is erased, but the tables could not be vacuumed: vacuum them
        ├── SyncLockedError        another sync took too long: look at it, rerun
        ├── FutureLandingError     a fetch began in the future: check the clock, `inn8 db heal-clock`
        ├── LandingMissingError    there is nothing to rebuild from: fetch first
        ├── TooManyRejectsError    more records would be rejected than the bound allows: compare, or allow it once
        ├── MassChangeError        a column would change in too many rows at once: report it, or allow it once
        └── ReconciliationError    the counts do not add up: nothing was written; a bug

A message says what happened, what it means for the data and what to do. It never contains a record's value, a body or
a secret. docs/runbook.md has an entry for each class. The errors that only commands raise are in `cli/`.
"""

from typing import TYPE_CHECKING

from inn8_pipeline.lazy_imports import lazy_names

if TYPE_CHECKING:
    from inn8_pipeline.errors.api import (
        ApiError,
        CircuitOpenError,
        ContractError,
        CredentialsError,
        RefusedRequestError,
        TransientApiError,
    )
    from inn8_pipeline.errors.base import Inn8Error
    from inn8_pipeline.errors.erasure import NotVacuumedError, StillSentError
    from inn8_pipeline.errors.merge import (
        FutureLandingError,
        LandingMissingError,
        MassChangeError,
        ReconciliationError,
        SyncLockedError,
        TooManyRejectsError,
    )
    from inn8_pipeline.errors.notify import CollectorError, NotifyError
    from inn8_pipeline.errors.settings import ContractFileError, NoDaysError, SettingsError, UnknownEntityError
    from inn8_pipeline.errors.warehouse import (
        DatabaseError,
        LoginError,
        MissingRolesError,
        NotOwnerError,
        PoolerError,
        SchemaVersionError,
        UnreachableDatabaseError,
        UnsuitableDatabaseError,
        WarehouseError,
    )

__all__ = [
    "ApiError",
    "CircuitOpenError",
    "CollectorError",
    "ContractError",
    "ContractFileError",
    "CredentialsError",
    "DatabaseError",
    "FutureLandingError",
    "Inn8Error",
    "LandingMissingError",
    "LoginError",
    "MassChangeError",
    "MissingRolesError",
    "NoDaysError",
    "NotOwnerError",
    "NotVacuumedError",
    "NotifyError",
    "PoolerError",
    "ReconciliationError",
    "RefusedRequestError",
    "SchemaVersionError",
    "SettingsError",
    "StillSentError",
    "SyncLockedError",
    "TooManyRejectsError",
    "TransientApiError",
    "UnknownEntityError",
    "UnreachableDatabaseError",
    "UnsuitableDatabaseError",
    "WarehouseError",
]

if not TYPE_CHECKING:  # a type checker would take every other name for one of the package, too
    # The help of a command needs the first two modules; the definitions and a sync need few of the others.
    __getattr__ = lazy_names(globals(), ("base", "settings", "warehouse", "api", "merge", "notify", "erasure"))
