# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would stop a site, looked for before the first change: all at once, each with what to do. It only reads."""

from __future__ import annotations

import email.utils
import ipaddress
import math
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.findings import BROKEN, OK, UNKNOWN, Finding, report_findings
from ansible_collections.okestack.oci.plugins.module_utils.info import Listing, known_types
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.redaction import shown_url
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task

Rows = Iterator[Finding]
SKEW_WARNED, SKEW_REFUSED = 60.0, 300.0
"""Seconds between this clock and the service's: worth a warning, and refused by the service (401)."""
RESERVED = 3
"""Addresses of each subnet that the service keeps: the first two and the last."""
CHART_SECONDS = 60

FAMILIES: Mapping[str, str] = {
    "vcn": "virtual-network-family",
    "vault": "vaults",
    "vault_secret": "secret-family",
    "mysql_db_system": "mysql-family",
    "oke_cluster": "cluster-family",
    "virtual_node_pool": "cluster-virtualnode-pools",
    "load_balancer": "load-balancers",
    "container_repository": "repos",
    "policy": "policies",
}
"""Type -> the family that the operator's policies must name. One list of each is read."""

POD_CORES = {"E3": "standard-e3-core-ad-count", "E4": "standard-e4-core-count", "A1": "standard-a1-core-count"}
"""Pod shape's family -> the limit of its cores, of the service compute."""


@dataclass(frozen=True)
class Need:
    """What is planned of something that has a limit."""

    service: str
    limit: str
    amount: float
    what: str


@dataclass(frozen=True)
class Place:
    """A subnet as it is: its name, its block, and how many of its addresses are in use."""

    name: str
    block: str
    used: int

    @property
    def free(self) -> int:
        return max(0, ipaddress.ip_network(self.block).num_addresses - RESERVED - self.used)


# --- pure: what is wrong -----------------------------------------------------------------------------------------


def clock(here: float, there: float | None) -> Rows:
    """The clock of this machine against the service's, both in seconds since 1970."""
    if there is None:
        yield Finding("clock", UNKNOWN, "the service sent no time")
        return
    skew = here - there
    way = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service's"
    if abs(skew) >= SKEW_REFUSED:
        yield Finding(
            "clock",
            BROKEN,
            f"the clock is {way}, which refuses its signatures",
            "set it: chronyd, or timedatectl set-ntp true",
        )
    elif abs(skew) >= SKEW_WARNED:
        yield Finding(
            "clock",
            BROKEN,
            f"the clock is {way}; from {SKEW_REFUSED:.0f} s on signatures are refused",
            "set it: chronyd",
        )
    else:
        yield Finding("clock", OK, f"the clock is right within {max(1, math.ceil(abs(skew)))} s")


def blocks(planned: Mapping[str, Any], vcns: list[Document]) -> Rows:
    """Address blocks over each other: of the VCN, of Services, of other VCNs."""
    own, name = _networks(planned.get("cidr_blocks") or []), planned.get("vcn_name")
    services = planned.get("services_cidr")
    over = [str(n) for n in own if any(n.overlaps(s) for s in _networks([services]))]
    if over:
        what = f"oke_virtual_pool_services_cidr {services} overlaps the VCN's {', '.join(over)}"
        yield Finding("addresses", BROKEN, what, "choose another block for Services, for example 10.96.0.0/16")
    elif own:
        yield Finding("addresses", OK, f"the VCN's {', '.join(map(str, own))} and Services' {services} are apart")
    for vcn in vcns:
        shared = [b for b in vcn.get("cidr_blocks") or [] if any(n.overlaps(o) for n in own for o in _networks([b]))]
        if shared and vcn.get("display_name") != name:
            what = f"VCN {vcn['display_name']} ({vcn['id']}) has {', '.join(shared)} too: the two could never be peered"
            yield Finding("addresses", UNKNOWN, what)


def room(planned: Mapping[str, Any], used: Mapping[str, int] | None = None) -> Rows:
    """Addresses of the subnets of pods and nodes against what is planned and its growth. ``used``: how many addresses
    others have in a subnet that is there already, by its name."""
    growth = 1 + float(planned.get("growth_percent") or 0) / 100
    for subnet, count, word in (
        ("pods", sum((planned.get("pods") or {}).values()), "pods"),
        ("nodes", planned.get("nodes") or 0, "virtual nodes"),
    ):
        cidr = (planned.get("subnet_cidrs") or {}).get(subnet)
        block = next(iter(_networks([cidr])), None)
        if block is None or not count:
            continue
        taken = (used or {}).get(subnet, 0)
        free = max(0, block.num_addresses - RESERVED - taken)
        surge = 1 if subnet == "nodes" else max((planned.get("pods") or {0: 0}).values())
        wanted = math.ceil((count + surge) * growth)
        summary = f"subnet {subnet} ({cidr}) has {free} free addresses for {count} {word}"
        summary += f", {surge} more while they are replaced"
        if wanted > free:
            size = 32 - math.ceil(math.log2(wanted + taken + RESERVED))
            todo = f"give it a /{size} at least: network_subnet_cidrs.{subnet}"
            yield Finding("addresses", BROKEN, f"{summary} and {growth - 1:.0%} growth: {wanted} are needed", todo)
        else:
            yield Finding("addresses", OK, summary)


