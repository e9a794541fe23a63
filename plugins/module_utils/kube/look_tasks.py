# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that look where lists do not show it: whether Secrets hold what the Vault has, what a pod can reach, what would
outlive a cluster."""

from __future__ import annotations

import base64
import copy
import hmac
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import OWNER_LABEL, Document
from ansible_collections.okestack.oci.plugins.module_utils.run import Context
from ansible_collections.okestack.oci.plugins.module_utils.types.load_balancer import LOAD_BALANCER
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import read_secret_by_name

from .base_task import KubeTask
from .client import Client, Resource
from .connect import CLUSTER_CONSTRAINTS, CLUSTER_OPTIONS, client_for
from .wait import Object, Status, Target, Waiter, pod_trouble

COMPONENT_LABEL = "okestack.oci/component"
CHECK_LABEL = "okestack.oci/check-of"
LOG_LINES = 20
_OF_SERVING = ("args", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports")
_OF_MANY = ("topologySpreadConstraints", "affinity", "initContainers")


class SecretCheckTask(KubeTask):
    """Compares Secrets with the current versions of the Vault's, in memory alone."""

    name = "kubernetes_secret_check"
    constraints: Mapping[str, Any] = CLUSTER_CONSTRAINTS

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        secret: dict[str, dict[str, Any]] = {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "keys": {"type": "dict", "required": True, "no_log": False},
        }
        return {
            **CLUSTER_OPTIONS,
            "vault_id": {"type": "str", "required": True},
            # Names, not contents.
            "secrets": {"type": "list", "elements": "dict", "required": True, "options": secret, "no_log": False},
        }

    def perform(self, params: Document, context: Context) -> Document:
        client = client_for(params, context)
        if client is None:
            raise KubeError("the cluster is not there")
        rows = [row for one in params["secrets"] for row in self._compared(one, params["vault_id"], client, context)]
        return {"changed": False, "findings": rows}

    def _compared(
        self, secret: Mapping[str, Any], vault_id: str, client: Client, context: Context
    ) -> Iterator[Document]:
        path = f"{secret['namespace']}/{secret['name']}"
        live = client.get(client.resource("v1", "Secret"), secret["namespace"], secret["name"])
        if live is None:
            yield _row("broken", f"there is no Secret {path}", "see its ExternalSecret above")
            return
        held = live.get("data") or {}
        for key, name in sorted(secret["keys"].items()):
            try:
                number, wanted = read_secret_by_name(context.session, vault_id, name)
            except CloudError as error:
                yield _row("unknown", f"{key} of {path} cannot be compared with {name}: {error}")
                continue
            context.secrets |= {wanted, base64.b64encode(wanted.encode(errors="surrogateescape")).decode()}
            wanted_bytes = wanted.encode(errors="surrogateescape")
            if key not in held:
                yield _row(
                    "broken", f"Secret {path} has no {key}", "run site.yml, which writes its ExternalSecret again"
                )
            elif not hmac.compare_digest(_bytes(held[key]), wanted_bytes):
                todo = "run site.yml, which carries on what was rotated in the Vault and has it fetched"
                yield _row("broken", f"{key} of {path} is not what version {number} of {name} holds", todo)
            else:
                yield _row("ok", f"{key} of {path} is what version {number} of {name} holds")


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text or "")
    except ValueError:
        return b""


def _row(status: str, what: str, todo: str = "") -> Document:
    return {"status": status, "what": what, "todo": todo or None}


class RunTask(KubeTask):
    """Runs one command in a pod like those of a Deployment; the pod is gone afterwards."""

    name = "kubernetes_run"
    constraints: Mapping[str, Any] = CLUSTER_CONSTRAINTS

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            "deployment": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "wait_timeout": {"type": "int", "default": 300},
        }

    def perform(self, params: Document, context: Context) -> Document:
        space, name = params["namespace"], params["deployment"]
        if context.check_mode:
            return {"changed": False, "ok": None, "output": None, "msg": "check mode starts no pod"}
        client = client_for(params, context)
        if client is None:
            raise KubeError("the cluster is not there")
        live = client.get(client.resource("apps/v1", "Deployment"), space, name)
        if live is None:
            raise KubeError(f"there is no Deployment {space}/{name} whose pods this one could be like")
        pod = pod_like(live, params["command"], params["wait_timeout"])
        target = Target(client.resource("v1", "Pod"), space, pod["metadata"]["name"], _ended)
        waiter = Waiter(client, context.report, float(params["wait_timeout"]), sleep=context.stop.wait, quiet=10.0)
        selector = ",".join(f"{key}={value}" for key, value in pod["metadata"]["labels"].items())
        for left in client.list(target.resource, space, selector):  # by a run that was killed
            client.delete(target.resource, space, left["metadata"]["name"])
        try:
            client.apply(target.resource, pod, force=True)
            try:
                (ended,) = waiter.ready([target])
            except KubeError as error:
                return {"changed": False, "ok": False, "output": f"no pod ran it: {error}"}
            ok = (ended.get("status") or {}).get("phase") == "Succeeded"
            return {"changed": False, "ok": ok, "output": _output(client, target.resource, ended)}
        finally:
            client.delete(target.resource, space, target.name)


