# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud's controller in a cluster: Services of type LoadBalancer become load balancers of the region's API.

Follows oci-cloud-controller-manager (github.com/oracle/oci-cloud-controller-manager, load-balancer-annotations.md):
names of listeners and backend sets, defaults, annotations, tags, events, finalizer. What of it is not done here fails
with an event on the Service that says so.

On virtual nodes pods are the backends, not nodes: each at its own address and the Service's node port (Oracle's page
"Comparing Virtual Nodes with Managed Nodes"). What answers there is in the cloud a kube-proxy beside each pod; here
the fabric leads the port to the pod (`NodePort`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from localregion.backends.fabric import FabricError
from localregion.backends.node_ports import PROXY_HEALTH_PORT, NodePort
from localregion.core.errors import ServiceError
from localregion.core.tasks import note_failure
from localregion.host.kubernetes_client import KubeClient, KubeError

log = logging.getLogger(__name__)

Doc = dict[str, Any]

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
COMPONENT = "service-controller"
_B = "service.beta.kubernetes.io/oci-load-balancer-"
_N = "oci.oraclecloud.com/"
_SERVICE_NAME = "kubernetes.io/service-name"
_WAIT_SECONDS = 600.0
_RETRY = (1.0, 2.0, 5.0, 10.0, 30.0)


class Refused(Exception):
    """The Service asks for what cannot be; the text becomes its event."""


@dataclass(frozen=True)
class ClusterFacts:
    """What the controller takes from the cluster's document."""

    compartment_id: str
    subnet_ids: tuple[str, ...]
    freeform_tags: Mapping[str, str]
    defined_tags: Mapping[str, Any]
    reserved: Callable[[str], str | None] = lambda address: None
    """The OCID of the reserved public IP that has an address, if there is one."""


LoadBalancerCall = Callable[[str, Mapping[str, str], Doc | None], Awaitable[tuple[Any, Mapping[str, str]]]]
"""(operation, path and query parameters, body) to document and headers; raises ServiceError."""


def _annotation(service: Doc, *keys: str, default: str = "") -> str:
    annotations = service["metadata"].get("annotations") or {}
    for key in keys:
        if annotations.get(key) not in (None, ""):
            return str(annotations[key])
    return default


def _number(service: Doc, key: str, default: int) -> int:
    text = _annotation(service, key, default=str(default))
    try:
        return int(text)
    except ValueError:
        raise Refused(f"invalid value {text!r} of annotation {key}: a whole number is expected") from None


def wanted(service: Doc) -> bool:
    """Whether the Service is to have a load balancer of this controller."""
    spec = service["spec"]
    return (
        spec.get("type") == "LoadBalancer"
        and not spec.get("loadBalancerClass")
        and not service["metadata"].get("deletionTimestamp")
    )


def shape_of(service: Doc) -> tuple[str, Doc | None]:
    """Shape name and details. Raises Refused."""
    name = _annotation(service, f"{_B}shape", default="100Mbps")
    if name != "flexible":
        return name, None
    limits = []
    for end in ("min", "max"):
        key = f"{_B}shape-flex-{end}"
        text = _annotation(service, key).removesuffix("Mbps")
        if not text.isdigit():
            raise Refused(f"error parsing service annotation: {key} is required for a flexible shape, in Mbps")
        limits.append(min(8000, max(10, int(text))))
    if limits[0] > limits[1]:
        raise Refused("error parsing service annotation: the flexible shape's min is greater than its max")
    return "flexible", {"minimumBandwidthInMbps": limits[0], "maximumBandwidthInMbps": limits[1]}


def nsgs_of(service: Doc) -> list[str]:
    """Network security groups of the load balancer. Raises Refused."""
    older = "service.beta.kubernetes.io/oci-network-security-groups"
    text = _annotation(service, f"{_N}oci-network-security-groups", older)
    groups = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(groups) > 5:
        raise Refused("invalid number of Network Security Groups (Max: 5) including managed nsg")
    return groups


def check_rule_management(service: Doc) -> None:
    """Who writes the security rules: only `None` (the user) is done here. Raises Refused."""
    mode = _annotation(
        service, f"{_N}security-rule-management-mode", f"{_B}security-list-management-mode", default="All"
    )
    if mode != "None":
        raise Refused(
            f"security rule management mode {mode!r} is not implemented by the local region: write the rules yourself"
            f" and annotate the Service with {_N}security-rule-management-mode: None"
        )


def _tags(service: Doc, key: str, default: Mapping[str, Any]) -> Mapping[str, Any]:
    text = _annotation(service, key)
    if not text:
        return default
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refused(f"failed to parse {key}: not a JSON object")
    return value


def pods_behind(port: Doc, slices: Iterable[Doc]) -> dict[str, int]:
    """Addresses of the ready pods behind a port of a Service, each with the pod's own port for it, in order; `slices`
    are the Service's. A pod without a port of the name that the Service asks for is not one of them."""
    found: dict[str, int] = {}
    for one in slices:
        numbers = [
            item["port"] for item in one.get("ports") or []
            if (item.get("name") or "", item.get("protocol", "TCP"))
            == (port.get("name") or "", port.get("protocol", "TCP"))
        ]  # fmt: skip
        if one.get("addressType") != "IPv4" or not numbers or not numbers[0]:
            continue
        for endpoint in one.get("endpoints") or []:
            # Ready unless it says no; what is not a pod (an address that somebody wrote) has no node port.
            ready = (endpoint.get("conditions") or {}).get("ready") is not False
            if ready and (endpoint.get("targetRef") or {}).get("kind") == "Pod":
                found |= dict.fromkeys(endpoint["addresses"], numbers[0])
    return dict(sorted(found.items()))


def _is_local(service: Doc) -> bool:
    return bool(service["spec"].get("externalTrafficPolicy") == "Local")


def _health_port(service: Doc) -> int:
    """Where a backend tells its health: of policy Cluster kube-proxy's own, of Local the Service's."""
    return int(service["spec"].get("healthCheckNodePort") or 0) if _is_local(service) else PROXY_HEALTH_PORT


def node_ports_of(service: Doc, slices: Iterable[Doc]) -> Iterator[NodePort]:
    """What the Service's pods answer at their own addresses: its node ports, and the check of their health."""
    if service["spec"].get("type") not in ("NodePort", "LoadBalancer"):
        return
    slices = list(slices)
    for port in service["spec"].get("ports") or []:
        for address, target in pods_behind(port, slices).items():
            if port.get("nodePort"):
                protocol = port.get("protocol", "TCP").lower()
                yield NodePort(address, protocol, port["nodePort"], target, spread=not _is_local(service))
            if _health_port(service):
                yield NodePort(address, "tcp", _health_port(service), PROXY_HEALTH_PORT, health=True)


def _ports(service: Doc) -> list[Doc]:
    ports: list[Doc] = service["spec"].get("ports") or []
    for port in ports:
        if port.get("protocol", "TCP") != "TCP":
            raise Refused(f"OCI load balancers do not support {port['protocol']} ports")
    return ports


def _ssl_ports(service: Doc) -> set[int]:
    text = _annotation(service, f"{_B}ssl-ports")
    try:
        return {int(part) for part in text.split(",") if part.strip()}
    except ValueError:
        raise Refused(f"parse SSL port: {text!r} is not a list of ports") from None


def desired(service: Doc, facts: ClusterFacts, slices: Iterable[Doc]) -> Doc:
    """The load balancer of a Service with these EndpointSlices, as the body of CreateLoadBalancer. Raises Refused."""
    kind = _annotation(service, f"{_N}load-balancer-type", default="lb").lower()
    if kind != "lb":
        raise Refused(f"load balancer type {kind!r} is not implemented by the local region (lb is)")
    check_rule_management(service)
    if service["spec"].get("sessionAffinity", "None") != "None":
        raise Refused('OCI only supports SessionAffinity "None" currently')
    internal = _annotation(service, f"{_B}internal", default="false").lower() == "true"
    if internal and service["spec"].get("loadBalancerIP"):
        raise Refused("invalid service: cannot create a private load balancer with Reserved IP")
    subnets = [
        subnet for subnet in (_annotation(service, f"{_B}subnet1"), _annotation(service, f"{_B}subnet2")) if subnet
    ] or list(facts.subnet_ids)  # fmt: skip
    if not subnets:
        raise Refused(
            "a subnet must be specified for creating a load balancer: the cluster has no service_lb_subnet_ids and the"
            f" Service no annotation {_B}subnet1"
        )
    name, details = shape_of(service)
    body: Doc = {
        "compartmentId": facts.compartment_id,
        "displayName": service["metadata"]["uid"],
        "shapeName": name,
        "subnetIds": subnets,
        "isPrivate": internal,
        "networkSecurityGroupIds": nsgs_of(service),
        "freeformTags": dict(_tags(service, f"{_N}initial-freeform-tags-override", facts.freeform_tags)),
        "definedTags": dict(_tags(service, f"{_N}initial-defined-tags-override", facts.defined_tags)),
        "backendSets": {},
        "listeners": {},
    }
    if details:
        body["shapeDetails"] = details
    ssl_ports = _ssl_ports(service)
    secret = _annotation(service, f"{_B}tls-secret")
    slices = list(slices)
    for port in _ports(service):
        label = f"TCP-{port['port']}"
        body["backendSets"][label] = _backend_set(service, port, pods_behind(port, slices))
        listener: Doc = {
            "defaultBackendSetName": label,
            "port": port["port"],
            "protocol": _annotation(service, f"{_B}backend-protocol", default="TCP").upper(),
        }
        if port["port"] in ssl_ports:
            if not secret:
                raise Refused(f"annotation {_B}tls-secret is required for SSL ports")
            listener["sslConfiguration"] = {
                "certificateName": secret.rpartition("/")[2], "verifyPeerCertificate": False, "verifyDepth": 0,
            }  # fmt: skip
        idle = _annotation(service, f"{_B}connection-idle-timeout")
        proxy = _annotation(service, f"{_B}connection-proxy-protocol-version")
        if idle or proxy:
            connection = {"idleTimeout": int(idle or (60 if listener["protocol"] == "HTTP" else 300))}
            listener["connectionConfiguration"] = connection | (
                {"backendTcpProxyProtocolVersion": int(proxy)} if proxy else {}
            )
        body["listeners"][label] = listener
    return body


def _backend_set(service: Doc, port: Doc, addresses: Iterable[str]) -> Doc:
    if not port.get("nodePort"):
        raise Refused("the local region's load balancers need node ports (allocateLoadBalancerNodePorts)")
    return {
        "policy": _annotation(service, f"{_N}loadbalancer-policy", default="ROUND_ROBIN"),
        "backends": [{"ipAddress": address, "port": port["nodePort"], "weight": 1} for address in addresses],
        "healthChecker": {
            "protocol": "HTTP",
            "urlPath": "/healthz",
            "port": _health_port(service),
            "returnCode": 200,
            "retries": _number(service, f"{_B}health-check-retries", 3),
            "timeoutInMillis": _number(service, f"{_B}health-check-timeout", 3000),
            "intervalInMillis": _number(service, f"{_B}health-check-interval", 10000),
        },
    }


def _name_of(service: Doc) -> tuple[str, str]:
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _differs(want: Any, have: Any) -> bool:
    """Whether something asked for is not so; what the service adds does not count."""
    if isinstance(want, dict):
        return not isinstance(have, dict) or any(_differs(value, have.get(key)) for key, value in want.items())
    return bool(want != have)


def _backend_set_differs(want: Doc, have: Doc) -> bool:
    addresses = {(item["ipAddress"], item["port"]) for item in want["backends"]}
    present = {(item["ipAddress"], item["port"]) for item in have.get("backends") or []}
    rest = {key: value for key, value in want.items() if key != "backends"}
    return addresses != present or _differs(rest, have)


class ServiceController:
    """Watches Services of one cluster and the pods behind them, and keeps load balancers and node ports as they ask."""

    def __init__(
        self,
        kube: KubeClient,
        facts: Callable[[], ClusterFacts],
        call: LoadBalancerCall,
        poll: Callable[[], float],
        lead: Callable[[frozenset[NodePort]], Awaitable[None]],
    ) -> None:
        """`call` calls the load balancing API in the cluster's name; `poll` gives the pause between looks at it;
        `lead` has the network lead node ports to pods, these and no others."""
        self._kube = kube
        self._facts = facts
        self._call = call
        self._poll = poll
        self._services: dict[str, Doc] = {}
        self._lead = lead
        self._slices: dict[tuple[str, str], dict[str, Doc]] = {}
        """Namespace and name of a Service to its EndpointSlices by their names."""
        self._slices_known = asyncio.Event()
        self._moved = asyncio.Event()
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._dirty: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._follow("/apis/discovery.k8s.io/v1/endpointslices", self._on_slice, self._on_slices)),
            loop.create_task(self._follow("/api/v1/services", self._on_service, self._on_services)),
            loop.create_task(self._keep_node_ports()),
        ]

    async def stop(self) -> None:
        """Stop; load balancers stay."""
        tasks = [*self._tasks, *self._workers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks, self._workers = [], {}
        with contextlib.suppress(FabricError):
            await self._lead(frozenset())

    async def _follow(
        self, path: str, on_event: Callable[[str, Doc], None], on_synced: Callable[[list[Doc]], None]
    ) -> None:
        while True:
            try:
                async for kind, item in self._kube.watch(path):
                    if kind == "SYNCED":
                        on_synced(item["items"])
                    else:
                        on_event(kind, item)
            except Exception as error:
                note_failure(log, f"watch of {path}", error, KubeError, httpx.HTTPError, OSError, ValueError)
                await asyncio.sleep(0.5)

    def _on_slice(self, kind: str, one: Doc) -> None:
        meta = one["metadata"]
        whose = (meta["namespace"], (meta.get("labels") or {}).get(_SERVICE_NAME, ""))
        if kind == "DELETED":
            self._slices.get(whose, {}).pop(meta["name"], None)
        else:
            self._slices.setdefault(whose, {})[meta["name"]] = one
        if self._slices_known.is_set():
            self._pods_changed(whose)

    def _on_slices(self, items: list[Doc]) -> None:
        before, self._slices = self._slices, {}
        for item in items:
            self._on_slice("ADDED", item)
        self._slices_known.set()
        for whose in before | self._slices:
            self._pods_changed(whose)

    def _pods_changed(self, whose: tuple[str, str]) -> None:
        self._moved.set()
        for uid, service in self._services.items():
            if _name_of(service) == whose and wanted(service):
                self._wake(uid)

    def _slices_of(self, service: Doc) -> list[Doc]:
        return list(self._slices.get(_name_of(service), {}).values())

    async def _keep_node_ports(self) -> None:
        """Have the network lead node ports to pods as Services and pods are now, whenever one of them changes."""
        await self._slices_known.wait()
        led: frozenset[NodePort] | None = None
        while True:
            await self._moved.wait()
            self._moved.clear()
            every = (node_ports_of(service, self._slices_of(service)) for service in self._services.values())
            ports = frozenset(itertools.chain.from_iterable(every))
            try:
                if ports != led:
                    await self._lead(ports)
                    led = ports
            except Exception:
                log.exception("node ports")
                self._moved.set()
                await asyncio.sleep(_RETRY[0])

    def _on_service(self, kind: str, service: Doc) -> None:
        uid = service["metadata"]["uid"]
        self._moved.set()
        if kind == "DELETED":
            self._services.pop(uid, None)
            return
        self._services[uid] = service
        if wanted(service) or FINALIZER in (service["metadata"].get("finalizers") or []):
            self._wake(uid)

    def _on_services(self, items: list[Doc]) -> None:
        self._services = {item["metadata"]["uid"]: item for item in items}
        self._moved.set()

    def _wake(self, uid: str) -> None:
        event = self._dirty.setdefault(uid, asyncio.Event())
        event.set()
        if uid not in self._workers or self._workers[uid].done():
            self._workers[uid] = asyncio.get_running_loop().create_task(self._work(uid, event))

    async def _work(self, uid: str, dirty: asyncio.Event) -> None:
        """One Service: reconcile whenever it or its pods change; again after a while when that failed."""
        failures = 0
        await self._slices_known.wait()
        while uid in self._services:
            dirty.clear()
            service = self._services[uid]
            pause = 300.0
            try:
                await self._reconcile(service)
                failures = 0
            except (Refused, ServiceError, KubeError, httpx.HTTPError, OSError, TimeoutError) as error:
                pause = _RETRY[min(failures, len(_RETRY) - 1)]
                failures += 1
                await self._tell(service, "SyncLoadBalancerFailed", f"Error syncing load balancer: {error}", "Warning")
            except Exception:
                log.exception("load balancer of %s", uid)
                pause = _RETRY[-1]
            try:
                async with asyncio.timeout(pause):
                    await dirty.wait()
            except TimeoutError:
                continue
        self._dirty.pop(uid, None)

    async def _tell(self, service: Doc, reason: str, message: str, kind: str = "Normal") -> None:
        await self._kube.event(service | {"kind": "Service"}, reason, message, kind=kind, component=COMPONENT)

    def _path(self, service: Doc) -> str:
        meta = service["metadata"]
        return f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}"

    async def _reconcile(self, service: Doc) -> None:
        if not wanted(service):
            await self._remove(service)
            return
        if FINALIZER not in (service["metadata"].get("finalizers") or []):
            finalizers = [*(service["metadata"].get("finalizers") or []), FINALIZER]
            await self._kube.merge(
                self._path(service),
                {"metadata": {"finalizers": finalizers, "resourceVersion": service["metadata"]["resourceVersion"]}},
            )
        body = desired(service, self._facts(), self._slices_of(service))
        found = await self._find(service)
        if found is None:
            await self._tell(service, "EnsuringLoadBalancer", "Ensuring load balancer")
            await self._create(service, body)
            found = await self._find(service)
            if found is None:
                raise TimeoutError("the load balancer is not listed yet")
            await self._tell(service, "EnsuredLoadBalancer", "Ensured load balancer")
        else:
            await self._update(service, body, found)
        await self._write_status(service, found)

    async def _write_status(self, service: Doc, balancer: Doc) -> None:
        ingress = [{"ip": item["ipAddress"], "ipMode": "VIP"} for item in balancer.get("ipAddresses") or []]
        present = [
            {"ip": item.get("ip"), "ipMode": item.get("ipMode", "VIP")}
            for item in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        ]  # fmt: skip
        if ingress and ingress != present:
            await self._kube.merge(f"{self._path(service)}/status", {"status": {"loadBalancer": {"ingress": ingress}}})

    # Calls of the API

    async def _find(self, service: Doc) -> Doc | None:
        query = {"compartment_id": self._facts().compartment_id, "display_name": service["metadata"]["uid"]}
        items, _ = await self._call("list_load_balancers", query, None)
        living = [item for item in items if item["lifecycleState"] not in ("DELETED", "FAILED")]
        if not living:
            return None
        balancer: Doc = living[0]
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while balancer["lifecycleState"] == "CREATING":
            # An earlier run of this controller, before a restart, made it.
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{balancer['id']} is still CREATING")
            await asyncio.sleep(self._poll())
            balancer, _ = await self._call("get_load_balancer", {"load_balancer_id": balancer["id"]}, None)
        return None if balancer["lifecycleState"] in ("DELETED", "FAILED") else balancer

    async def _done(self, headers: Mapping[str, str]) -> None:
        """Wait for the work request of a call. Raises ServiceError with its own error."""
        identifier = headers.get("opc-work-request-id")
        if not identifier:
            return
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while True:
            request, _ = await self._call("get_work_request", {"work_request_id": identifier}, None)
            if request["lifecycleState"] == "SUCCEEDED":
                return
            if request["lifecycleState"] == "FAILED":
                details = request.get("errorDetails") or []
                message = details[0]["message"] if details else request.get("message", "")
                raise ServiceError(409, "WorkRequestFailed", f"{request['type']}: {message} ({identifier})")
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"work request {identifier} is not done")
            await asyncio.sleep(self._poll())

    async def _certificate(self, service: Doc) -> Doc | None:
        """The TLS Secret that the Service names, as a certificate of the load balancer."""
        reference = _annotation(service, f"{_B}tls-secret")
        if not reference or not _ssl_ports(service):
            return None
        namespace, _, name = reference.rpartition("/")
        namespace = namespace or service["metadata"]["namespace"]
        secret = await self._kube.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if secret is None:
            raise Refused(f"the TLS secret {namespace}/{name} does not exist")
        try:
            data = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
            certificate, key = data["tls.crt"], data["tls.key"]
        except (KeyError, binascii.Error, UnicodeDecodeError):
            raise Refused(f"the TLS secret {namespace}/{name} must hold tls.crt and tls.key") from None
        return {"certificateName": name, "publicCertificate": certificate, "privateKey": key}

    async def _create(self, service: Doc, body: Doc) -> None:
        certificate = await self._certificate(service)
        if address := service["spec"].get("loadBalancerIP"):
            reserved = self._facts().reserved(address)
            if reserved is None:
                raise Refused(f"{address} is not a reserved public IP address of this region")
            body = body | {"reservedIps": [{"id": reserved}]}
        if certificate:
            body = body | {"certificates": {certificate["certificateName"]: certificate}}
        _, headers = await self._call("create_load_balancer", {}, body)
        await self._done(headers)

    async def _update(self, service: Doc, body: Doc, found: Doc) -> None:
        """Bring a load balancer to what its Service asks, one call after the other as the API demands."""
        where = {"load_balancer_id": found["id"]}
        if found["isPrivate"] != body["isPrivate"] or set(found["subnetIds"]) != set(body["subnetIds"]):
            raise Refused("the load balancer's kind and subnets cannot change: delete the Service and create it again")

        async def do(operation: str, extra: Mapping[str, str], content: Doc | None) -> None:
            _, headers = await self._call(operation, {**where, **extra}, content)
            await self._done(headers)

        certificate = await self._certificate(service)
        if certificate and certificate["certificateName"] not in (found.get("certificates") or {}):
            await do("create_certificate", {}, certificate)
        sets, listeners = found.get("backendSets") or {}, found.get("listeners") or {}
        changed = False
        for name, want in body["backendSets"].items():
            if name not in sets:
                await do("create_backend_set", {}, want | {"name": name})
            elif _backend_set_differs(want, sets[name]):
                await do("update_backend_set", {"backend_set_name": name}, want)
            else:
                continue
            changed = True
        for name, want in body["listeners"].items():
            if name not in listeners:
                await do("create_listener", {}, want | {"name": name})
            elif _differs(want, listeners[name]):
                await do("update_listener", {"listener_name": name}, want)
            else:
                continue
            changed = True
        for name in listeners:
            if name not in body["listeners"]:
                await do("delete_listener", {"listener_name": name}, None)
                changed = True
        for name in sets:
            if name not in body["backendSets"]:
                await do("delete_backend_set", {"backend_set_name": name}, None)
                changed = True
        if set(found.get("networkSecurityGroupIds") or []) != set(body["networkSecurityGroupIds"]):
            content = {"networkSecurityGroupIds": body["networkSecurityGroupIds"]}
            await do("update_network_security_groups", {}, content)
            changed = True
        shape: Doc = {key: body[key] for key in ("shapeName", "shapeDetails") if key in body}
        if _differs(shape, found):
            await do("update_load_balancer_shape", {}, shape)
            changed = True
        if changed:
            await self._tell(service, "UpdatedLoadBalancer", "Updated load balancer")

    async def _remove(self, service: Doc) -> None:
        """Delete the load balancer and let the Service go (or be of another type)."""
        finalizers = service["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return
        found = await self._find(service)
        if found is not None:
            await self._tell(service, "DeletingLoadBalancer", "Deleting load balancer")
            try:
                _, headers = await self._call("delete_load_balancer", {"load_balancer_id": found["id"]}, None)
                await self._done(headers)
            except ServiceError as error:
                if error.status != 404:
                    raise
            await self._tell(service, "DeletedLoadBalancer", "Deleted load balancer")
        if not service["metadata"].get("deletionTimestamp"):
            await self._kube.merge(f"{self._path(service)}/status", {"status": {"loadBalancer": {"ingress": None}}})
        rest = [item for item in finalizers if item != FINALIZER]
        try:
            await self._kube.merge(self._path(service), {"metadata": {"finalizers": rest}})
        except KubeError as error:
            if error.status != 404:
                raise
