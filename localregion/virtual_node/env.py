# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's environment, arguments and name resolution: pure functions over what has been read before.

Semantics are kubelet's (makeEnvironmentVariables, third_party/forked/golang/expansion, pkg/kubelet/network/dns).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Objects = Mapping[tuple[str, str], Json | None]
"""(kind, name) -> the object in the pod's namespace, None where there is none; kind is `secret` or `configmap`."""


class ConfigError(Exception):
    """A container cannot be made as it is described; waiting reason CreateContainerConfigError."""


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap that a pod names."""

    kind: str
    name: str


_REFERENCE = re.compile(r"\$(\$|\([^)]*\)|)")
_INDEXED = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value; $$ is a dollar sign, an unknown $(NAME) stays as it is."""

    def one(match: re.Match[str]) -> str:
        body = match.group(1)
        if body == "$":
            return "$"
        if body.startswith("("):
            return values.get(body[1:-1], match.group(0))
        return match.group(0)

    return _REFERENCE.sub(one, text)


def references(container: Json) -> set[Reference]:
    """Every Secret and ConfigMap whose keys the container's environment takes."""
    found = set()
    for source in container.get("envFrom") or ():
        for field, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
            if field in source:
                found.add(Reference(kind, source[field]["name"]))
    for item in container.get("env") or ():
        value = item.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
            if field in value:
                found.add(Reference(kind, value[field]["name"]))
    return found


def service_variables(
    services: Iterable[Json], namespace: str, links: bool, api_host: str, api_port: int
) -> dict[str, str]:
    """Variables for Services (`links`: of the pod's namespace), and those that lead to the API endpoint.

    On virtual nodes the API endpoint's own address is used where other nodes give the cluster IP of `kubernetes`.
    """
    result: dict[str, str] = {}
    if links:
        for service in services:
            meta, spec = service["metadata"], service["spec"]
            if meta["namespace"] != namespace or spec.get("clusterIP") in (None, "", "None"):
                continue
            if (namespace, meta["name"]) != ("default", "kubernetes"):
                result |= _service(meta["name"], spec["clusterIP"], spec.get("ports") or ())
    port = {"name": "https", "port": api_port, "protocol": "TCP"}
    return result | _service("kubernetes", api_host, [port])


def _service(name: str, address: str, ports: Sequence[Json]) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    host = f"[{address}]" if ":" in address else address
    result = {f"{prefix}_SERVICE_HOST": address}
    for index, port in enumerate(ports):
        number, protocol = str(port["port"]), port.get("protocol", "TCP")
        url = f"{protocol.lower()}://{host}:{number}"
        if index == 0:
            result[f"{prefix}_SERVICE_PORT"] = number
            result[f"{prefix}_PORT"] = url
        if port.get("name"):
            result[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = number
        base = f"{prefix}_PORT_{number}_{protocol.upper()}"
        result |= {base: url, f"{base}_PROTO": protocol.lower(), f"{base}_PORT": number, f"{base}_ADDR": address}
    return result


def environment(
    pod: Json,
    container: Json,
    objects: Objects,
    services: Mapping[str, str],
    *,
    pod_ip: str,
    host_ip: str,
    node_name: str,
) -> dict[str, str]:
    """The container's variables. Raises ConfigError for a Secret, ConfigMap or key that is missing and not optional."""
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        field, kind = ("secretRef", "secret") if "secretRef" in source else ("configMapRef", "configmap")
        reference = source[field]
        data = _data(objects, kind, reference["name"])
        if data is None:
            if reference.get("optional"):
                continue
            raise ConfigError(f'{kind} "{reference["name"]}" not found')
        prefix = source.get("prefix", "")
        result |= {prefix + key: value for key, value in data.items()}
    known = dict(services)
    for item in container.get("env") or ():
        name, source = item["name"], item.get("valueFrom")
        if source is None:
            value: str | None = expand(item.get("value") or "", known | result)
        elif "fieldRef" in source:
            value = field_value(pod, source["fieldRef"]["fieldPath"], pod_ip, host_ip, node_name)
        else:
            field, kind = ("secretKeyRef", "secret") if "secretKeyRef" in source else ("configMapKeyRef", "configmap")
            if field not in source:
                raise ConfigError(f"variable {name}: a source of this kind is not supported")
            value = _key(objects, kind, source[field], pod["metadata"]["namespace"])
        if value is not None:
            result[name] = value
    return known | result


def field_value(pod: Json, path: str, pod_ip: str, host_ip: str, node_name: str) -> str:
    """A field that the downward API offers to variables. Raises ConfigError for any other."""
    meta, spec = pod["metadata"], pod["spec"]
    match = _INDEXED.match(path)
    if match:
        return str((meta.get(match.group(1)) or {}).get(match.group(2), ""))
    values = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": node_name,
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
    }
    if path not in values:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(values[path])


def command(container: Json, values: Mapping[str, str]) -> tuple[list[str] | None, list[str] | None]:
    """(command, args) with variables filled in; None where the image's own is used."""
    parts = []
    for name in ("command", "args"):
        given = container.get(name)
        parts.append([expand(word, values) for word in given] if given else None)
    return parts[0], parts[1]


def resolv_conf(spec: Json, namespace: str, cluster_dns: str, cluster_domain: str, resolver: str) -> str:
    """The text of /etc/resolv.conf; `resolver` is the VCN's, for dnsPolicy Default."""
    policy = spec.get("dnsPolicy", "ClusterFirst")
    servers: list[str] = []
    searches: list[str] = []
    options: dict[str, str | None] = {}
    if policy == "Default":
        servers = [resolver]
    elif policy != "None":
        servers = [cluster_dns]
        searches = [f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain]
        options = {"ndots": "5"}
    extra = spec.get("dnsConfig") or {}
    servers += [s for s in extra.get("nameservers") or () if s not in servers]
    searches += [s for s in extra.get("searches") or () if s not in searches]
    for option in extra.get("options") or ():
        options[option["name"]] = option.get("value")
    lines = [f"nameserver {server}" for server in servers[:3]]
    if searches:
        lines.insert(0, "search " + " ".join(searches))
    if options:
        lines.append("options " + " ".join(k if v is None else f"{k}:{v}" for k, v in options.items()))
    return "\n".join(lines) + "\n"


def hosts_file(pod_ip: str, hostname: str, domain: str, aliases: Iterable[Json]) -> str:
    """The text of /etc/hosts; `domain` is the pod's own domain behind its name, empty without a subdomain."""
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
        f"{pod_ip}\t{hostname}.{domain}\t{hostname}" if domain else f"{pod_ip}\t{hostname}",
    ]
    for alias in aliases:
        lines.append("\t".join([alias["ip"], *(alias.get("hostnames") or ())]))
    return "\n".join(lines) + "\n"


def hostname(pod: Json) -> str:
    """The pod's host name: its name, at most 63 characters."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def _data(objects: Objects, kind: str, name: str) -> dict[str, str] | None:
    found = objects.get((kind, name))
    if found is None:
        return None
    data = found.get("data") or {}
    if kind == "configmap":
        return dict(data)
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def _key(objects: Objects, kind: str, reference: Json, namespace: str) -> str | None:
    data = _data(objects, kind, reference["name"])
    if data is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    if reference["key"] not in data:
        if reference.get("optional"):
            return None
        name = "Secret" if kind == "secret" else "ConfigMap"
        raise ConfigError(f"couldn't find key {reference['key']} in {name} {namespace}/{reference['name']}")
    return data[reference["key"]]
