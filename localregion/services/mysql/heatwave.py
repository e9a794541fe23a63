# SPDX-License-Identifier: GPL-3.0-or-later
"""HeatWave clusters of DB systems: state only.

The server has nothing that would accelerate queries, so a cluster here is what the API shows of it: its shape, size and
nodes, its states and those that its DB system goes through meanwhile, what the service refuses, its work requests. No
query runs faster or slower for it, and nothing is loaded into it.

A cluster is a record of its own below its DB system, which is UPDATING, and refuses writes, while the cluster changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from localregion.core.errors import conflict, incorrect_state, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part
from localregion.services.mysql import model
from localregion.services.mysql.requests import begun, db_system
from localregion.services.registration import operation, step
from localregion.services.resources import Call, Kind, Reply
from localregion.services.work_requests import WorkRequest

# Cloud minutes.
_CHANGE, _REMOVE, _START, _STOP, _RESTART = 4.0, 2.0, 2.0, 2.0, 2.0

_SHOWN = ("shapeName", "clusterSize", "isLakehouseEnabled", "lifecycleState", "timeCreated", "timeUpdated")
"""What a DB system's document holds of its cluster."""

KIND = Kind("heat_wave_cluster", model="HeatWaveCluster", resource="mysql-heatwave", operations=())
ACCESS = {
    "get_heat_wave_cluster": ("read", "mysql-heatwave"),
    **{f"{verb}_heat_wave_cluster": ("manage", "mysql-heatwave") for verb in ("add", "delete", "update")},
    **{f"{verb}_heat_wave_cluster": ("use", "mysql-heatwave") for verb in ("start", "stop", "restart")},
}


