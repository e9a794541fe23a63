"""Every recorded answer of the real cloud (`evidence/`), replayed against the region.

A file is a call and what the cloud answered; what is in it was recorded between 2018 and 2026, ids and names
replaced. The same call is made here; `compare.py` says what has to be alike. What differs and stays is in
`deviations.py`, by name, with its reason. A file that holds facts in place of an answer gets a check of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import oci
import pytest
import requests

from localregion import settings as names
from localregion.testing import Region
from localregion.virtual_node import admission, node
from localregion.virtual_node.config import Config, VirtualNode
from tests.conformance.compare import differences, form
from tests.conformance.deviations import DEVIATIONS, NEWER
from tests.unit.localregion.support import make_vault

EVIDENCE = Path(__file__).parent / "evidence"
NOTHING = "ocid1.{}.oc99.local-1.aaaaaaaa" + 52 * "a"
PASSWORD = "Very-Secret-Words-1"
CORE, ENGINE, KMS, MYSQL, BALANCERS = "/20160918", "/20180222", "/20180608", "/20190415", "/20170115"

Case = Callable[["Lab", dict[str, Any]], "set[str] | requests.Response"]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Registers how a file is replayed: gives the answer, or what differs."""

    def registered(function: Case) -> Case:
        CASES[name] = function
        return function

    return registered


def recorded_answer(name: str) -> dict[str, Any]:
    """The answer of a file."""
    response: dict[str, Any] = json.loads((EVIDENCE / f"{name}.json").read_text())["response"]
    return response


