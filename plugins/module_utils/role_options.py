# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of roles, found before the first write. Pure: values in, sentences out.

An argument spec says the type; what a value must look like beyond it follows from the option's name, since roles name
alike what is alike (`..._cidrs`, `..._subnet_id`, `..._image`).
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.model import holds_unknown, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side

LONGEST_DEPLOYMENT = 40
"""Characters of a deployment's name: with what the roles add it must fit into a label of Kubernetes, which has 63."""

_PLACEHOLDER = re.compile(r"<[A-Za-z][^<>\n]*>")
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)


def _cidr(value: str) -> str | None:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        return f"{error}; a CIDR block is like 192.0.2.0/24" if "/" in value else "is no CIDR block like 192.0.2.0/24"
    return None if "/" in value else "is no CIDR block: write its length too, as in 192.0.2.5/32"


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
    return None if os.access(path, os.R_OK) else "there is no such file, or you may not read it"


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
    (r"\w+_compartment_id", _ocid("compartment", "tenancy")),
    (r"\w+_subnet_ids?", _ocid("subnet")),
    (r"\w+_nsg_ids", _ocid("networksecuritygroup")),
    (r"\w+_vcn_id", _ocid("vcn")),
    (r"\w+_kms_key_id", _ocid("key")),
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
    (r"okestack_region", _like(r"[a-z][a-z0-9-]{1,60}", "the name of a region, e.g. eu-frankfurt-1")),
    (r"network_lb_ports", _like(r"\d{1,5}(-\d{1,5})?", "a port or a range of ports, e.g. 443")),
    (r"\w+_(auth_token|tls_certificate|tls_key|cluster_ca)_file", _file),
)
_LONGEST, _TOO_MUCH = 1024, 2**31
"""Characters of a text that is no certificate; numbers."""
_NEEDED = ("network_api_client_cidrs", "network_lb_client_cidrs")
"""Lists that must not be empty: nobody could reach what is made."""


def wrong(name: str, option: Mapping[str, Any], value: Any) -> Iterator[str]:
    """What is wrong with the value of one option, each with its path. ``value`` is templated, plain data."""
    kind = option.get("type", "str")
    if value is None or value == "":
        if option.get("required") or kind not in ("str", "path"):
            yield f"{name}: has no value" + ("" if option.get("required") else "; leave it out to get the default")
        return
    if left := list(_placeholders(value, name)):
        yield from left
        return
    if is_unknown(value):
        return
    if problem := _of_type(name, option, value):
        yield problem
        return
    if name in _NEEDED and not value:
        yield f"{name}: is empty, so that nobody could reach it; name at least one CIDR block"
    if kind == "int" and not 0 <= int(value) < _TOO_MUCH:
        yield f"{name}: {value} is less than 0" if int(value) < 0 else f"{name}: {value} is too much"
    if kind in ("str", "path") and (problem := _odd_text(name, str(value))):
        yield f"{name}: {problem}"
        return
    for pattern, check in _FORMATS:
        if re.fullmatch(pattern, name):
            for path, text in _texts(value, name):
                if text and not is_unknown(text) and (why := check(text)):
                    yield f"{path}: {text!r} {why}"
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
        return f"{name}: {value!r} is no {'number' if kind in ('int', 'float') else 'text'}"
    if holds_unknown(value):
        return None
    if kind == "list" and option.get("elements") == "str" and isinstance(value, list):
        for index, row in enumerate(value):
            if row is None or isinstance(row, (Mapping, list, bool)):
                return f"{name}[{index}]: {row!r} is no text"
    errors = ArgumentSpecValidator({name: dict(option)}).validate({name: value}).errors.errors
    return f"{name}: {'; '.join(error.msg for error in errors)}" if errors else None


def _odd_text(name: str, text: str) -> str | None:
    """What no name, address or path has. Certificates have lines."""
    if re.fullmatch(r"\w+_(ca|certificates?)", name):
        text = text.replace("\n", "").replace("\r", "")
    elif len(text) > _LONGEST:
        return f"has {len(text)} characters, {_LONGEST} are the most"
    return None if text.isprintable() else f"{text[:80]!r} holds a control character, or a line's end"


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


def misplaced_subnets(blocks: Any, subnets: Any) -> Iterator[str]:
    """Subnets outside of the VCN's blocks, and those that overlap; what is no CIDR block is told elsewhere."""
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
    """A cluster's Services must have addresses of their own; what is no CIDR block is told elsewhere."""
    try:
        own = ipaddress.ip_network(services)
        vcn = [ipaddress.ip_network(block) for block in blocks]
    except (ValueError, TypeError):
        return
    for block in vcn:
        if own.overlaps(block):
            yield f"oke_virtual_pool_services_cidr: {own} overlaps with {block} of network_cidr_blocks"