class HeatWave(Part):
    """The operations of HeatWave clusters, and what DB systems do with theirs."""

    def of(self, system: Record) -> Record | None:
        """The living HeatWave cluster of a DB system."""
        found = self.service.living(KIND.name, parent=system.id)
        return found[-1] if found else None

    def follow(self, system: Record, was: str, becomes: str) -> Document:
        """The cluster in one state goes into another with its DB system; fields of the DB system that follow."""
        cluster = self.of(system)
        if cluster is not None and cluster.state == was:
            self._enter(cluster, becomes)
        return self._summary(system)

    def remove(self, system: Record) -> Document:
        """The cluster goes with its DB system; fields of the DB system that follow."""
        if cluster := self.of(system):
            self._enter(cluster, "DELETED")
        return self._summary(system)

    def _summary(self, system: Record) -> Document:
        cluster = self.of(system)
        if cluster is None:
            return {"isHeatWaveClusterAttached": False, "heatWaveCluster": None}
        return {
            "isHeatWaveClusterAttached": True,
            "heatWaveCluster": {name: cluster.doc[name] for name in _SHOWN if name in cluster.doc},
        }

    # states

    def _enter(self, cluster: Record, state: str, changes: Mapping[str, object] | None = None) -> Record:
        """Let a cluster and its nodes be in a state."""
        now = self.clock.timestamp()
        doc = {**cluster.doc, **(changes or {})}
        old = [node["nodeId"] for node in cluster.doc["clusterNodes"]]
        nodes: list[Document] = []
        for number in range(doc["clusterSize"]):
            name = f"node-{number}"
            made = cluster.doc["clusterNodes"][old.index(name)]["timeCreated"] if name in old else now
            nodes.append({"nodeId": name, "lifecycleState": state, "timeCreated": made, "timeUpdated": now})
        return self.service.update(cluster, {**(changes or {}), "clusterNodes": nodes}, state=state)

    def _step(
        self, system: Record, cluster: Record, kind: str, becomes: str, minutes: float
    ) -> tuple[WorkRequest, Record]:
        """A cluster is on its way into a state, and its DB system is UPDATING meanwhile."""
        was, during = cluster.state, {"ADD": "CREATING", "DELETE": "DELETING"}.get(kind, "UPDATING")
        self.service.update(cluster, {}, private={"becomes": becomes, "was": was})
        self._enter(cluster, during)
        system = self.service.update(system, self._summary(system))
        request = begun(self.service, f"{kind}_HEATWAVE_CLUSTER", [("UPDATED", "mysqldbsystem", system)])
        system = self.service.transition(
            system, minutes, "ACTIVE", via="UPDATING", also=self._stepped, request=request, failed="ACTIVE"
        )
        return request, system

    @step
    async def _stepped(self, system: Record, request: WorkRequest | None) -> Document:
        """The end of a step. Runs again after a restart."""
        if cluster := self.of(system):
            self._enter(cluster, cluster.private["becomes"], cluster.private.get("changes"))
            self.service.update(cluster, {}, private={"changes": None})
        return self._summary(system)

    def _attached(self, call: Call, *states: str) -> tuple[Record, Record]:
        """The DB system of a call, which is ACTIVE, and its cluster in one of these states. Raises 404 or 409."""
        system = db_system(self.service, call, "ACTIVE")
        cluster = self.of(system)
        if cluster is None:
            raise not_found()
        if cluster.state not in states:
            raise incorrect_state(
                f"The HeatWave cluster of DB System {system.id} is in state {cluster.state}, not {' or '.join(states)}"
            )
        return system, cluster

    # operations

    @operation
    async def get_heat_wave_cluster(self, call: Call) -> Reply:
        """The HeatWave cluster of a DB system; a deleted one as long as the region remembers it."""
        system = self.service.get("db_system", call.path["db_system_id"])
        found = self.store.select(self.service.name, KIND.name, parent=system.id, dead=None)
        if not found:
            raise not_found()
        return self.service.show(system, doc=found[-1].doc)

    @operation
    async def add_heat_wave_cluster(self, call: Call) -> Reply:
        """Add a HeatWave cluster; a DB system has one at most."""
        system = db_system(self.service, call, "ACTIVE")
        if self.of(system):
            raise conflict(f"DB System {system.id} has a HeatWave cluster already")
        body = call.body
        model.heatwave(body["shapeName"], body["clusterSize"], system.doc)
        cluster = self.service.create(
            KIND.name,
            None,
            {
                "dbSystemId": system.id,
                "shapeName": body["shapeName"],
                "clusterSize": body["clusterSize"],
                "isLakehouseEnabled": bool(body.get("isLakehouseEnabled")),
                "clusterNodes": [],
                "timeUpdated": self.clock.timestamp(),
            },
            state="CREATING",
            parent=system.id,
        )
        request, _ = self._step(system, cluster, "ADD", "ACTIVE", _CHANGE)
        # The retry token is void once this cluster, not its DB system, is gone.
        return self.service.show(cluster, request=request)

    @operation
    async def update_heat_wave_cluster(self, call: Call) -> Reply:
        """Change shape, size or Lakehouse: the cluster is replaced, which shows at the end."""
        system, cluster = self._attached(call, "ACTIVE", "INACTIVE")
        given = {
            name: call.body[name] for name in ("shapeName", "clusterSize", "isLakehouseEnabled") if name in call.body
        }
        wanted = cluster.doc | given
        model.heatwave(wanted["shapeName"], wanted["clusterSize"], system.doc)
        cluster = self.service.update(cluster, {}, private={"changes": given})
        request, system = self._step(system, cluster, "UPDATE", cluster.state, _CHANGE)
        return self.service.accepted(request, 202, system)

    @operation
    async def delete_heat_wave_cluster(self, call: Call) -> Reply:
        """Remove the HeatWave cluster."""
        system, cluster = self._attached(call, "ACTIVE", "INACTIVE", "FAILED")
        request, system = self._step(system, cluster, "DELETE", "DELETED", _REMOVE)
        return self.service.accepted(request, 202, system)

    @operation
    async def start_heat_wave_cluster(self, call: Call) -> Reply:
        """INACTIVE to ACTIVE."""
        return self._switched(call, "START", "INACTIVE", "ACTIVE", _START)

    @operation
    async def stop_heat_wave_cluster(self, call: Call) -> Reply:
        """ACTIVE to INACTIVE."""
        return self._switched(call, "STOP", "ACTIVE", "INACTIVE", _STOP)

    @operation
    async def restart_heat_wave_cluster(self, call: Call) -> Reply:
        """ACTIVE to ACTIVE."""
        return self._switched(call, "RESTART", "ACTIVE", "ACTIVE", _RESTART)

    def _switched(self, call: Call, kind: str, was: str, becomes: str, minutes: float) -> Reply:
        system, cluster = self._attached(call, was)
        request, system = self._step(system, cluster, kind, becomes, minutes)
        return self.service.accepted(request, 202, system)
