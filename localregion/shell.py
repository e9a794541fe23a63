# SPDX-License-Identifier: GPL-3.0-or-later
"""What `localregion env` sets: the variables that Oracle's clients, Kubernetes' and a registry's take the region from,
and the files that they name, which go with the region's state."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from localregion import settings as names
from localregion.core.endpoints import region_metadata
from localregion.host.pki import write_private
from localregion.settings import Settings

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_EXEMPT = ("NO_PROXY", "no_proxy")


def variables(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by name. Where `environment` has a proxy, the region's names and addresses go around it."""
    folder = settings.operator_dir
    values = {
        "OCI_REGION_METADATA": region_metadata(settings.realm_domain),
        **dict.fromkeys(("OCI_CONFIG_FILE", "OCI_CLI_CONFIG_FILE"), str(folder / "config")),
        **dict.fromkeys(("OCI_CONFIG_PROFILE", "OCI_CLI_PROFILE"), "DEFAULT"),
        **dict.fromkeys(("OCI_REGION", "OCI_CLI_REGION"), names.REGION),
        **dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OCI_DEFAULT_CERTS_PATH", "NODE_EXTRA_CA_CERTS"),
            str(settings.bundle),
        ),
        "KUBECONFIG": str(folder / "kubeconfig"),
    }
    if not settings.pure:
        values |= {
            "OKESTACK_REGISTRY": settings.registry_address,
            "REGISTRY_AUTH_FILE": str(folder / "registry" / "config.json"),
            "DOCKER_CONFIG": str(folder / "registry"),
        }
    if any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
        ours, before = _around(settings), _listed(environment)
        text = ",".join([*(part for part in before if part not in ours), *ours])
        values |= dict.fromkeys(_EXEMPT, text)
    return values


def export(values: Mapping[str, str]) -> str:
    """The lines that set them in a shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def unset(settings: Settings, environment: Mapping[str, str]) -> str:
    """The lines that take them away again; of what goes around a proxy, the person's own part stays."""
    own = [part for part in _listed(environment) if part not in _around(settings)]
    lines = []
    for name in variables(settings, environment):
        kept = name in _EXEMPT and own
        lines.append(f"export {name}={shlex.quote(','.join(own))}" if kept else f"unset {name}")
    return "\n".join(lines)


def _around(settings: Settings) -> tuple[str, str]:
    return settings.realm_domain, settings.host_network


def _listed(environment: Mapping[str, str]) -> list[str]:
    text = next((environment[name] for name in _EXEMPT if environment.get(name)), "")
    return [part.strip() for part in text.split(",") if part.strip()]


def write_files(settings: Settings, kubeconfigs: Sequence[str]) -> None:
    """Write the files: the operator's login to the registry, and a kubeconfig of all clusters, its current context the
    last one's; where there is none yet one without any, so that none of the person's own is used by mistake."""
    write_private(settings.operator_dir / "kubeconfig", _merged(kubeconfigs))
    if not settings.pure:
        user = f"{names.NAMESPACE}/{names.OPERATOR_NAME}"
        token = (settings.operator_dir / "auth_token").read_text().strip()
        login = {"auth": base64.b64encode(f"{user}:{token}".encode()).decode()}
        hosts = settings.registry_address, f"{names.REGION_KEY.lower()}.ocir.{names.REALM_DOMAIN}"
        text = json.dumps({"auths": dict.fromkeys(hosts, login)}, indent=2)
        write_private(settings.operator_dir / "registry" / "config.json", text)


def _merged(kubeconfigs: Sequence[str]) -> str:
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for text in kubeconfigs:
        document = yaml.safe_load(text)
        for part in ("clusters", "users", "contexts"):
            merged[part] += document[part]
        merged["current-context"] = document["current-context"]
    return yaml.safe_dump(merged, sort_keys=False)