def names(found: Mapping[str, list[Document]], planned: Mapping[str, Any]) -> Rows:
    """What has a planned name already and is on its way out."""
    types = known_types()
    for kind, wanted in (planned.get("names") or {}).items():
        type_ = types[kind]
        for row in found.get(kind) or []:
            name, state = row.get(type_.name_field), type_.states.of(row)
            if name not in wanted:
                continue
            summary = f"{kind.replace('_', ' ')} {name} ({row['id']}) is {state}"
            if state == "PENDING_DELETION":
                until = f" until {row['time_of_deletion']}" if row.get("time_of_deletion") else ""
                yield Finding("names", OK, f"{summary}{until}: the site takes it back")
            elif state in ("DELETING", "TERMINATING", "SCHEDULING_DELETION"):
                yield Finding("names", BROKEN, summary, "wait until it is gone, or give the deployment another name")
            elif state in type_.states.failed:
                yield Finding("names", BROKEN, summary, "remove it: the site does not replace what failed")


def limits(needs: list[Need], left: Mapping[tuple[str, str], float | None]) -> Rows:
    """What is planned against what is left of the tenancy's limits and quotas; None: nobody can tell."""
    for need in needs:
        free = left.get((need.service, need.limit))
        named = f"{need.limit} of {need.service}"
        if free is None:
            yield Finding(
                "limits", UNKNOWN, f"how much is left of {named} is not known; {need.amount:g} {need.what} are planned"
            )
        elif need.amount > free:
            todo = "ask for more (Limits, Quotas and Usage), remove what is not used, or plan less; see quotas"
            yield Finding(
                "limits", BROKEN, f"{need.amount:g} {need.what} are planned, {free:g} are left of {named}", todo
            )
        else:
            yield Finding("limits", OK, f"{need.amount:g} {need.what} of {free:g} that are left of {named}")


def needs(planned: Mapping[str, Any], found: Mapping[str, list[Document]]) -> list[Need]:
    """What a site takes of the limits, without what is there already."""
    types = known_types()

    def there(kind: str) -> bool:
        if (planned.get("given") or {}).get(kind):
            return True
        wanted = (planned.get("names") or {}).get(kind) or []
        return any(
            r.get(types[kind].name_field) in wanted and types[kind].states.living(r) for r in found.get(kind) or []
        )

    made: list[Need] = []
    if not there("vcn"):
        made += [Need("vcn", "vcn-count", 1, "VCN"), Need("vcn", "nat-gateway-count", 1, "NAT gateway")]
    if not there("oke_cluster"):
        made.append(Need("container-engine", "enhanced-cluster-count", 1, "cluster"))
    if not there("virtual_node_pool"):
        made.append(Need("container-engine", "virtual-node-count", float(planned.get("nodes") or 0), "virtual nodes"))
    if not there("mysql_db_system"):
        made.append(Need("mysql", "mysql-db-system-count", 1, "DB system"))
    if not there("oke_cluster"):  # load balancer and pods come with it
        made.append(Need("load-balancer", "lb-flexible-count", 1, "load balancer"))
        family = next((f for f in POD_CORES if f".{f}." in str(planned.get("pod_shape"))), "")
        if family and planned.get("cores"):
            made.append(Need("compute", POD_CORES[family], float(planned["cores"]), "cores for pods"))
    return [n for n in made if n.amount]


def families(refused: Mapping[str, CloudError], read: list[str]) -> Rows:
    """What the operator may not even list."""
    for kind, error in refused.items():
        family = FAMILIES[kind]
        if error.status in (401, 403, 404):
            todo = f"have an administrator write: Allow group YOURS to manage {family} in compartment id COMPARTMENT"
        else:
            todo = "see what the service says, and try again"
        yield Finding("policies", BROKEN, f"{family} may not be read: {error}", todo)
    if read:
        yield Finding(
            "policies",
            OK,
            f"read one of each: {', '.join(FAMILIES[k] for k in read)}; whether they may be written nobody can ask",
        )


