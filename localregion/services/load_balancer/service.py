# SPDX-License-Identifier: GPL-3.0-or-later
"""The Load Balancing service: documents by `load_balancer_model`, traffic by HAProxy in a VNIC of the load balancer's
subnet.

Every change is a work request of this service's own form, done one after the other for each load balancer. A change
is checked when it arrives, against what the load balancer is then (so a listener for a backend set whose work request
is not done is refused, as by the service), and again when it is carried out.
"""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from localregion.core.errors import ServiceError, conflict, incorrect_state, invalid
from localregion.core.store import Document, Record
from localregion.core.validate import Form
from localregion.services import lookup
from localregion.services.base import Service
from localregion.services.checks import in_state
from localregion.services.load_balancer import model
from localregion.services.load_balancer.running_balancers import RunningBalancers
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Kind, Reply
from localregion.services.work_requests import WorkRequest, WorkRequestForm

if TYPE_CHECKING:
    from localregion.services.context import Context
    from localregion.services.network.vnics import Vnic

CREATE_MINUTES = 0.75
_DELETE_MINUTES = 0.25
_CHANGE_MINUTES = 4 * SECOND


def _work_request_doc(record: Record) -> Document:
    """The service's form of a work request."""
    doc = record.doc
    errors = record.private.get("errors", [])
    state = doc["status"]
    balancer_id = doc["resources"][0]["identifier"]
    shown = {
        "id": record.id,
        "loadBalancerId": balancer_id,
        "compartmentId": doc["compartmentId"],
        "type": doc["operationType"],
        "lifecycleState": state,
        "timeAccepted": doc["timeAccepted"],
        "errorDetails": [
            {
                "errorCode": "INTERNAL_ERROR" if error["code"] == "InternalError" else "BAD_INPUT",
                "message": error["message"],
            }
            for error in errors
        ],
    }
    if doc.get("timeFinished"):
        message = errors[0]["message"] if errors else f"{doc['operationType']}: {state}"
        shown |= {"timeFinished": doc["timeFinished"], "message": message}
    return shown