class Lab:
    """A region and signed calls to it."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.place = {"compartmentId": region.compartment_id}
        self._signer = oci.Signer.from_config(region.config)

    def call(self, method: str, path: str, body: Any = None, base: str = "", **headers: str) -> requests.Response:
        """A call as it goes over the wire; a name of the service's as `base` needs no resolver."""
        text = None if body is None else json.dumps(body)
        sent = {"content-type": "application/json", "accept-encoding": "gzip, deflate", **headers}
        url = (base or self.region.endpoint) + path
        ready = requests.Request(method, url, auth=self._signer, data=text, headers=sent).prepare()
        if base.startswith("https://"):
            ready.url = self.region.endpoint + path
        with requests.Session() as session:
            return session.send(ready, timeout=10)

    def made(self, path: str, body: dict[str, Any], base: str = "") -> Any:
        """What a create gives, at the end of its life cycle."""
        answer = self.call("POST", path, self.place | body, base)
        assert answer.ok, answer.text
        self.region.settle()
        return answer.json() if answer.content else answer

    def slowly(self) -> None:
        """From now on what takes time is under way for long."""
        self.region.inner.clock.minute = 600

    def vcn(self, cidr: str = "10.0.0.0/16") -> Any:
        return self.made(f"{CORE}/vcns", {"cidrBlock": cidr, "dnsLabel": "vcnvcr"})

    def subnet(self, vcn: Any, cidr: str, **values: Any) -> Any:
        return self.made(f"{CORE}/subnets", {"vcnId": vcn["id"], "cidrBlock": cidr, **values})

    def group(self, vcn: Any) -> Any:
        return self.made(f"{CORE}/networkSecurityGroups", {"vcnId": vcn["id"]})

    def balancer(self, subnet: Any, *groups: str, **values: Any) -> requests.Response:
        bandwidth = {"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 10}
        body = {"displayName": "example", "shapeName": "flexible", "shapeDetails": bandwidth,
                "subnetIds": [subnet["id"]], "networkSecurityGroupIds": list(groups), **values}  # fmt: skip
        return self.call("POST", f"{BALANCERS}/loadBalancers", self.place | body)

    def policy(self, *statements: str) -> Any:
        body = {"compartmentId": names.TENANCY_ID, "name": "p", "description": "d", "statements": list(statements)}
        return self.made(f"{CORE}/policies", body)

    def cluster(self) -> Engine:
        return Engine(self)

    def asked(self, function: Callable[[], Any]) -> Any:
        """What a function of the region's gives, in its loop."""

        async def answer() -> Any:
            return function()

        return self.region.run(answer())


class Engine:
    """A cluster with what a pool of it needs."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.vcn = lab, lab.vcn()
        self.api, self.nodes, self.pods = (lab.subnet(self.vcn, f"10.0.{number}.0/24") for number in (1, 2, 3))
        self.body = {
            "name": "example", "vcnId": self.vcn["id"], "kubernetesVersion": "v1.36.1", "type": "ENHANCED_CLUSTER",
            "endpointConfig": {"subnetId": self.api["id"], "isPublicIpEnabled": True}, "options": {},
            "clusterPodNetworkOptions": [{"cniType": "OCI_VCN_IP_NATIVE"}],
        }  # fmt: skip
        request = lab.made(f"{ENGINE}/clusters", self.body).headers["opc-work-request-id"]
        resources = lab.call("GET", f"{ENGINE}/workRequests/{request}").json()["resources"]
        self.id = next(one["identifier"] for one in resources if one["entityType"] == "cluster")

    def pool(self, **values: Any) -> requests.Response:
        placement = {"availabilityDomain": names.AVAILABILITY_DOMAIN, "subnetId": self.nodes["id"],
                     "faultDomain": list(names.FAULT_DOMAINS)}  # fmt: skip
        body = {
            "clusterId": self.id, "displayName": "pool", "size": 1, "placementConfigurations": [placement],
            "podConfiguration": {"subnetId": self.pods["id"], "shape": "Pod.Standard.E4.Flex"},
        }  # fmt: skip
        return self.lab.call("POST", f"{ENGINE}/virtualNodePools", self.lab.place | body | values)

    def pool_id(self) -> str:
        """The pool of a request that is at its end."""
        answer = self.pool()
        self.lab.region.settle()
        request = self.lab.call("GET", f"{ENGINE}/workRequests/{answer.headers['opc-work-request-id']}").json()
        return next(str(one["identifier"]) for one in request["resources"] if "pool" in one["entityType"].lower())


# identity


@case("iam-02-policy-etag-409")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    policy = lab.policy("allow any-user to read vaults in tenancy")
    return lab.call("PUT", f"{CORE}/policies/{policy['id']}", call["body"], **{"if-match": "old"})


@case("iam-03-availability-domains")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    answer = lab.call("GET", f"{CORE}/availabilityDomains/?compartmentId={lab.region.compartment_id}")
    whose = {one["compartmentId"] for one in answer.json()}
    return differences(recorded_answer("iam-03-availability-domains"), answer) | (whose - {names.TENANCY_ID})


@case("iam-05-region-subscriptions")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    return lab.call("GET", f"{CORE}/tenancies/{names.TENANCY_ID}/regionSubscriptions")


# network


@case("net-01-create-vcn")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    lab.slowly()
    return lab.call("POST", f"{CORE}/vcns", call["body"] | lab.place)


@case("net-02-create-subnet")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    own = lab.place | {"vcnId": lab.vcn()["id"], "availabilityDomain": names.AVAILABILITY_DOMAIN}
    lab.slowly()
    return lab.call("POST", f"{CORE}/subnets", call["body"] | own)


@case("net-03-create-nat-gateway")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    own = lab.place | {"vcnId": lab.vcn()["id"]}
    lab.slowly()
    return lab.call("POST", f"{CORE}/natGateways", call["body"] | own)


@case("net-07-delete-subnet-vnic-2024")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    subnet = lab.subnet(lab.vcn(), "10.0.1.0/24")
    assert lab.balancer(subnet).ok
    return lab.call("DELETE", f"{CORE}/subnets/{subnet['id']}")


@case("net-08-delete-vcn-gateway")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    found = set()
    for kind, values in (("internet", {"isEnabled": True}), ("nat", {}), ("service", {"services": []})):
        vcn = lab.vcn()
        lab.made(f"{CORE}/{kind}Gateways", {"vcnId": vcn["id"], **values})
        answer = lab.call("DELETE", f"{CORE}/vcns/{vcn['id']}")
        found |= {f"{kind}: {text}" for text in differences(recorded_answer("net-08-delete-vcn-gateway"), answer)}
    return found


@case("net-10-delete-nsg-vnics")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    vcn = lab.vcn()
    group = lab.group(vcn)
    assert lab.balancer(lab.subnet(vcn, "10.0.1.0/24"), group["id"]).ok
    return lab.call("DELETE", f"{CORE}/networkSecurityGroups/{group['id']}")


@case("net-11-limits")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    gateways, vcns = recorded_answer("net-11-limits")["body"]
    vcn = lab.vcn()
    lab.made(f"{CORE}/natGateways", {"vcnId": vcn["id"]})
    answer = lab.call("POST", f"{CORE}/natGateways", lab.place | {"vcnId": vcn["id"]})
    found = differences({"status": 400, "body": gateways}, answer)
    for _ in range(60):
        answer = lab.call("POST", f"{CORE}/vcns", lab.place | {"cidrBlock": "10.0.0.0/16"})
        if not answer.ok:
            break
    return found | ({"VCNs without end"} if answer.ok else differences({"status": 400, "body": vcns}, answer))


# load balancers


@case("lb-01-create")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    subnet = lab.subnet(lab.vcn(), "10.0.1.0/24")
    lab.slowly()
    return lab.balancer(subnet)


@case("lb-02-work-request")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    backends = {"policy": "ROUND_ROBIN", "healthChecker": {"protocol": "TCP", "port": 80},
                "backends": [{"ipAddress": "10.0.1.9", "port": 80}]}  # fmt: skip
    answer = lab.balancer(lab.subnet(lab.vcn(), "10.0.1.0/24"), backendSets={"set": backends})
    lab.region.settle()
    request = lab.call("GET", f"{BALANCERS}/loadBalancerWorkRequests/{answer.headers['opc-work-request-id']}").json()
    lab.slowly()
    path = f"{BALANCERS}/loadBalancers/{request['loadBalancerId']}/backendSets/set/backends/10.0.1.9:80"
    answer = lab.call("PUT", path, {"weight": 2, "backup": False, "drain": False, "offline": False})
    return lab.call("GET", f"{BALANCERS}/loadBalancerWorkRequests/{answer.headers['opc-work-request-id']}")


# keys and secrets


@case("kms-01-get-vault")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    vault = make_vault(lab.region)
    return lab.call("GET", f"{KMS}/vaults/{vault.id}", base=f"https://kms.{names.REGION}.{names.REALM_DOMAIN}")


@case("kms-03-get-vault-404")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    return lab.call("GET", f"{KMS}/vaults/{NOTHING.format('vault')}")


@case("kms-04-create-vault-400")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    return lab.call("POST", f"{KMS}/vaults", call["body"] | lab.place)


@case("kms-06-create-key")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    vault = make_vault(lab.region)
    lab.slowly()
    return lab.call("POST", f"{KMS}/keys", call["body"] | lab.place, base=vault.management_endpoint)


@case("kms-08-endpoint-without-dns")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    lab.region.faults.unresolved = 60
    vault = make_vault(lab.region)
    assert vault.lifecycle_state == "ACTIVE"
    try:
        lab.call("GET", f"{KMS}/keys?compartmentId={lab.region.compartment_id}", base=vault.management_endpoint)
    except requests.ConnectionError:
        return set()
    return {"a new vault's endpoint answers"}


@case("vault-01-name-exists")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    vault = make_vault(lab.region)
    key = lab.made(f"{KMS}/keys", {"displayName": "k", "keyShape": {"algorithm": "AES", "length": 32}},
                   vault.management_endpoint)  # fmt: skip
    content = {"contentType": "BASE64", "content": "YQ=="}
    body = {"secretName": "example", "vaultId": vault.id, "keyId": key["id"], "secretContent": content}
    secret = lab.made(f"{KMS}/secrets", body)["id"]
    one, other = ({"secretContent": content | {"name": name}} for name in ("one", "other"))
    for change in (one, other):
        assert lab.call("PUT", f"{KMS}/secrets/{secret}", change).ok
        lab.region.settle()
    used = lab.call("PUT", f"{KMS}/secrets/{secret}", one)
    found = {f"again: {text}" for text in differences(recorded_answer("vault-01-name-exists"), used)}
    assert lab.call("POST", f"{KMS}/secrets/{secret}/actions/scheduleDeletion", {}).ok
    lab.region.settle()
    found |= differences(recorded_answer("vault-01-name-exists"), lab.call("POST", f"{KMS}/secrets", lab.place | body))
    days = datetime.fromisoformat(lab.call("GET", f"{KMS}/secrets/{secret}").json()["timeOfDeletion"]) - datetime.now(
        UTC
    )
    found |= set() if 29.9 < days.total_seconds() / 86400 < 30.1 else {f"deleted after {days}"}
    path = f"/20190301/secretbundles/actions/getByName?secretName=example&vaultId={vault.id}"
    status = lab.call("POST", path).status_code
    return found | (set() if status == 404 else {f"by name: {status}"})


# databases


def _system(lab: Lab, **values: Any) -> dict[str, Any]:
    subnet = lab.subnet(lab.vcn(), "10.0.1.0/24", prohibitPublicIpOnVnic=True, dnsLabel="mysql")
    return lab.place | {
        "displayName": "example", "description": "example", "shapeName": "MySQL.2", "subnetId": subnet["id"],
        "adminUsername": "manager", "adminPassword": PASSWORD, "dataStorageSizeInGBs": 100, "hostnameLabel": "mysql",
        **values,
    }  # fmt: skip


@case("mysql-01-create")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    body = _system(lab)
    lab.slowly()
    return lab.call("POST", f"{MYSQL}/dbSystems", body)


@case("mysql-04-nsg-needs-policy")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    body = _system(lab)
    vcn = lab.call("GET", f"{CORE}/subnets/{body['subnetId']}").json()["vcnId"]
    group = {"nsgIds": [lab.group({"id": vcn})["id"]]}
    response = recorded_answer("mysql-04-nsg-needs-policy")
    place = lab.region.compartment_id
    needed = [re.sub(r"compartment <[^>]*>", f"compartment id {place}", text).replace("<of the DB system>", place)
              for text in response["needed_statements"]]  # fmt: skip

    def code() -> str:
        answer = lab.call("POST", f"{MYSQL}/dbSystems", body | group)
        return "" if answer.ok else str(answer.json()["code"])

    found = {code()} - {response["body"]["code"]}
    for one in needed:
        policy = lab.policy(one)
        found |= {f"{code()} with {one} alone"} if code() != response["body"]["code"] else set()
        assert lab.call("DELETE", f"{CORE}/policies/{policy['id']}").ok
        lab.region.settle()
    lab.policy(*needed)
    return found | ({"refused with the policy"} if code() else set())


@case("mysql-05-free-backup")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    answer = lab.call("POST", f"{MYSQL}/dbSystems", _system(lab, dataStorageSizeInGBs=50, **call["body"]))
    right = recorded_answer("mysql-05-free-backup")["body"]["message"]
    said = "taken" if answer.ok else answer.json()["message"]
    return set() if said == right else {said}


# clusters


@case("oke-01-create-cluster")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    engine = lab.cluster()
    lab.slowly()
    return lab.call("POST", f"{ENGINE}/clusters", lab.place | engine.body)


@case("oke-02-work-request-accepted")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    engine = lab.cluster()
    lab.slowly()
    return lab.call("GET", f"{ENGINE}/workRequests/{engine.pool().headers['opc-work-request-id']}")


@case("oke-04-get-cluster")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    return lab.call("GET", f"{ENGINE}/clusters/{lab.cluster().id}")


@case("oke-07-invalid-version")
def _(lab: Lab, call: dict[str, Any]) -> requests.Response:
    return lab.call("POST", f"{ENGINE}/clusters", lab.place | lab.cluster().body | {"kubernetesVersion": "v1.35.4"})


@case("oke-08-versions-2026")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    known = {"v1.35.0", "v1.35.1", "v1.35.2", "v1.36.0", "v1.36.1", "v1.36.4"}
    options = lab.call("GET", f"{ENGINE}/clusterOptions/all").json()["kubernetesVersions"]
    return {
        f"{version} is not one of OKE's" for version in set(options) - known if version.startswith(("v1.35", "v1.36"))
    }


@case("oke-09-kubeconfig")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    import yaml

    cluster = lab.cluster().id
    answer = lab.call("POST", f"{ENGINE}/clusters/{cluster}/kubeconfig/content", {"tokenVersion": "2.0.0"})
    config, end = yaml.safe_load(answer.text), cluster[-11:]
    recorded = recorded_answer("oke-09-kubeconfig")["body"]
    text = json.dumps(recorded, ensure_ascii=False)
    for said, right in (("<last 11 letters of the OCID>", end), ("<last 11 letters>", end), ("<OCID>", cluster),
                        ("eu-frankfurt-1", names.REGION), ("cluster-…", f"cluster-{end}"), ("user-…", f"user-{end}"),
                        ("context-…", f"context-{end}")):  # fmt: skip
        text = text.replace(said, right)
    right = json.loads(text)
    for one in (config, right):
        place = one["clusters"][0]["cluster"]
        place["server"] = form(place["server"]) if place["server"].endswith(":6443") else place["server"]
        place["certificate-authority-data"] = "given" if place["certificate-authority-data"] else ""
    return {f"{key}: {config.get(key)}" for key in {*config, *right} if config.get(key) != right.get(key)}


@case("oke-10-pool-ocid-and-deletion")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    engine = lab.cluster()
    pool, vcn = (ocid.rpartition(".")[2] for ocid in (engine.pool_id(), engine.vcn["id"]))
    right = pool[:17] == vcn[:17] and pool.startswith("amaaaaaa") and pool[15:17] == "ia" and len(pool) == 60
    gateway = lab.made(f"{CORE}/serviceGateways", {"vcnId": engine.vcn["id"], "services": []})["id"]
    lab.slowly()
    assert lab.call("DELETE", f"{CORE}/serviceGateways/{gateway}").ok
    state = lab.call("GET", f"{CORE}/serviceGateways/{gateway}").json()["lifecycleState"]
    return (set() if right else {f"{pool} and {vcn}"}) | ({state} - {"TERMINATING"})


@case("oke-11-policy-of-virtual-nodes")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    statements = recorded_answer("oke-11-policy-of-virtual-nodes")["body"]
    subnet = lab.subnet(lab.vcn(), "10.0.1.0/24")

    def allowed() -> bool:
        place = lab.region.compartment_id
        return not lab.asked(lambda: lab.region.inner.iam.missing_for_virtual_nodes(subnet["id"], place))

    lines, found = statements["statements"], {"allowed without the policy"} if allowed() else set()
    for left_out in [line for line in lines if line.startswith("endorse")]:
        policy = lab.policy(*(line for line in lines if line != left_out))
        found |= {f"allowed without {left_out}"} if allowed() else set()
        assert lab.call("DELETE", f"{CORE}/policies/{policy['id']}").ok
        lab.region.settle()
    lab.policy(*lines)
    return found | (set() if allowed() else {"not allowed with the policy"})


@case("oke-12-placement-one-per-ad")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    path = f"{ENGINE}/virtualNodePools/{lab.cluster().pool_id()}"
    (placement,) = lab.call("GET", path).json()["placementConfigurations"]
    return set() if placement["faultDomain"] == list(names.FAULT_DOMAINS) else {f"{placement}"}


@case("oke-13-pool-updates-without-effect")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    engine = lab.cluster()
    group, path = lab.group(engine.vcn)["id"], f"{ENGINE}/virtualNodePools/{engine.pool_id()}"
    before = lab.call("GET", path).json()
    space = {"compartmentId": names.TENANCY_ID, "name": "space", "description": "d"}
    tags = lab.made(f"{CORE}/tagNamespaces", space)["id"]
    assert lab.call("POST", f"{CORE}/tagNamespaces/{tags}/tags", {"name": "key", "description": "d"}).ok
    tried = {"nsgIds": [group], "freeformTags": {"a": "b"}, "definedTags": {"space": {"key": "b"}}}
    assert set(tried) == set(recorded_answer("oke-13-pool-updates-without-effect")["body"]["without_effect"])
    answer = lab.call("PUT", path, tried)
    lab.region.settle()
    after = lab.call("GET", path).json()
    found = {f"{field} changes" for field in tried if before[field] != after[field]}
    return found | (set() if answer.status_code == 202 else {f"status {answer.status_code}"})


@case("oke-14-virtual-nodes")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    pool, own = NOTHING.format("virtualnodepool"), NOTHING.format("virtualnode")
    fields: dict[str, Any] = dict.fromkeys(Config.__dataclass_fields__, "x")
    one = VirtualNode(
        id=own, name="10.0.0.9", display_name="n", address="10.0.0.9", subnet_id="s",
        availability_domain=names.AVAILABILITY_DOMAIN, fault_domain=names.FAULT_DOMAINS[0],
    )  # fmt: skip
    config = Config(**fields | {"pool_id": pool, "labels": {}, "nodes": (one,), "taints": ()})
    made = node.manifest(config, one)
    right = {
        "name": made["metadata"]["name"] == one.address,
        "role": made["metadata"]["labels"]["node-role.kubernetes.io/virtual-node"] == "",
        "pool": made["metadata"]["annotations"]["oci.oraclecloud.com/virtual-node-pool-id"] == pool,
        "providerID": made["spec"]["providerID"] == own,
    }
    return {name for name, held in right.items() if not held}


@case("oke-15-pod-refusals")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    def problems(volume: Any = None, **values: Any) -> list[str]:
        container = {"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v", **(volume or {})}]}
        spec = {"containers": [container | {"livenessProbe": {"tcpSocket": {"port": 80}}}],
                "volumes": [{"name": "v", "emptyDir": {}}], **values}  # fmt: skip
        return admission.problems({"metadata": {"name": "p", "namespace": "n"}, "spec": spec})

    texts = [
        problems({"subPath": "<name>"}),
        problems({"mountPropagation": "None"}),
        problems(initContainers=[{"name": "i", "image": "i"}]),
    ]
    events = recorded_answer("oke-15-pod-refusals")["body"]["events"]
    # The last one is of capacity, which no pod's own fields decide.
    found = {f"{lines}, not {event}" for lines, event in zip(texts, events, strict=False)
             if f"Error creating pod: [{'; '.join(lines)}]" != event}  # fmt: skip
    mounts = {"secret": {"secretName": "s"}}, {"configMap": {"name": "c"}}
    worked = [problems(), *(problems(volumes=[{"name": "v", **volume}]) for volume in mounts)]
    return found | {f"refused: {text}" for lines in worked for text in lines}


@case("oke-17-network-rules")
def _(lab: Lab, call: dict[str, Any]) -> set[str]:
    listed = recorded_answer("oke-17-network-rules")["body"]
    group = lab.group(lab.vcn())["id"]
    path, found = f"{CORE}/networkSecurityGroups/{group}/actions/addSecurityRules", set()
    for kind, rows in listed.items():
        side = "source" if kind.endswith("ingress") else "destination"
        for peer, traffic in rows:
            rules = [_rule(side, peer, part) for part in _parts(traffic)]
            answer = lab.call("POST", path, {"securityRules": rules})
            if not answer.ok:
                found.add(f"{kind} {peer} {traffic}: {answer.text}")
    return found


def _parts(traffic: str) -> list[tuple[str, str]]:
    if traffic == "all":
        return [("all", "")]
    protocols, _, ports = traffic.partition(" ")
    return [(protocol, ports) for protocol in ("TCP/UDP" if protocols == "all" else protocols).split("/")]


def _rule(side: str, peer: str, part: tuple[str, str]) -> dict[str, Any]:
    protocol, ports = part
    if peer == "<services>":
        whom = {side: "all-lcl-services-in-oracle-services-network", f"{side}Type": "SERVICE_CIDR_BLOCK"}
    else:
        whom = {side: "0.0.0.0/0" if peer == "0.0.0.0/0" else "10.0.0.0/24", f"{side}Type": "CIDR_BLOCK"}
    rule = {"direction": "INGRESS" if side == "source" else "EGRESS", **whom}
    if protocol == "ICMP":
        kind, code = ports.split(",")
        return rule | {"protocol": "1", "icmpOptions": {"type": int(kind), "code": int(code)}}
    if ports and ports != "all":
        low, _, high = ports.partition("-")
        span = {"destinationPortRange": {"min": int(low), "max": int(high or low)}}
        return rule | {"protocol": {"TCP": "6", "UDP": "17"}[protocol], f"{protocol.lower()}Options": span}
    return rule | {"protocol": {"all": "all", "TCP": "6", "UDP": "17"}[protocol]}


# the test


def test_every_file_is_replayed() -> None:
    assert {path.stem for path in EVIDENCE.glob("*.json")} == set(CASES)
    assert set(DEVIATIONS) <= set(CASES)
    assert set(NEWER) <= set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_region_answers_as_recorded(name: str, tmp_path: Path) -> None:
    evidence = json.loads((EVIDENCE / f"{name}.json").read_text())
    with Region.started(tmp_path / "region") as region:
        answer = CASES[name](Lab(region), evidence["call"])
        if not isinstance(answer, set):
            whole = evidence["kind"] == "recorded HTTP"
            answer = differences(evidence["response"], answer, newer=NEWER.get(name, frozenset()), whole=whole)
    assert answer == set(DEVIATIONS.get(name, {}))