def unknown(role: str, given: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Variables that look like a role's and are none, each with the name that is nearest."""
    known = set(known)
    for name in sorted(set(given) - known):
        if name.startswith(f"{role}_"):
            near = difflib.get_close_matches(name, known, 1, 0.6)
            yield f"{name}: the role {role} has no such variable" + (f"; did you mean {near[0]}?" if near else "")


def misspelt(given: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Variables that are nearly one of the site's. Others may begin like them: they are the inventory's own."""
    known = set(known)
    for name in sorted(set(given) - known):
        room, _, rest = name.partition("_")
        near = difflib.get_close_matches(
            rest, [one.partition("_")[2] for one in known if one.startswith(f"{room}_")], 1, 0.8
        )
        if room in ("okestack", "preflight", "verify") and near:
            yield f"{name}: the site has no such variable; did you mean {room}_{near[0]}?"


FREE = ("mysql_shape_name", "mysql_is_highly_available", "mysql_data_storage_size_in_gbs")


def free_database(shape: Any, available: Any, size: Any) -> Iterator[str]:
    """What a DB system of the shape MySQL.Free cannot be."""
    if shape != "MySQL.Free":
        return
    if str(available).lower() in ("true", "yes", "on", "1", "y", "t"):
        yield "mysql_is_highly_available: a DB system of shape MySQL.Free has one instance: take another shape"
    if str(size).isdigit() and int(size) != 50:
        yield f"mysql_data_storage_size_in_gbs: {size}: a DB system of shape MySQL.Free has 50, no more and no less"


def answered(
    given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]], parsed: Callable[[str], Any]
) -> dict[str, Any]:
    """Extra variables as a survey means them: an empty answer is none, JSON text what it describes.

    ``options``: name -> argument spec of each variable that is a role's; others stay. ``parsed`` reads JSON text. Text
    that does not describe what its option takes stays, and is refused later.
    """
    meant = {}
    for name, value in given.items():
        kind = options[name].get("type", "str") if name in options else "str"
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


def _domains(session: Any, compartment_id: str) -> list[str]:
    client = session.client("identity.IdentityClient")
    return [row["name"] for row in session.rows(client, "list_availability_domains", compartment_id)]


def _kubernetes(session: Any, compartment_id: str) -> list[str]:
    """Versions on offer, and those that the compartment's clusters have: what stands may be older than the offer."""
    client = session.client("container_engine.ContainerEngineClient")
    options = session.call(client, "get_cluster_options", "all", should_list_all_patch_versions=True)
    there = session.rows(client, "list_clusters", compartment_id)
    return [*(options.data.kubernetes_versions or []), *(row["kubernetes_version"] for row in there)]


def _pods(session: Any, compartment_id: str) -> list[str]:
    client = session.client("container_engine.ContainerEngineClient")
    return [row["name"] for row in session.rows(client, "list_pod_shapes", compartment_id)]


def _databases(session: Any, compartment_id: str) -> list[str]:
    client = session.client("mysql.MysqlaasClient")
    return [row["name"] for row in session.rows(client, "list_shapes", compartment_id, is_supported_for=["DBSYSTEM"])]


REGIONAL: Mapping[str, Callable[[Any, str], list[str]]] = {
    "okestack_availability_domain": _domains,
    "mysql_availability_domain": _domains,
    "oke_virtual_pool_placements": _domains,
    "oke_virtual_pool_kubernetes_version": _kubernetes,
    "oke_virtual_pool_pod_shape": _pods,
    "mysql_shape_name": _databases,
}
"""Variables whose values the region decides -> what it has."""

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
    """Sentences on values that the region lacks; a call for each kind, side by side. Raises CloudError.

    What the policies do not let one look at is left to the task that needs it.
    """
    given: dict[str, str] = {}
    for name in REGIONAL:
        value = asked.get(name)
        for row, path in [(value, name)] if isinstance(value, str) else _domains_of(value, name):
            if row and not is_unknown(row) and (name != "mysql_availability_domain" or row not in given.values()):
                given[path] = row
    kinds = list(dict.fromkeys(REGIONAL[path.partition("[")[0]] for path in given))
    answers = dict(zip(kinds, side_by_side(lambda kind: _asked(kind, session, compartment_id), kinds), strict=True))
    if answers and all(found is None for found in answers.values()):
        return [
            f"okestack_compartment_id: {compartment_id!r}: this region has no such compartment, "
            "or the policies do not let you look into it"
        ]
    problems = []
    for path, value in given.items():
        found = answers[REGIONAL[path.partition("[")[0]]]
        if found is not None and not any(has == value or has.startswith(f"{value}.") for has in found):
            problems.append(f"{path}: this region has no {value!r}, it has {', '.join(dict.fromkeys(found))}")
    return problems


def _domains_of(placements: Any, name: str) -> list[tuple[Any, str]]:
    rows = placements if isinstance(placements, list) else []
    texts = [(row.get("availability_domain"), index) for index, row in enumerate(rows) if isinstance(row, Mapping)]
    return [(text, f"{name}[{index}].availability_domain") for text, index in texts if isinstance(text, str)]


def _asked(kind: Callable[[Any, str], list[str]], session: Any, compartment_id: str) -> list[str] | None:
    """What the region has; None where that is hidden."""
    try:
        return kind(session, compartment_id)
    except CloudError as error:
        if error.status not in (403, 404):
            raise
        return None


def not_of_one_network(session: Any, asked: Mapping[str, Any], own: Callable[[], str | None]) -> list[str]:
    """Sentences on parts of a network that the region does not show, and on those of several VCNs.

    ``own`` gives the OCID of the VCN that the role network keeps, None where it is not made yet. Raises CloudError.
    """
    texts = {path: text for group in IN_ONE_VCN for name in group for path, text in _texts(asked.get(name), name)}
    paths = [path for path, text in texts.items() if text and not is_unknown(text)]
    vcns = dict(zip(paths, side_by_side(lambda path: _vcn_of(session, texts[path]), paths), strict=True))
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
    return problems


def _vcn_of(session: Any, ocid: str) -> str | None:
    """The OCID of the VCN that a part is in; None where it is not to be seen."""
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
    return str(found.id if operation == "get_vcn" else found.vcn_id)
