# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of roles, found before the first write. Pure: values in, sentences out.

An argument spec says the type; what a value must look like beyond it follows from the option's name, since roles name
alike what is alike (`..._cidrs`, `..._subnet_id`, `..._image`).
"""

from __future__ import annotations

import difflib
import functools
import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.model import holds_unknown, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.redaction import passwords, shown_url

LONGEST_DEPLOYMENT = 40
"""Characters of a deployment's name: with what the roles add it must fit into a label of Kubernetes, which has 63."""

_PLACEHOLDER = re.compile(r"<[A-Za-z][^<>\n]*>")
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9.-]*(:\d{1,5}(?=/))?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)


def _cidr(value: str) -> str | None:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        return (
            f"{error}; a CIDR block is like 192.0.2.0/24" if "/" in value else "is not a CIDR block like 192.0.2.0/24"
        )
    return None if "/" in value else "is not a CIDR block: write its length too, as in 192.0.2.5/32"


def _ocid(*kinds: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        if value.startswith(tuple(f"ocid1.{kind}." for kind in kinds)):
            return None
        return f"is not the OCID of a {kinds[0]} (ocid1.{kinds[0]}...)"

    return check


def _like(pattern: str, what: str) -> Callable[[str], str | None]:
    found = re.compile(pattern)
    return lambda value: None if found.fullmatch(value) else f"is not {what}"


def _image(value: str) -> str | None:
    if _IMAGE.fullmatch(value):
        return None
    return "is not the name of an image, e.g. fra.ocir.io/namespace/shop:1.0"


def _file(value: str) -> str | None:
    path = Path(value).expanduser()
    return None if os.access(path, os.R_OK) else "does not exist, or you may not read it"


def _new_file(value: str) -> str | None:
    folder = Path(os.environ.get("PWD", ""), Path(value).expanduser()).parent
    writable = os.access(f"{folder}/.", os.W_OK | os.X_OK)
    return None if writable else "is in a folder that does not exist, or that you may not write in"


def _port(value: str) -> str | None:
    return None if value.isdecimal() and 0 < int(value) < 65536 else "is not a port, from 1 to 65535"


def _url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and " " not in value
    except ValueError:
        good = False
    if passwords(value):
        return "holds a password, which every variable and result would show: use a way without one"
    return None if good else "is not a URL: http://HOST:PORT or https://HOST:PORT"


def _certificates(value: str) -> str | None:
    found = re.search(r"-----BEGIN CERTIFICATE-----\s.+?\s-----END CERTIFICATE-----", value, re.DOTALL)
    return None if found else "is not PEM text of certificates (-----BEGIN CERTIFICATE-----)"


def deployment(value: str) -> str | None:
    """Why a text can't be a deployment's name; None: it can."""
    if re.fullmatch(r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?", value) and len(value) <= LONGEST_DEPLOYMENT:
        return None
    return (
        "cannot be a deployment's name: letters, digits and hyphens, beginning with a letter, at most "
        f"{LONGEST_DEPLOYMENT} of them"
    )


_NAMES_OF_KUBERNETES = "lower-case letters, digits and hyphens"
_FORMATS: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    (r"\w+_deployment", deployment),
    (r"\w+_(cidr|cidrs|cidr_blocks)", _cidr),
    (r"\w+_compartment_ids?", _ocid("compartment", "tenancy")),
    (
        r"adopt_ids",
        _like(
            r"ocid1\.(vcn|vault|mysqldbsystem|cluster|virtualnodepool)\.\S+",
            "the OCID of a VCN, a vault, a DB system, a cluster or a virtual node pool",
        ),
    ),
    (r"\w+_subnet_ids?", _ocid("subnet")),
    (r"\w+_nsg_ids", _ocid("networksecuritygroup")),
    (r"\w+_vcn_id", _ocid("vcn")),
    (r"\w+_key_id", _ocid("key")),
    (r"\w+_cluster_id", _ocid("cluster")),
    (r"\w+_pool_id", _ocid("virtualnodepool")),
    (r"\w+_db_system_id", _ocid("mysqldbsystem")),
    (r"\w+_vault_id", _ocid("vault")),
    (r"\w+_secret_id", _ocid("vaultsecret")),
    (
        r".*availability_domain",
        _like(r"[^\s:]+:[^\s:]+", "the name of an availability domain, e.g. Uocm:EU-FRANKFURT-1-AD-1"),
    ),
    (r"\w+_image", _image),
    (
        r"\w+_kubernetes_version",
        _like(r"v?\d+\.\d+(\.\d+)?", "a version of Kubernetes, e.g. v1.36.1, or a series, e.g. v1.36"),
    ),
    (
        r"(app_ingress|external_secrets)(_\w+)?_namespace",
        _like(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", f"the name of a namespace: {_NAMES_OF_KUBERNETES}"),
    ),
    (
        r"app_ingress_(name|class)",
        _like(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?", f"a name of Kubernetes: {_NAMES_OF_KUBERNETES}"),
    ),
    (
        r"external_secrets_application",
        _like(
            r"[A-Za-z0-9]([A-Za-z0-9.-]{0,126}[A-Za-z0-9])?",
            "the name of an application: letters, digits, hyphens and periods",
        ),
    ),
    (r"\w+_port", _port),
    (r"\w+_(cluster_endpoint|proxy_url)", _url),
    (r"app_ingress_(health|live|check)_path", _like(r"/\S*", "the path of a URL, e.g. /healthz")),
    (r"\w+_(database_ca|trusted_certificates)", _certificates),
    (
        r"\w+_(service_account|tls_server_name)|app_ingress_host",
        _like(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", "a name: letters, digits, - and ., at most 253"),
    ),
    (r"network_dns_label", _like(r"[A-Za-z][A-Za-z0-9]{0,14}", "a label: letters and digits, at most 15")),
    (
        r"mysql_hostname_label",
        _like(r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", "a label: letters, digits and -, at most 63"),
    ),
    (r"mysql_admin_username|app_ingress_database_(user|admin)", _like(r".{1,32}", "a user of MySQL: 32 at most")),
    (r"app_ingress_database_name", _like(r".{1,64}", "a schema of MySQL: 64 characters at most")),
    (r"\w+_(name|group|username)", _like(r".{1,255}", "a name: 255 characters at most")),
    (r"okestack_region", _like(r"[a-z][a-z0-9-]{1,60}", "the name of a region, e.g. eu-frankfurt-1")),
    (r"network_lb_ports", _like(r"\d{1,5}(-\d{1,5})?", "a port or a range of ports, e.g. 443")),
    (r"\w+_(auth_token|tls_certificate|tls_key|cluster_ca)_file", _file),
    (r"site_plan_file", _new_file),
)
_LONGEST, _TOO_MUCH = 1024, 2**31
"""Characters of a text that is not a certificate; numbers."""
_NEEDED = {
    "network_api_client_cidrs": "CIDR block",
    "network_lb_client_cidrs": "CIDR block",
    "network_lb_ports": "port",
}
"""Lists that must not be empty, with what is in them: nobody could reach what is made."""


def wrong(name: str, option: Mapping[str, Any], value: Any) -> Iterator[str]:
    """What is wrong with the value of one option, each with its path. ``value`` is templated, plain data."""
    kind = option.get("type", "str")
    if value is None or value == "":
        if option.get("required") or kind not in ("str", "path"):
            yield f"{name}: has no value" + ("" if option.get("required") else "; leave it out to get the default")
        return
    if option.get("commas") and isinstance(value, str):
        value = [word.strip() for word in value.split(",")]
    if left := list(_placeholders(value, name)):
        yield from left
        return
    if is_unknown(value):
        return
    if problem := _of_type(name, option, value):
        yield problem
        return
    if name in _NEEDED and not value:
        yield f"{name}: is empty, so that nobody could reach it; name at least one {_NEEDED[name]}"
    if kind == "int" and not 0 <= int(value) < _TOO_MUCH:
        yield f"{name}: {value} is less than 0" if int(value) < 0 else f"{name}: {value} is too much"
    if kind in ("str", "path") and (problem := _odd_text(name, str(value))):
        yield f"{name}: {problem}"
        return
    for pattern, check in _FORMATS:
        if re.fullmatch(pattern, name):
            for path, text in _texts(value if kind in ("list", "dict") else str(value), name):
                if text and not is_unknown(text) and (why := check(text)):
                    yield f"{path}: {_shown(text)} {why}"
            break
    if kind == "list" and option.get("options"):
        for index, row in enumerate(value):
            for inner, of in option["options"].items():
                if isinstance(row, Mapping) and row.get(inner) is not None:
                    yield from wrong(f"{name}[{index}].{inner}", of, row[inner])


def _of_type(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    """Why a value is not of its option's type. Lists and dictionaries are never text: roles compute with them."""
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    kind = option.get("type", "str")
    if kind in ("list", "dict") and isinstance(value, str):
        what = "a list" if kind == "list" else "a dictionary"
        return f"{name}: is text, where {what} belongs: write it as YAML, or as JSON with -e '{{\"{name}\": ...}}'"
    if kind in ("str", "path", "int", "float") and isinstance(value, (Mapping, list, bool)):
        return f"{name}: {value!r} is not {'a number' if kind in ('int', 'float') else 'text'}"
    if kind in ("str", "path") and isinstance(value, float):
        return f"{name}: {value!r} is a number, in which 1.30 is 1.3: write it in quotes, a version as v1.30"
    if holds_unknown(value):
        return None
    if kind == "list" and option.get("elements") in ("str", "path") and isinstance(value, list):
        for index, row in enumerate(value):
            if row is None or isinstance(row, (Mapping, list, bool)):
                return f"{name}[{index}]: {row!r} is not text"
    spec = {key: one for key, one in option.items() if key != "commas"}
    errors = ArgumentSpecValidator({name: spec}).validate({name: value}).errors.errors
    return f"{name}: {'; '.join(error.msg for error in errors)}" if errors else None


def _odd_text(name: str, text: str) -> str | None:
    """What no name, address or path has. Certificates have lines."""
    if re.fullmatch(r"\w+_(ca|certificates?)", name):
        text = text.replace("\n", "").replace("\r", "")
    elif len(text) > _LONGEST:
        return f"has {len(text)} characters, {_LONGEST} are the most"
    return None if text.isprintable() else f"{text[:80]!r} holds a control character, or a line's end"


def _shown(text: str) -> str:
    """A value for people's eyes: not all of a long one, and no password."""
    text = shown_url(text)
    return repr(text if len(text) <= 300 else f"{text[:80]}...")


def _placeholders(value: Any, path: str) -> Iterator[str]:
    for where, text in _texts(value, path):
        if _PLACEHOLDER.search(text):
            yield f"{where}: {text!r} still holds a placeholder in angle brackets"


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def misplaced_subnets(blocks: Any, subnets: Any, declared: Any = None) -> Iterator[str]:
    """Subnets outside of the VCN's blocks, and those that overlap; what is not a CIDR block is reported elsewhere, and
    a network in its own words has its parts where they are."""
    if declared:
        return
    try:
        vcn = [ipaddress.ip_network(block) for block in blocks]
        placed = {name: ipaddress.ip_network(cidr) for name, cidr in subnets.items()}
    except (ValueError, TypeError, AttributeError):
        return
    names = sorted(placed)
    for index, name in enumerate(names):
        mine = placed[name]
        path = f"network_subnet_cidrs.{name}"
        if not any(mine.version == block.version and mine.subnet_of(block) for block in vcn):  # type: ignore[arg-type]
            yield f"{path}: {mine} is not inside of network_cidr_blocks ({', '.join(map(str, vcn))})"
        for other in names[index + 1 :]:
            if mine.overlaps(placed[other]):
                yield f"{path}: {mine} overlaps with {other}, {placed[other]}"


def services_in_network(services: Any, blocks: Any) -> Iterator[str]:
    """A cluster's Services must have addresses of their own; what is not a CIDR block is reported elsewhere."""
    try:
        own = ipaddress.ip_network(services)
        vcn = [ipaddress.ip_network(block) for block in blocks]
    except (ValueError, TypeError):
        return
    for block in vcn:
        if own.overlaps(block):
            yield f"oke_virtual_pool_services_cidr: {own} overlaps with {block} of network_cidr_blocks"


def unknown(
    prefix: str, given: Iterable[str], known: Iterable[str], options: Iterable[str], whose: str
) -> Iterator[str]:
    """Variables that look like those of a role or a playbook but are not, each with the option that is nearest.
    ``known``: the names that it has for itself as well."""
    known = set(known)
    for name in sorted(set(given) - known):
        if name.startswith(f"{prefix}_"):
            near = difflib.get_close_matches(name, [one for one in options if one.startswith(prefix)], 1, 0.6)
            yield f"{name}: {whose} has no such variable" + (f"; did you mean {near[0]}?" if near else "")


def misspelt(given: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Variables that are nearly one of the site's. Others may begin like them: they are the inventory's own."""
    known = set(known)
    for name in sorted(set(given) - known):
        room, _line, rest = name.partition("_")
        near = difflib.get_close_matches(
            rest, [one.partition("_")[2] for one in known if one.startswith(f"{room}_")], 1, 0.8
        )
        if room == "okestack" and near:
            yield f"{name}: the site has no such variable; did you mean {room}_{near[0]}?"


def bandwidths(shape: Any, least: Any, most: Any) -> Iterator[str]:
    """Bandwidths that no flexible load balancer has, in Mbps; what is not a number is reported elsewhere."""
    if str(shape).lower() != "flexible" or not (str(least).isdigit() and str(most).isdigit()):
        return
    low, high = _MBPS
    if not low <= int(least) <= high:
        yield f"app_ingress_load_balancer_min_mbps: {least}: a flexible load balancer has {low} to {high}"
    elif not int(least) <= int(most) <= high:
        why = f"a flexible load balancer has {low} to {high}, and no less than its least, {least}"
        yield f"app_ingress_load_balancer_max_mbps: {most}: {why}"


_MBPS = (10, 8000)
"""From how much to how much the service makes flexible load balancers."""


def autoscaling(name: str) -> Callable[[Any, Any], Iterator[str]]:
    """A check of the bounds of an autoscaler, in the variable of that name; what is not a number is reported elsewhere.
    It takes the bounds, and the number of pods that is the fewest where they have none."""

    def check(bounds: Any, replicas: Any) -> Iterator[str]:
        if not isinstance(bounds, Mapping) or not bounds:
            return
        if not bounds.get("max"):
            yield f"{name}.max: an autoscaler has a most, {{max: 6}} for example; leave {name} empty for none"
        least, most = str(bounds.get("min") or replicas), str(bounds.get("max"))
        if least.isdigit() and int(least) < 1:
            yield f"{name}.min: {least}: an autoscaler keeps one pod at least"
        elif least.isdigit() and most.isdigit() and int(most) < int(least):
            yield f"{name}.max: {most} is less than the fewest, {least}"
        for key in ("cpu_percent", "down_after_seconds"):
            given, limit = bounds.get(key), 3600 if key == "down_after_seconds" else 10000
            if str(given).isdigit() and not 1 <= int(str(given)) <= limit:
                yield f"{name}.{key}: {given}: from 1 to {limit}"

    return check


def free_database(shape: Any, available: Any, size: Any, backups: Any, heatwave: Any) -> Iterator[str]:
    """What a DB system of the shape MySQL.Free cannot be, and what no other can have."""
    given = heatwave.get("shape_name") if isinstance(heatwave, Mapping) else None
    if given and shape and (given == "HeatWave.Free") != (shape == "MySQL.Free"):
        yield f"mysql_heatwave.shape_name: {given} does not go with a DB system of shape {shape}: Free goes with Free"
    if shape != "MySQL.Free":
        return
    if str(available).lower() in ("true", "yes", "on", "1", "y", "t"):
        yield "mysql_is_highly_available: a DB system of shape MySQL.Free has one instance: take another shape"
    if str(size).isdigit() and int(size) != 50:
        yield f"mysql_data_storage_size_in_gbs: {size}: a DB system of shape MySQL.Free has 50, no more and no less"
    if backups:
        yield "mysql_backup_policy: a DB system of shape MySQL.Free takes none: leave it out, or take another shape"


TOGETHER: Mapping[str, tuple[tuple[Callable[..., Iterator[str]], tuple[str, ...]], ...]] = {
    "network": (
        (misplaced_subnets, ("network_cidr_blocks", "network_subnet_cidrs", "network_declared")),
        (services_in_network, ("oke_virtual_pool_services_cidr", "network_cidr_blocks")),
    ),
    "mysql": (
        (
            free_database,
            (
                "mysql_shape_name",
                "mysql_is_highly_available",
                "mysql_data_storage_size_in_gbs",
                "mysql_backup_policy",
                "mysql_heatwave",
            ),
        ),
    ),
    "app_ingress": (
        (bandwidths, tuple(f"app_ingress_load_balancer_{name}" for name in ("shape", "min_mbps", "max_mbps"))),
        *(
            (autoscaling(f"{name}_autoscaling"), (f"{name}_autoscaling", f"{name}_replicas"))
            for name in ("app_ingress", "app_ingress_controller")
        ),
    ),
}
"""By role, what several variables have to be together: a check, and the variables that it takes."""


def answered(
    given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]], parsed: Callable[[str], Any]
) -> dict[str, Any]:
    """Extra variables as a survey means them: an empty answer leaves its variable unset, JSON text is parsed.

    AWX marks each text as unsafe, and Ansible reads such an empty one as null, as `true` a truth value.

    ``options``: name -> argument spec of each variable that is a role's; others stay. ``parsed`` reads JSON text. Text
    that does not describe what its option takes stays, and is refused later.
    """
    meant = {}
    for name, value in given.items():
        kind = options[name].get("type", "str") if name in options else "str"
        if value is None and name in options:
            continue
        if isinstance(value, str) and name in options:
            if not value.strip():
                continue
            begins = {"list": "[", "dict": "{"}.get(kind)
            if begins and value.lstrip().startswith(begins) and not value.lstrip().startswith(("{{", "{%", "{#")):
                read = parsed(value)
                value = read if isinstance(read, (Mapping, list)) else value
        meant[name] = value
    return meant


# --- what only the region knows ----------------------------------------------------------------------------------


def _listed(session: Any, client: str, operation: str, compartment_id: str) -> list[dict[str, Any]]:
    """What lives in the compartment, asked once."""

    def ask() -> list[dict[str, Any]]:
        rows = session.rows(session.client(client), operation, compartment_id=compartment_id)
        return [row for row in rows if row.get("lifecycle_state") not in ("DELETING", "DELETED", "FAILED")]

    rows: list[dict[str, Any]] = session.remembered((operation, compartment_id), ask)
    return rows


def _clusters(session: Any, compartment_id: str) -> list[dict[str, Any]]:
    return _listed(session, "container_engine.ContainerEngineClient", "list_clusters", compartment_id)


def _node_pools(session: Any, compartment_id: str) -> list[dict[str, Any]]:
    return _listed(session, "container_engine.ContainerEngineClient", "list_virtual_node_pools", compartment_id)


def _systems(session: Any, compartment_id: str) -> list[dict[str, Any]]:
    return _listed(session, "mysql.DbSystemClient", "list_db_systems", compartment_id)


def _domains(session: Any, compartment_id: str) -> list[str]:
    client = session.client("identity.IdentityClient")
    return [row["name"] for row in session.rows(client, "list_availability_domains", compartment_id)]


def _kubernetes(session: Any, compartment_id: str) -> list[str]:
    """Versions on offer, and those that the compartment's clusters have: one in use may be older than the offer."""
    client = session.client("container_engine.ContainerEngineClient")
    options = session.call(client, "get_cluster_options", "all", should_list_all_patch_versions=True)
    there = _clusters(session, compartment_id)
    return [*(options.data.kubernetes_versions or []), *(row["kubernetes_version"] for row in there)]


def _pods(session: Any, compartment_id: str) -> list[str]:
    client = session.client("container_engine.ContainerEngineClient")
    return [row["name"] for row in session.rows(client, "list_pod_shapes", compartment_id)]


def _mysql_shapes(session: Any, compartment_id: str) -> list[dict[str, Any]]:
    """Those of DB systems and of HeatWave clusters."""
    return list(session.rows(session.client("mysql.MysqlaasClient"), "list_shapes", compartment_id))


def _for(use: str) -> Callable[[list[Any]], list[str]]:
    return lambda shapes: [row["name"] for row in shapes if use in (row.get("is_supported_for") or [use])]


def _mysql_versions(session: Any, compartment_id: str) -> list[str]:
    """Versions on offer, and those that the compartment's DB systems have: one in use may be older than the offer."""
    families = session.rows(session.client("mysql.MysqlaasClient"), "list_versions", compartment_id)
    there = _systems(session, compartment_id)
    offered = [row["version"] for family in families for row in family["versions"]]
    return [*offered, *(row["mysql_version"] for row in there if row.get("mysql_version"))]


def _fault_domains(session: Any, compartment_id: str, domain: str) -> list[str]:
    client = session.client("identity.IdentityClient")
    return [row["name"] for row in session.rows(client, "list_fault_domains", compartment_id, domain)]


def _balancers(session: Any, compartment_id: str) -> list[str]:
    client = session.client("load_balancer.LoadBalancerClient")
    return [row["name"] for row in session.rows(client, "list_shapes", compartment_id)]


REGIONAL = (
    "okestack_availability_domain",
    "mysql_availability_domain",
    "oke_virtual_pool_placements",
    "oke_virtual_pool_kubernetes_version",
    "oke_virtual_pool_pod_shape",
    "mysql_shape_name",
    "mysql_version",
    "mysql_heatwave",
    "app_ingress_load_balancer_shape",
)
"""Variables whose values the region decides."""


@dataclass(frozen=True)
class _Question:
    """Whether the region has a value."""

    path: str
    value: str
    asked: tuple[Any, ...]
    """A function of session and compartment, and its further arguments; asked once, whatever is picked from it."""
    pick: Callable[[list[Any]], list[str]] = list
    there: tuple[Callable[..., list[dict[str, Any]]], Callable[[dict[str, Any]], Any]] | None = None
    """What may stand in the compartment, and its value: that the region has for certain."""

    def is_in_use(self, rows: Iterable[dict[str, Any]]) -> bool:
        """Whether something of the compartment has the value."""
        return self.there is not None and any(self._is(self.there[1](row)) for row in rows)

    def answer(self, rows: list[Any] | None) -> str | None:
        """What is wrong with the value. ``rows``: what the region has, None where that is hidden."""
        has = None if rows is None else self.pick(rows)
        if has is None or any(self._is(one) for one in has):
            return None
        return f"{self.path}: this region has no {self.value!r}, it has {', '.join(dict.fromkeys(has))}"

    def _is(self, one: Any) -> bool:
        """Whether it is the value, or a version of the series that the value names."""
        if isinstance(one, list):
            return any(self._is(each) for each in one)
        series = self.path.endswith("_version") and str(one).startswith((f"{self.value}.", f"{self.value}-"))
        return one == self.value or series


def _questions(asked: Mapping[str, Any]) -> Iterator[_Question]:
    domain = asked.get("okestack_availability_domain")
    in_domain = (_systems, lambda row: row.get("availability_domain"))
    yield _Question("okestack_availability_domain", domain or "", (_domains,), there=in_domain)
    if asked.get("mysql_availability_domain") != domain:
        yield _Question(
            "mysql_availability_domain", asked.get("mysql_availability_domain") or "", (_domains,), there=in_domain
        )
    placements = asked.get("oke_virtual_pool_placements")
    for index, row in enumerate(placements if isinstance(placements, list) else []):
        if isinstance(row, Mapping):
            path, place = f"oke_virtual_pool_placements[{index}]", row.get("availability_domain")
            yield _Question(
                f"{path}.availability_domain", place or "", (_domains,),
                there=(_node_pools, lambda pool: [each.get("availability_domain") for each in _placements(pool)]),
            )  # fmt: skip
            for number, one in enumerate(row.get("fault_domain") or []):
                yield _Question(
                    f"{path}.fault_domain[{number}]", one, (_fault_domains, place),
                    there=(_node_pools, functools.partial(_fault_domains_in, place)),
                )  # fmt: skip
    yield from (
        _Question(name, asked.get(name) or "", (kind,), pick, there)
        for name, kind, pick, there in (
            ("oke_virtual_pool_kubernetes_version", _kubernetes, list, (_clusters, _value_of("kubernetes_version"))),
            ("oke_virtual_pool_pod_shape", _pods, list, (_node_pools, _value_of("pod_configuration", "shape"))),
            ("mysql_shape_name", _mysql_shapes, _for("DBSYSTEM"), (_systems, _value_of("shape_name"))),
            ("mysql_version", _mysql_versions, list, (_systems, _value_of("mysql_version"))),
        )
    )
    heatwave = asked.get("mysql_heatwave")
    if isinstance(heatwave, Mapping) and heatwave.get("shape_name"):
        yield _Question("mysql_heatwave.shape_name", heatwave["shape_name"], (_mysql_shapes,), _for("HEATWAVECLUSTER"))
    shape = str(asked.get("app_ingress_load_balancer_shape") or "")
    if shape.lower() != "flexible":  # every region has it
        yield _Question("app_ingress_load_balancer_shape", shape, (_balancers,))


def _value_of(*path: str) -> Callable[[dict[str, Any]], Any]:
    """Of a row, what a path of names leads to; None where it ends before."""

    def value(row: dict[str, Any]) -> Any:
        found: Any = row
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    return value


def _placements(pool: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pool.get("placement_configurations") or [])


def _fault_domains_in(domain: Any, pool: dict[str, Any]) -> list[str]:
    placed = [each for each in _placements(pool) if each.get("availability_domain") == domain]
    return [one for each in placed for one in each.get("fault_domain") or []]


IN_ONE_VCN: tuple[tuple[str, ...], ...] = (
    ("mysql_subnet_id", "mysql_nsg_ids"),
    (
        "oke_virtual_pool_vcn_id",
        "oke_virtual_pool_endpoint_subnet_id",
        "oke_virtual_pool_endpoint_nsg_ids",
        "oke_virtual_pool_load_balancer_subnet_ids",
        "oke_virtual_pool_node_subnet_id",
        "oke_virtual_pool_node_nsg_ids",
        "oke_virtual_pool_pod_subnet_id",
        "oke_virtual_pool_pod_nsg_ids",
    ),
    ("app_ingress_load_balancer_subnet_id", "app_ingress_load_balancer_nsg_ids"),
)
"""Variables that name parts of one VCN; what is not given is the role network's."""
_PARTS = {"vcn": "get_vcn", "subnet": "get_subnet", "networksecuritygroup": "get_network_security_group"}


def not_in_region(session: Any, compartment_id: str, asked: Mapping[str, Any]) -> list[str]:
    """Sentences on values that the region lacks; each list is asked for once, all side by side. Raises CloudError.

    What something of the compartment has already is not asked for. What the policies do not let one look at is left to
    the task that needs it.
    """
    asked_for = [
        one for one in _questions(asked) if isinstance(one.value, str) and one.value and not is_unknown(one.value)
    ]

    def answers_of(kinds: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Any] | None]:
        each = list(dict.fromkeys(kinds))
        return dict(zip(each, side_by_side(lambda kind: _asked(kind, session, compartment_id), each), strict=True))

    there = answers_of((one.there[0],) for one in asked_for if one.there)
    asked_for = [one for one in asked_for if not (one.there and one.is_in_use(there[one.there[0],] or ()))]
    answers = answers_of(one.asked for one in asked_for)
    if answers and all(found is None for found in (*answers.values(), *there.values())):
        return [
            f"okestack_compartment_id: {compartment_id!r}: this region has no such compartment, "
            "or the policies do not let you look into it"
        ]
    return [problem for one in asked_for if (problem := one.answer(answers[one.asked]))]


_LOOKED_INTO: Mapping[str, tuple[str, str]] = {
    "app_ingress_compartment_id": ("identity.IdentityClient", "list_policies"),
    "external_secrets_compartment_id": ("identity.IdentityClient", "list_policies"),
    "external_secrets_vault_compartment_id": ("key_management.KmsVaultClient", "list_vaults"),
    "mysql_compartment_id": ("mysql.DbSystemClient", "list_db_systems"),
    "mysql_network_compartment_id": ("core.VirtualNetworkClient", "list_vcns"),
    "network_compartment_id": ("core.VirtualNetworkClient", "list_vcns"),
    "oke_virtual_pool_compartment_id": ("container_engine.ContainerEngineClient", "list_clusters"),
    "oke_virtual_pool_kms_key_compartment_id": ("key_management.KmsVaultClient", "list_vaults"),
    "vault_secret_compartment_id": ("key_management.KmsVaultClient", "list_vaults"),
}
"""Variables that name a compartment -> the list that their role begins with."""
COMPARTMENTS = tuple(_LOOKED_INTO)


def compartments_not_seen(session: Any, common: Any, asked: Mapping[str, Any]) -> list[str]:
    """Sentences on compartments that the region does not let one look into; ``common`` is everybody's, which is looked
    into anyway. Raises CloudError."""

    def seen(name: str) -> bool:
        client, operation = _LOOKED_INTO[name]
        try:
            session.call(session.client(client), operation, asked[name], limit=1)
        except CloudError as error:
            if error.status not in (400, 403, 404):
                raise
            return False
        return True

    own = [n for n in COMPARTMENTS if isinstance(asked.get(n), str) and not is_unknown(asked[n]) and asked[n] != common]
    return [
        f"{name}: {asked[name]!r}: this region has no such compartment, or the policies do not let you look into it"
        for name, there in zip(own, side_by_side(seen, own), strict=True)
        if not there
    ]


def _asked(kind: tuple[Any, ...], session: Any, compartment_id: str) -> list[Any] | None:
    """What the region has; None where that is hidden."""
    ask, *more = kind
    try:
        rows: list[Any] = ask(session, compartment_id, *more)
        return rows
    except CloudError as error:
        if more and error.status == 400:  # reported for the option that it depends on
            return None
        if error.status not in (403, 404):
            raise
        return None


def not_of_one_network(session: Any, asked: Mapping[str, Any], own: Callable[[], str | None]) -> list[str]:
    """Sentences on parts of a network that the region does not show, and on those of several VCNs.

    ``own`` gives the OCID of the VCN that the role network keeps, None where it is not made yet. Raises CloudError.
    """
    texts = {path: text for group in IN_ONE_VCN for name in group for path, text in _texts(asked.get(name), name)}
    paths = [path for path, text in texts.items() if text and not is_unknown(text)]
    parts = dict(zip(paths, side_by_side(lambda path: _part(session, texts[path]), paths), strict=True))
    vcns = {path: part and part[0] for path, part in parts.items()}
    problems = [
        f"{path}: {texts[path]!r}: this region has none of this OCID, or the policies do not let you look at it"
        for path, vcn in vcns.items()
        if vcn is None
    ]
    for group in IN_ONE_VCN:
        mine = {path: vcn for path, vcn in vcns.items() if vcn and path.partition("[")[0] in group}
        lacking = [name for name in group if asked.get(name) is None]
        expected = own() if mine and lacking else next(iter(mine.values()), None)
        for path, vcn in mine.items():
            if vcn != expected:
                there = f"where {', '.join(lacking)} will be, as the role network makes it" if lacking else expected
                problems.append(
                    f"{path}: {texts[path]!r} is in the VCN {vcn}, not in that {there}: all must be in one VCN"
                )
    granted = {asked.get("mysql_network_compartment_id"), asked.get("network_compartment_id")} - {None, ""}
    for path, part in parts.items():
        if path.startswith("mysql_nsg_ids") and part and granted and part[1] not in granted:
            problems.append(
                f"{path}: {texts[path]!r} is in the compartment {part[1]}, and DB systems are allowed to join those of "
                "mysql_network_compartment_id: name that"
            )
    return problems


def _part(session: Any, ocid: str) -> tuple[str, str] | None:
    """The OCIDs of the VCN and the compartment that a part is in; None where it is not to be seen."""
    client = session.client("core.VirtualNetworkClient")
    operation = _PARTS.get(ocid.split(".")[1] if ocid.count(".") > 1 else "")
    if operation is None:
        return None
    try:
        found = session.call(client, operation, ocid).data
    except CloudError as error:
        if error.status not in (400, 403, 404):
            raise
        return None
    if found.lifecycle_state in ("TERMINATING", "TERMINATED"):
        return None
    return str(found.id if operation == "get_vcn" else found.vcn_id), str(found.compartment_id)


GIVEN = {
    "external_secrets_vault_id": "external_secrets_vault_compartment_id",
    "vault_secret_vault_id": None,
    "mysql_admin_password_secret_id": None,
    "app_ingress_registry_auth_token_secret_id": None,
    "oke_virtual_pool_kms_key_id": "oke_virtual_pool_kms_key_compartment_id",
    "vault_secret_key_id": None,
}
"""Variables that name something of a vault that is there -> the one that says in which compartment it must be."""


def not_in_vault(session: Any, asked: Mapping[str, Any], compartments: Iterable[Any]) -> list[str]:
    """Sentences on vaults, keys and secrets that the region does not show, going ones, and those of other compartments.

    ``compartments``: where the vaults of keys are looked for. Raises CloudError.
    """
    names = [name for name in GIVEN if asked.get(name) and isinstance(asked[name], str) and not is_unknown(asked[name])]
    places = {one for one in compartments if isinstance(one, str) and one and not is_unknown(one)}
    found = side_by_side(lambda name: _of_a_vault(session, asked[name], places), names)
    problems = []
    for name, seen in zip(names, found, strict=True):
        place = asked.get(GIVEN[name] or "")
        state = "" if seen is None else seen["lifecycle_state"]
        if seen is None:
            why = "this region has none of this OCID, or the policies do not let you look at it"
        elif state in ("DELETED", "FAILED") or (state in _GOING and not name.startswith("vault_secret_")):
            why = f"it is {state}: {'take its deletion back, or ' if 'PENDING' in state else ''}name another"
        elif place and state and seen["compartment_id"] != place:
            why = f"it is in the compartment {seen['compartment_id']}, not in that of {GIVEN[name]}, {place}"
        else:
            continue
        problems.append(f"{name}: {asked[name]!r}: {why}")
    return problems


_GOING = ("PENDING_DELETION", "SCHEDULING_DELETION", "DELETING", "DISABLED", "DISABLING")


def _of_a_vault(session: Any, ocid: str, compartments: Iterable[str]) -> dict[str, Any] | None:
    """A vault, a key or a secret; None where it is not to be seen. A key whose vault is in none of the compartments has
    no state."""
    try:
        if ocid.startswith("ocid1.vault."):
            found = session.call(session.client("key_management.KmsVaultClient"), "get_vault", ocid).data
        elif ocid.startswith("ocid1.vaultsecret."):
            found = session.call(session.client("vault.VaultsClient"), "get_secret", ocid).data
        else:
            # The letters of a key's vault are in both OCIDs, before the last part.
            client, letters = session.client("key_management.KmsVaultClient"), ocid.split(".")[-2]
            rows = [row for place in compartments for row in session.rows(client, "list_vaults", compartment_id=place)]
            vault = next((row for row in rows if letters and row["id"].split(".")[-2] == letters), None)
            if vault is None:
                return {"lifecycle_state": ""}
            keys = session.client("key_management.KmsManagementClient", endpoint=vault["management_endpoint"])
            found = session.call(keys, "get_key", ocid).data
    except CloudError as error:
        if error.status not in (400, 403, 404):
            raise
        return None
    return {"lifecycle_state": found.lifecycle_state, "compartment_id": found.compartment_id}