def image(name: str, found: list[Document] | None, error: str = "") -> Rows:
    """Whether an image is in Oracle's registry; others are not asked."""
    if found is None:
        yield Finding(
            "image", UNKNOWN, f"{name} is not looked for: {error or 'it is in a registry that is not of Oracle'}"
        )
    elif found:
        yield Finding("image", OK, f"{name} is in the registry, {found[0].get('digest')}")
    else:
        todo = "build and push it (examples/crud/README.md), or name another: app_ingress_image"
        yield Finding("image", BROKEN, f"{name} is not in the registry", todo)


def repository_of(name: str) -> tuple[str, str] | None:
    """Repository and tag of an image in Oracle's registry; None for others."""
    host, _slash, rest = name.partition("/")
    if ".ocir." not in f".{host}" and not host.startswith("ocir."):
        return None
    _namespace, _slash, path = rest.partition("/")
    path, _at, _digest = path.partition("@")
    repository, _colon, tag = path.partition(":")
    return repository, tag or "latest"


def _networks(texts: Iterable[Any]) -> list[Any]:
    """Blocks that can be read; the rest is reported with the variables."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(str(text), strict=False))
        except ValueError:
            continue
    return found


# --- what is read ------------------------------------------------------------------------------------------------


def left(session: Session, wanted: list[Need], domain: Any) -> dict[tuple[str, str], float | None]:
    """What is left of each limit; None where nobody can tell."""
    client = session.client("limits.LimitsClient")

    def ask(need: Need) -> float | None:
        arguments: Document = {
            "service_name": need.service,
            "limit_name": need.limit,
            "compartment_id": session.tenancy,
        }
        for more in ({}, {"availability_domain": domain}) if domain else ({},):
            try:
                answer = session.call(client, "get_resource_availability", **arguments, **more).data
            except CloudError:  # of a domain, or of no such name in this region
                continue
            if answer.available is not None:
                return float(answer.available)
            if answer.effective_quota_value is not None:
                return float(answer.effective_quota_value)
        return None

    return dict(zip([(n.service, n.limit) for n in wanted], side_by_side(ask, wanted), strict=True))


def _used(session: Session, planned: Mapping[str, Any], found: Mapping[str, list[Document]]) -> dict[str, int]:
    """Addresses in use in the subnets of pods and nodes, of a site with a network and no nodes yet: others'
    then. (Of a larger site `site_scale` looks at what it grows by.)"""
    types, wanted = known_types(), planned.get("names") or {}

    def living(kind: str) -> list[Document]:
        names_ = wanted.get(kind) or []
        rows, type_ = found.get(kind) or [], types[kind]
        return [r for r in rows if r.get(type_.name_field) in names_ and type_.states.living(r)]

    vcns = living("vcn")
    if len(vcns) != 1 or living("virtual_node_pool"):
        return {}
    where = {"compartment_id": vcns[0]["compartment_id"], "vcn_id": vcns[0]["id"]}
    try:
        subnets = Listing(session, types["subnet"], where).rows()
        asked = [str(row["id"]) for row in subnets if row.get("display_name") in ("pods", "nodes")]
        places = side_by_side(lambda identifier: subnet_place(session, identifier), asked)
    except CloudError:  # what may not be read is reported with the policies
        return {}
    return {place.name: place.used for place in places}


def subnet_place(session: Session, subnet_id: str) -> Place:
    """A subnet and how many of its addresses are in use, as the service tells."""
    client = session.client("core.VirtualNetworkClient")
    subnet = session.call(client, "get_subnet", subnet_id).data
    used = len(session.rows(client, "list_private_ips", subnet_id=subnet_id))
    return Place(str(subnet.display_name), str(subnet.cidr_block), used)


class SitePreflight:
    """Looks for all that would stop a site."""

    name = "site_preflight"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "compartment_id": {"type": "str", "required": True},
            "planned": {"type": "dict", "required": True},
            "problems": {"type": "str"},
        }

    def execute(self, params: Document, context: Context) -> Document:
        """``findings``, ``broken``, ``table`` as site_findings has them."""
        return report_findings(list(self._all(params, context.session)), context)

    def _all(self, params: Document, session: Session) -> Rows:
        planned, compartment = params["planned"], params["compartment_id"]
        for line in (params.get("problems") or "").splitlines():
            if line and not line.startswith("Nothing has been written"):
                yield Finding("variables", BROKEN, line, "mend the inventory")
        try:
            answer = session.call(
                session.client("identity.IdentityClient"), "list_region_subscriptions", session.tenancy
            )
        except CloudError as error:
            yield Finding(
                "credentials",
                BROKEN,
                str(error),
                "see the profile, its key, the region and the clock: oci iam region list",
            )
            yield from self._here(planned)
            return
        yield Finding("credentials", OK, f"the API answers in {session.region}")
        yield from clock(time.time(), _date(answer))
        found, refused = self._read(session, compartment)
        yield from families(refused, list(found))
        yield from blocks(planned, found.get("vcn") or [])
        yield from room(planned, _used(session, planned, found))
        yield from names(found, planned)
        wanted = needs(planned, found)
        yield from limits(wanted, left(session, wanted, planned.get("availability_domain")))
        yield from self._image(session, planned)
        yield from self._here(planned)

    def _read(self, session: Session, compartment: str) -> tuple[dict[str, list[Document]], dict[str, CloudError]]:
        types = known_types()

        def look(kind: str) -> list[Document] | CloudError:
            type_: ResourceType = types[kind]
            try:
                return Listing(session, type_, {"compartment_id": compartment}).rows()
            except CloudError as error:
                return error

        answers = dict(zip(FAMILIES, side_by_side(look, list(FAMILIES)), strict=True))
        refused = {k: a for k, a in answers.items() if isinstance(a, CloudError)}
        return {k: a for k, a in answers.items() if not isinstance(a, CloudError)}, refused

    def _image(self, session: Session, planned: Mapping[str, Any]) -> Rows:
        name = str(planned.get("image") or "")
        place = repository_of(name)
        if not name:
            return
        if place is None:
            yield from image(name, None)
            return
        client = session.client("artifacts.ArtifactsClient")
        where: Document = {"compartment_id": session.tenancy, "compartment_id_in_subtree": True}
        try:
            rows = session.call(
                client, "list_container_images", repository_name=place[0], version=place[1], **where
            ).data.items
        except CloudError as error:
            yield from image(name, None, str(error))
            return
        yield from image(name, [{"digest": r.digest} for r in rows])

    def _here(self, planned: Mapping[str, Any]) -> Rows:
        """What this machine has: the registry's log-in, helm and the chart."""
        token = planned.get("registry_token_file")
        if token:
            try:
                empty = not Path(token).expanduser().read_text().strip()
                yield Finding(
                    "image",
                    BROKEN if empty else OK,
                    f"the registry's token file {token} {'is empty' if empty else 'is there'}",
                    "write an auth token into it" if empty else "",
                )
            except OSError as error:
                yield Finding(
                    "image",
                    BROKEN,
                    f"the registry's token file: {error.strerror}: {token}",
                    "write an auth token into it",
                )
        yield from chart(planned.get("chart") or {}, subprocess.run)