class LoadBalancer(Service):
    """Load balancers."""

    name = "load_balancer"
    etag_form = "09d"
    package = "load_balancer"
    kinds = (Kind("load_balancer", model="LoadBalancer", resource="load-balancers", operations=("get",)),)
    work_request_form = WorkRequestForm("loadbalancerworkrequest", document=_work_request_doc)
    # recorded: a work request says nothing before its end, an answer without a document has no etag
    form = Form(nullable=frozenset({"WorkRequest.message"}))
    etag_without_document = False
    access = {
        "list_policies": ("inspect", "load-balancers"),
        "list_protocols": ("inspect", "load-balancers"),
        "list_shapes": ("inspect", "load-balancers"),
        "get_work_request": ("read", "load-balancers"),
        "list_work_requests": ("inspect", "load-balancers"),
        **dict.fromkeys(model.CHANGES, ("use", "load-balancers")),
    }

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self._locks: dict[str, asyncio.Lock] = {}
        self.running = RunningBalancers(self)
        self.handlers |= {name: functools.partial(self._accept, name) for name in model.CHANGES}

    def accepted(self, request: WorkRequest | None = None, status: int = 204, record: Record | None = None) -> Reply:
        """As the service writes them: the type of a content that is not there."""
        reply = super().accepted(request, status, record)
        reply.headers["content-type"] = "application/json"
        return reply

    # life of a load balancer

    @operation
    async def create_load_balancer(self, call: Call) -> Reply:
        """Create a load balancer; the work request names it."""
        body = call.body
        doc, keys = model.new(body)
        self._check_network(doc)
        reserved = self._reserved(body)
        doc["id"] = self.kind("load_balancer").ocid()
        # The address is taken at once: a full subnet is refused, and the subnet is in use from now on.
        await self._attach(doc["id"], doc, reserved)
        try:
            balancer = self.create("load_balancer", call, doc, state="CREATING")
        except ServiceError:
            await self._detach(doc["id"])
            raise
        self._drop_secrets(balancer, keys)
        if reserved:
            self.update(balancer, {}, private={"reserved": reserved.id})
        request = self._request_for("CreateLoadBalancer", balancer)
        self.transition(balancer, CREATE_MINUTES, "ACTIVE", also=self._provision, request=request)
        return self.accepted(request, record=balancer)

    def _reserved(self, body: Document) -> Record | None:
        """The reserved public IP that a create names, free to be taken; else 400 or 409."""
        given = [each.get("id") for each in body.get("reservedIps") or []]
        if not given:
            return None
        if len(given) > 1 or body.get("isPrivate"):
            raise invalid("reservedIps takes one address, of a public load balancer")
        address = lookup.network(self.region).get("public_ip", given[0], related=True)
        if address.doc["lifetime"] != "RESERVED":
            raise invalid(f"reservedIps: public IP {address.id} is not reserved")
        if address.doc.get("privateIpId") or address.state != "AVAILABLE":
            raise conflict(f"Public IP {address.id} is in use, or in state {address.state}")
        return address

    def _drop_secrets(self, balancer: Record, keys: Mapping[str, bytes]) -> None:
        """Keep private keys sealed beside the document; the document never had them (model.certificate)."""
        sealed = {name: self.region.sealer.seal(key, f"{balancer.id} {name}") for name, key in keys.items()}
        self.update(balancer, {}, private={"keys": balancer.private.get("keys", {}) | sealed})

    def _check_network(self, doc: Document) -> None:
        if len(doc["subnetIds"]) != 1:
            raise invalid("subnetIds must hold one subnet (two are for regions of several availability domains)")
        lookup.network(self.region).vnics.check_placement(
            doc["subnetIds"][0], doc["networkSecurityGroupIds"], public=not doc["isPrivate"]
        )

    @step
    async def _provision(self, balancer: Record, request: WorkRequest | None) -> Document:
        """Give the load balancer its address and start serving; also after a restart, so all of it can run twice."""
        private = balancer.doc["isPrivate"]
        reserved = self.store.find(balancer.private.get("reserved", ""))
        vnic = await self._attach(balancer.id, balancer.doc, reserved)
        shown: Document = {"ipAddress": vnic.private_ip if private else vnic.public_ip, "isPublic": not private}
        if reserved:
            shown["reservedIp"] = {"id": reserved.id}
        changes = {"ipAddresses": [shown]}
        await self.running.serve(self.update(balancer, changes))
        return changes

    async def _attach(self, balancer_id: str, doc: Document, reserved: Record | None = None) -> Vnic:
        vnic = await lookup.network(self.region).vnics.attach(
            subnet_id=doc["subnetIds"][0],
            display_name="load-balancer",
            owner_id=balancer_id,
            nsg_ids=doc["networkSecurityGroupIds"],
            public=not doc["isPrivate"] and reserved is None,
        )
        if reserved and vnic.public_ip is None:
            lookup.network(self.region).public_ips.assign_reserved(reserved, vnic.id)
            vnic = next(each for each in lookup.network(self.region).vnics.of(balancer_id) if each.id == vnic.id)
        return vnic

    async def _detach(self, balancer_id: str) -> None:
        await lookup.network(self.region).vnics.detach_all(balancer_id)

    @operation
    async def delete_load_balancer(self, call: Call) -> Reply:
        """Delete a load balancer with all its parts."""
        balancer = self.get("load_balancer", call.path["load_balancer_id"])
        if balancer.state not in ("ACTIVE", "FAILED"):
            raise incorrect_state(f"Load balancer {balancer.id} is in state {balancer.state}, not ACTIVE")
        if balancer.doc["isDeleteProtectionEnabled"] and balancer.doc["listeners"]:
            raise conflict(f"Load balancer {balancer.id} has listeners and is protected against deletion")
        request = self._request_for("DeleteLoadBalancer", balancer)
        self.transition(balancer, _DELETE_MINUTES, "DELETED", via="DELETING", also=self._remove, request=request)
        return self.accepted(request)

    @step
    async def _remove(self, balancer: Record, request: WorkRequest | None) -> None:
        async with self._lock(balancer.id):
            await self.running.end(balancer)
            await self._detach(balancer.id)
            self.update(balancer, {}, private={"keys": {}})

    async def resume(self) -> None:
        """Serve again what was served, then take up what was under way."""
        for balancer in self.living("load_balancer"):
            if balancer.state == "ACTIVE":
                try:
                    await self._attach(balancer.id, balancer.doc)
                    await self.running.serve(balancer)
                except ServiceError as error:
                    self.log.error("%s does not serve: %s", balancer.id, error.message)
        await super().resume()

    @operation
    async def list_load_balancers(self, call: Call) -> Reply:
        """The load balancers of a compartment (always in full detail)."""
        return self.list("load_balancer", call, {"detail": lambda balancer, value: True})

    @operation
    async def change_load_balancer_compartment(self, call: Call) -> Reply:
        """Move a load balancer."""
        balancer = self._active(call)
        self.move(balancer, call)
        request = self._request_for("ChangeCompartment", balancer)
        request.finish()
        return self.accepted(request)

    # changes of an active load balancer

    def _active(self, call: Call) -> Record:
        return in_state(self.get("load_balancer", call.path["load_balancer_id"]), "ACTIVE")

    async def _accept(self, operation: str, call: Call) -> Reply:
        """Check a change, and carry it out in its turn."""
        balancer = self._active(call)
        body, sealed = call.body, {}
        if operation == "create_certificate":
            shown, key = model.certificate(body)
            body = shown
            if key:
                name = shown["certificateName"]
                sealed = {name: self.region.sealer.seal(key, f"{balancer.id} {name}")}
        trial = copy.deepcopy(balancer.doc)
        model.apply(operation, trial, body, call.path)
        if operation == "update_network_security_groups":
            lookup.network(self.region).vnics.check_placement(trial["subnetIds"][0], trial["networkSecurityGroupIds"])
        request = self._request_for(model.CHANGES[operation][0], balancer)
        change = {"operation": operation, "body": body, "path": call.path, "keys": sealed, "balancer": balancer.id}
        self.update(request.record, {}, private={"change": change})
        self.transition(request.record, _CHANGE_MINUTES, None, also=self._carry_out, request=request, failed=None)
        return self.accepted(request)

    @step
    async def _carry_out(self, record: Record, request: WorkRequest | None) -> None:
        change = record.private["change"]
        async with self._lock(change["balancer"]):
            record = self.store.find(record.id) or record
            balancer = in_state(self.get("load_balancer", change["balancer"]), "ACTIVE")
            if not record.private.get("applied"):  # it may be, when the region was stopped in between
                doc = copy.deepcopy(balancer.doc)
                model.apply(change["operation"], doc, change["body"], change["path"])
                keys = balancer.private.get("keys", {}) | change["keys"]
                # A field that a change has taken away (a shape's details) must go.
                gone = {name: None for name in balancer.doc if name not in doc}
                balancer = self.update(
                    balancer,
                    doc | gone,
                    private={"keys": {name: key for name, key in keys.items() if name in doc["certificates"]}},
                )
                self.update(record, {}, private={"applied": True})
            if change["operation"] == "update_network_security_groups":
                for vnic in lookup.network(self.region).vnics.of(balancer.id):
                    await lookup.network(self.region).vnics.set_groups(vnic.id, balancer.doc["networkSecurityGroupIds"])
            await self.running.serve(balancer)

    def _lock(self, balancer_id: str) -> asyncio.Lock:
        return self._locks.setdefault(balancer_id, asyncio.Lock())

    # reading

    def _part(self, call: Call, kind: str, name: str) -> Reply:
        balancer = self.get("load_balancer", call.path["load_balancer_id"])
        return self.show(balancer, doc=model.find(balancer.doc, kind, name))

    def _parts(self, call: Call, kind: str) -> Reply:
        balancer = self.get("load_balancer", call.path["load_balancer_id"])
        reply = self.page(call, balancer.doc[kind].values())
        reply.record = balancer
        return reply

    @operation
    async def get_backend_set(self, call: Call) -> Reply:
        """A backend set."""
        return self._part(call, "backendSets", call.path["backend_set_name"])

    @operation
    async def list_backend_sets(self, call: Call) -> Reply:
        """The backend sets of a load balancer."""
        return self._parts(call, "backendSets")

    @operation
    async def get_health_checker(self, call: Call) -> Reply:
        """The health checker of a backend set."""
        reply = self._part(call, "backendSets", call.path["backend_set_name"])
        reply.doc = reply.doc["healthChecker"]
        return reply

    @operation
    async def get_backend(self, call: Call) -> Reply:
        """A backend."""
        balancer = self.get("load_balancer", call.path["load_balancer_id"])
        found = model.find_backend(balancer.doc, call.path["backend_set_name"], call.path["backend_name"])
        return self.show(balancer, doc=found)

    @operation
    async def list_backends(self, call: Call) -> Reply:
        """The backends of a backend set."""
        reply = self._part(call, "backendSets", call.path["backend_set_name"])
        listed = self.page(call, reply.doc["backends"])
        listed.record = reply.record
        return listed

    @operation
    async def list_certificates(self, call: Call) -> Reply:
        """The certificates of a load balancer, without their private keys."""
        return self._parts(call, "certificates")

    @operation
    async def list_policies(self, call: Call) -> Reply:
        """How backends can be chosen."""
        return self.page(call, [{"name": name} for name in model.POLICIES])

    @operation
    async def list_protocols(self, call: Call) -> Reply:
        """What listeners can speak."""
        return self.page(call, [{"name": name} for name in model.PROTOCOLS])

    @operation
    async def list_shapes(self, call: Call) -> Reply:
        """The shapes there are."""
        return self.page(call, [{"name": name} for name in model.SHAPES])

    # health

    @operation
    async def get_backend_health(self, call: Call) -> Reply:
        """Whether a backend answers."""
        balancer = self.get("load_balancer", call.path["load_balancer_id"])
        set_name, name = call.path["backend_set_name"], call.path["backend_name"]
        backend = model.find_backend(balancer.doc, set_name, name)
        state = (await self.running.health(balancer)).get(set_name, {}).get(name, "UNKNOWN")
        checked = "OFFLINE" if backend["offline"] else {"OK": "OK", "CRITICAL": "CONNECT_FAILED"}.get(state, "UNKNOWN")
        results = []
        if balancer.doc.get("ipAddresses"):
            results = [
                {
                    "subnetId": balancer.doc["subnetIds"][0],
                    "sourceIpAddress": balancer.doc["ipAddresses"][0]["ipAddress"],
                    "timestamp": self.clock.timestamp(),
                    "healthCheckStatus": checked,
                }
            ]
        return Reply(200, {"status": state, "healthCheckResults": results})

    @operation
    async def get_backend_set_health(self, call: Call) -> Reply:
        """Health of a backend set."""
        balancer = self.get("load_balancer", call.path["load_balancer_id"])
        found = model.find(balancer.doc, "backendSets", call.path["backend_set_name"])
        states = (await self.running.health(balancer)).get(found["name"], {})
        states = {each["name"]: states.get(each["name"], "UNKNOWN") for each in found["backends"]}
        return Reply(
            200,
            {
                "status": self._set_state(balancer, found, states),
                "totalBackendCount": len(states),
                **{
                    f"{state.lower()}StateBackendNames": [name for name, each in states.items() if each == state]
                    for state in ("WARNING", "CRITICAL", "UNKNOWN")
                },
            },
        )

    def _set_state(self, balancer: Record, backend_set: Document, states: Mapping[str, str]) -> str:
        attached = any(
            each["defaultBackendSetName"] == backend_set["name"] for each in balancer.doc["listeners"].values()
        )
        return model.combine(list(states.values()), "set") if attached else "UNKNOWN"

    @operation
    async def get_load_balancer_health(self, call: Call) -> Reply:
        """Health of a load balancer."""
        return Reply(200, await self._whole_health(self.get("load_balancer", call.path["load_balancer_id"])))

    @operation
    async def list_load_balancer_healths(self, call: Call) -> Reply:
        """Health of the load balancers of a compartment."""
        found = []
        for balancer in self.living("load_balancer", compartment=call.query["compartment_id"]):
            health = await self._whole_health(balancer)
            found.append({"loadBalancerId": balancer.id, "status": health["status"]})
        return self.page(call, found)

    async def _whole_health(self, balancer: Record) -> Document:
        sets = balancer.doc["backendSets"]
        found = await self.running.health(balancer)
        states = {}
        for name, each in sets.items():
            known = found.get(name, {})
            states[name] = self._set_state(
                balancer, each, {one["name"]: known.get(one["name"], "UNKNOWN") for one in each["backends"]}
            )
        status = model.combine(list(states.values()), "balancer") if balancer.state == "ACTIVE" else "UNKNOWN"
        return {
            "status": status,
            "totalBackendSetCount": len(states),
            **{
                f"{state.lower()}StateBackendSetNames": [name for name, each in states.items() if each == state]
                for state in ("WARNING", "CRITICAL", "UNKNOWN")
            },
        }

    def _request_for(self, kind: str, balancer: Record) -> WorkRequest:
        return self.work_request(kind, [("RELATED", "loadbalancer", balancer)])

    async def stop(self) -> None:
        """End the proxies; the documents stay."""
        await self.running.stop_all()


__all__ = ["LoadBalancer"]