def pod_like(deployment: Mapping[str, Any], command: list[str], seconds: int) -> Document:
    """A pod with image, environment, volumes and account of a Deployment's first container, which runs one command.

    It has none of its labels: no Service sends it requests, no Deployment takes it for its own. Its name is new each
    time: what is still said of an earlier one is not of this one.
    """
    meta, template = deployment["metadata"], deployment["spec"]["template"]
    spec = {k: v for k, v in copy.deepcopy(dict(template["spec"])).items() if k not in _OF_MANY}
    first = {k: v for k, v in spec["containers"][0].items() if k not in _OF_SERVING}
    first["command"] = list(command)
    spec |= {"containers": [first], "restartPolicy": "Never", "activeDeadlineSeconds": int(seconds)}
    labels = {COMPONENT_LABEL: "check", CHECK_LABEL: meta["name"][:63]}
    name = f"{meta['name'][:50]}-check-{secrets.token_hex(3)}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": meta["namespace"], "labels": labels},
        "spec": spec,
    }


def _ended(live: Object) -> Status:
    phase = (live.get("status") or {}).get("phase") or "Pending"
    trouble = pod_trouble(live)
    return Status(phase in ("Succeeded", "Failed"), f"{phase}, {trouble}" if trouble else phase)


def _output(client: Client, pods: Resource, pod: Object) -> str:
    """The last lines of its log; where nothing ran, what the cluster says of its end."""
    meta, status = pod["metadata"], pod.get("status") or {}
    rows = status.get("containerStatuses") or [{}]
    ended = (rows[0].get("state") or {}).get("terminated") or {}
    why = [str(text) for text in (status.get("reason"), status.get("message")) if text]
    if not ended or not ended.get("startedAt"):
        return f"no pod ran it: {': '.join(why) or pod_trouble(pod) or 'nobody says why'}"
    try:
        text = client.text(f"{pods.path(meta['namespace'], meta['name'])}/log?tailLines={LOG_LINES}").strip()
    except KubeError as error:
        text = str(ended.get("message") or f"its log cannot be read: {error}")
    return text or f"it printed nothing and ended with {ended.get('exitCode')}"


class LeftoversTask(KubeTask):
    """Names what in a cluster holds something of the cloud that would outlive it, and that nobody could find then."""

    name = "kubernetes_leftovers"
    constraints: Mapping[str, Any] = CLUSTER_CONSTRAINTS

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            "compartment_id": {"type": "str", "required": True},
            "leaving_owner": {"type": "str"},
        }

    def perform(self, params: Document, context: Context) -> Document:
        client = client_for(params, context)
        if client is None:
            return {"changed": False, "leftovers": []}
        passed = params.get("leaving_owner")
        services = [
            row
            for row in client.list(client.resource("v1", "Service"))
            if (row.get("spec") or {}).get("type") == "LoadBalancer"
            and not (passed and str((row["metadata"].get("labels") or {}).get(OWNER_LABEL)).startswith(f"{passed}."))
        ]
        balancers: dict[str, str] = {}
        if services:
            session = context.session
            sdk = session.client(LOAD_BALANCER.client)
            rows = session.rows(sdk, LOAD_BALANCER.list_operation, compartment_id=params["compartment_id"])
            balancers = {row["display_name"]: row["id"] for row in rows if LOAD_BALANCER.states.living(row)}
        found = [_holds("Service", row, "load balancer", balancers.get(row["metadata"]["uid"])) for row in services]
        for row in client.list(client.resource("v1", "PersistentVolume")):
            spec = row.get("spec") or {}
            volume = (spec.get("csi") or {}).get("volumeHandle")
            if volume and spec.get("persistentVolumeReclaimPolicy") == "Delete":
                claim = spec.get("claimRef")
                kind, thing = ("PersistentVolumeClaim", {"metadata": claim}) if claim else ("PersistentVolume", row)
                found.append(_holds(kind, thing, "volume", volume))
        return {"changed": False, "leftovers": found}


def _holds(kind: str, thing: Mapping[str, Any], word: str, id_: str | None) -> Document:
    meta = thing["metadata"]
    path = "/".join(part for part in (meta.get("namespace"), meta.get("name")) if part)
    return {
        "kind": kind,
        "name": path,
        "holds": word,
        "id": id_,
        "what": f"{kind} {path} has {word} {id_ or 'under way'}",
    }


TASKS = (SecretCheckTask(), RunTask(), LeftoversTask())