def chart(wanted: Mapping[str, Any], run: Callable[..., Any]) -> Rows:
    """Whether helm is there and finds the chart."""
    if not wanted.get("path"):
        return
    helm = shutil.which(str(wanted.get("helm") or "helm"))
    if helm is None:
        todo = "install Helm 3, or name it: external_secrets_helm_path"
        yield Finding("chart", BROKEN, f"there is no program {wanted.get('helm') or 'helm'}", todo)
        return
    # Each option with its value in one word, and the name after `--`: no value is taken for an option.
    given = [f"--{option}={wanted[option]}" for option in ("repo", "version") if wanted.get(option)]
    command = [helm, "show", "chart", *given, "--", str(wanted["path"])]
    named = shown_url(" ".join([str(wanted["path"]), *given]))
    if named != " ".join([str(wanted["path"]), *given]):
        todo = "log in with helm (helm repo add, helm registry login), and write the address without it"
        yield Finding("chart", BROKEN, f"{named}: an address with a log-in, which every process list would show", todo)
        return
    try:
        done = run(command, capture_output=True, text=True, timeout=CHART_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("chart", BROKEN, f"{named}: {error}", "see whether this machine reaches the chart's repository")
        return
    if done.returncode:
        todo = "see the repository's address and the version, or give a file: external_secrets_chart"
        yield Finding(
            "chart",
            BROKEN,
            f"{named}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'helm failed'}",
            todo,
        )
    else:
        yield Finding("chart", OK, f"helm finds {named}")


def _date(answer: Any) -> float | None:
    """The service's time in an answer, in seconds since 1970."""
    text = (getattr(answer, "headers", None) or {}).get("date")
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (TypeError, ValueError):
        return None


TASKS: tuple[Task, ...] = (SitePreflight(),)
