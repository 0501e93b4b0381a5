"""The random events of the soak test: INN8 changes and fails, processes are killed, operators launch runs."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import psutil

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection
from inn8_pipeline_tests.system.environment import STORAGE, TENANTS, SoakEnvironment

OUTAGE_SECONDS = 180.0
FAULTS = ("status", "html", "cut_length", "drop", "revoke", "redirect", "pascal", "no_paging", "delay")
WRONG: dict[Collection, dict[str, object]] = {
    "clients": {"fullName": None},
    "portfolios": {"clientId": "CL-NOBODY"},
    "transactions": {"amount": "about"},
}
LAUNCH = """
mutation ($job: String!) { launchRun(executionParams: {runConfigData: "{}", selector:
  {repositoryName: "__repository__", repositoryLocationName: "inn8", jobName: $job}}) { __typename } }
"""
BACKFILL = """
mutation ($days: [String!]!) { launchPartitionBackfill(backfillParams: {partitionNames: $days, assetSelection: [
  {path: ["raw_transactions"]}, {path: ["securities"]}, {path: ["transactions"]}]}) { __typename } }
"""


@dataclass
class Chaos:
    """Draw and cause events; `happened` counts them. `heal` undoes everything that they broke at INN8."""

    environment: SoakEnvironment
    random: Random
    happened: dict[str, int] = field(default_factory=dict)
    outages: list[tuple[str, float, float]] = field(default_factory=list)
    _sound: dict[tuple[str, Collection, str], dict[str, object]] = field(default_factory=dict)
    _number: int = 0

    def happen(self) -> str:
        """Cause one random event, and return its description."""
        events = {
            self._change: 8, self._remove: 2, self._corrupt: 3, self._mend: 3, self._fault: 6, self._outage: 1,
            self._kill_a_run: 3, self._kill_the_daemon: 1, self._restart_a_server: 1, self._kill_postgres: 1,
            self._backfill: 2, self._maintain: 1,
        }  # fmt: skip
        (event,) = self.random.choices(list(events), list(events.values()))
        what = event()
        self.happened[what] = self.happened.get(what, 0) + 1
        return what

    def heal(self) -> None:
        """End all faults of INN8 and restore corrupted records. Removed records stay removed."""
        for tenant_id, server in self.environment.inn8.items():
            server.faults.clear()
            for (owner, collection, _), record in list(self._sound.items()):
                if owner == tenant_id:
                    server.world.put(collection, record)
        self._sound.clear()

    def _server(self) -> tuple[str, SandboxServer]:
        return self.random.choice(list(self.environment.inn8.items()))

    def _sound_record(self) -> tuple[str, SandboxServer, Collection, dict[str, object]]:
        tenant_id, server = self._server()
        collection = self.random.choice(COLLECTIONS)
        records = [
            each for each in server.world.records(collection) if (tenant_id, collection, each["id"]) not in self._sound
        ]
        return tenant_id, server, collection, self.random.choice(records)

    def _change(self) -> str:
        _, server, collection, record = self._sound_record()
        self._number += 1
        name = {"clients": "fullName", "portfolios": "name", "transactions": "description"}[collection]
        server.world.put(collection, {**record, name: f"changed {self._number}"})
        server.world.change_fraction(collection, 0.02, self._number)
        return "records change"

    def _remove(self) -> str:
        _, server = self._server()
        records = server.world.records("transactions")
        server.world.remove("transactions", self.random.choice(records)["id"])
        return "a transaction is removed"

    def _corrupt(self) -> str:
        tenant_id, server, collection, record = self._sound_record()
        self._sound[tenant_id, collection, str(record["id"])] = record
        server.world.corrupt(collection, record["id"], **WRONG[collection])
        return "a record becomes invalid"

    def _mend(self) -> str:
        if self._sound:
            tenant_id, collection, record_id = self.random.choice(list(self._sound))
            record = self._sound.pop((tenant_id, collection, record_id))
            self.environment.inn8[tenant_id].world.put(collection, record)
        return "a record is mended"

    def _fault(self) -> str:
        _, server = self._server()
        kind = self.random.choice(FAULTS)
        server.faults.add(kind, self.random.choice(COLLECTIONS), times=self.random.randint(1, 6), seconds=2.0)
        return f"INN8 fails: {kind}"

    def _outage(self) -> str:
        """Let only the second tenant's INN8 fail; the ticks of the first tenant must not wait."""
        server = self.environment.inn8[TENANTS[1]]
        for kind in COLLECTIONS:
            server.faults.add("delay", kind, times=None, seconds=8.0)
            server.faults.add("status", kind, times=None, status=503)
        began_at = time.time()
        time.sleep(OUTAGE_SECONDS)
        server.faults.clear()
        self.outages.append((TENANTS[1], began_at, time.time()))
        return "an outage of three minutes"

    def _kill_a_run(self) -> str:
        ends_at = time.monotonic() + 30
        while time.monotonic() < ends_at:
            for worker in self.environment.workers():
                time.sleep(self.random.random() * 2)
                try:
                    worker.kill()
                except psutil.NoSuchProcess:
                    continue
                return "a run is killed"
            time.sleep(0.2)
        return "a run was to be killed and none was there"

    def _kill_the_daemon(self) -> str:
        self.environment.kill("daemon")
        time.sleep(self.random.random() * 20)
        self.environment.start("daemon")
        return "the daemon and its runs are killed"

    def _restart_a_server(self) -> str:
        name = self.random.choice(list(self.environment.servers))
        self.environment.restart(name)
        return f"the {name} is restarted"

    def _kill_postgres(self) -> str:
        self.environment.kill_postgres()
        return "Postgres is killed"

    def _backfill(self) -> str:
        world = self.environment.inn8[TENANTS[0]].world
        first = self.random.randint(0, 4)
        days = [(world.first_date + timedelta(days=first + number)).isoformat() for number in range(3)]
        answer = self.environment.ask(BACKFILL, days=days)
        launched = (((answer or {}).get("data") or {}).get("launchPartitionBackfill") or {}).get("__typename")
        return "a backfill" if launched == "LaunchBackfillSuccess" else "a backfill that the webserver did not take"

    def _maintain(self) -> str:
        """Date all ended runs back by a day, then launch the maintenance."""
        self.environment.rows(
            STORAGE,
            "update runs set create_timestamp = create_timestamp - interval '1 day' "
            "where status in ('SUCCESS', 'FAILURE', 'CANCELED') and create_timestamp < now() - interval '10 minutes'",
        )
        self.environment.ask(LAUNCH, job="inn8_maintenance")
        return "a maintenance, a day later"
