# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks behind the kubernetes_* modules: options in, the rooms beside this file, a result out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, holds_unknown, is_unknown, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.plan import VERBS
from ansible_collections.okestack.oci.plugins.module_utils.redaction import scrub
from ansible_collections.okestack.oci.plugins.module_utils.run import Context

from . import restart_marks
from .apply import Applier
from .base_task import KubeTask
from .changes import Change, Options, diff_of
from .chart import Chart, find_helm, render
from .client import Client
from .connect import CLUSTER_CONSTRAINTS, CLUSTER_OPTIONS, client_for
from .kubeconfig_task import KubeconfigTask
from .lint import lint
from .objects import (
    SECRET,
    Item,
    items_of,
    parse_documents,
    read_files,
    refuse_duplicates,
    refuse_odd_secrets,
    refuse_shapeless,
    secret_texts,
    settled,
)
from .patch import parse_path, patch
from .secret_task import SecretTask
from .url_task import UrlTask
from .wait import Target, Waiter, condition, predicate_for

WAIT_OPTIONS: dict[str, dict[str, Any]] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 600},
    "wait_interval": {"type": "float", "default": 10.0},
}


class ManifestTask(KubeTask):
    """Objects as declared: applied, or absent."""

    name = "kubernetes_manifest"
    constraints: Mapping[str, Any] = {
        "required_one_of": [*CLUSTER_CONSTRAINTS["required_one_of"], ("definition", "src", "chart")],
        "mutually_exclusive": CLUSTER_CONSTRAINTS["mutually_exclusive"],
        "required_if": [("prune", True, ("owner",))],
    }

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            **WAIT_OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "definition": {"type": "raw"},
            "src": {"type": "path"},
            "chart": {
                "type": "dict",
                "options": {
                    "path": {"type": "str", "required": True},
                    "repo": {"type": "str"},
                    "version": {"type": "str"},
                    "release": {"type": "str", "required": True},
                    "values": {"type": "dict"},
                    "crds": {"type": "bool", "default": True},
                    "kube_version": {"type": "str"},
                    "api_versions": {"type": "list", "elements": "str"},
                },
            },
            "helm_path": {"type": "path"},
            "namespace": {"type": "str"},
            "patches": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "kind": {"type": "str"},
                    "name": {"type": "str"},
                    "namespace": {"type": "str"},
                    "remove": {"type": "list", "elements": "str"},
                    "set": {"type": "dict"},
                },
            },
            "virtual_nodes": {"type": "bool", "default": False},
            "owner": {"type": "str"},
            "prune": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": True},
            "allow_replace": {"type": "bool", "default": False},
            "wait_conditions": {"type": "dict"},
            "create_namespaces": {"type": "bool", "default": False},
            "delete_finished_pods": {"type": "bool", "default": False},
            "restart_on_change": {"type": "bool", "default": False},
        }

    def perform(self, params: Document, context: Context) -> Document:
        began = time.monotonic()
        options = _options(params, context)
        # A chart is rendered for the cluster it goes to; all else is looked at before the cluster is.
        client = client_for(params, context) if params.get("chart") else None
        items = self._items(params, client, context.warn)
        context.secrets |= secret_texts(items)
        refuse_duplicates(items)
        if not items:
            _tell_of_nothing(params, context)
        absent = params.get("state") == "absent"
        if not absent:
            refuse_odd_secrets(items, holds_unknown)
        if params.get("virtual_nodes") and not absent:
            problems = lint([item.manifest for item in items])
            if problems:
                lines = "\n".join(f"  {problem}" for problem in problems)
                raise KubeError(f"virtual nodes cannot run this; nothing was changed:\n{lines}")
        if not params.get("chart"):
            client = client_for(params, context)
        if params.get("restart_on_change") and not absent:
            _mark_contents(items, client, params.get("namespace"))
        report, warn = (_scrubbed(tell, context) for tell in (context.report, context.warn))
        applier = Applier(client, options, report, warn, holds_unknown, context.stop.wait)
        changes = applier.absent(items) if absent else applier.present(items)
        result = _result(changes, began)
        if not absent:
            result["addresses"] = _addresses(changes)
            result["ready"] = applier.ready(changes)
            if applier.held:
                result["msg"] = f"not waited for: {'; '.join(applier.held)}"
        return result

    def _items(self, params: Document, client: Client | None, warn: Callable[[str], None]) -> list[Item]:
        """What is declared, wherever from, patched."""
        items: list[Item] = []
        if params.get("definition"):
            items += items_of(_documents(params["definition"]), "definition")
        if params.get("src"):
            items += read_files(Path(params["src"]).expanduser())
        if params.get("chart"):
            chart = {name: value for name, value in params["chart"].items() if value is not None}
            for name in ("path", "release"):
                if not chart.get(name):
                    raise KubeError(f"chart.{name} is required")
            version, api_versions = client.capabilities() if client else (None, [])
            wanted = Chart(
                path=chart["path"],
                release=chart["release"],
                namespace=params.get("namespace") or "default",
                repo=chart.get("repo"),
                version=chart.get("version"),
                values=chart.get("values") or {},
                crds=chart.get("crds", True),
                kube_version=chart.get("kube_version") or version,
                api_versions=(*api_versions, *(chart.get("api_versions") or ())),
            )
            items += render(wanted, find_helm(params.get("helm_path")), warn)
        patches = params.get("patches") or []
        for row in patches:
            for path in [*(row.get("remove") or ()), *(row.get("set") or {})]:
                parse_path(path)
        patch(items, patches)
        refuse_shapeless(items)
        return items


def _tell_of_nothing(params: Mapping[str, Any], context: Context) -> None:
    """What a set without objects means, where it may not be meant."""
    if params.get("prune") and params.get("state") == "absent":
        return
    if params.get("prune"):
        context.warn(
            f"no object is declared, so prune removes everything that was applied under owner {params.get('owner')}"
        )
    else:
        context.warn("no object is declared (definition, src or chart is empty), so nothing is done")


def _scrubbed(tell: Callable[[str], None], context: Context) -> Callable[[str], None]:
    """Lines and warnings without what the task learnt that must not be shown."""
    return lambda text: tell(scrub(text, context.secrets))


def _documents(definition: Any) -> list[Any]:
    """A definition as given: a dict, YAML text (a rendered template), or a list of these."""
    found: list[Any] = []
    for row in definition if isinstance(definition, list) else [definition]:
        found += parse_documents(row, "definition") if isinstance(row, str) else [row]
    return found


def _mark_contents(items: Sequence[Item], client: Client | None, namespace: str | None) -> None:
    def version(kind: str, where: str | None, name: str) -> str | None:
        """Not a hash of a Secret's values: the mark can be read by people who may not read the Secret."""
        place = where or namespace or (client.connection.namespace if client else None)
        if client is None or is_unknown(name) or is_unknown(place):
            return None
        live = client.get(client.resource("v1", kind), place, name)
        return str(live["metadata"]["resourceVersion"]) if live else None

    restart_marks.mark(items, version, lambda kind, name: placeholder(kind, name, "contents"))


_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_CONDITION = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?(=[A-Za-z]+)?")


def _conditions(wanted: Any, path: str) -> list[str]:
    """Conditions as given, one or a list; KubeError where they are not conditions."""
    rows = wanted if isinstance(wanted, list) and wanted else [wanted]
    bad = [row for row in rows if not isinstance(row, str) or not _CONDITION.fullmatch(row)]
    if bad:
        raise KubeError(f"{path}: {bad[0]!r} is not a condition: a name (Ready), or a name and a value (Ready=False)")
    return rows


def _options(params: Mapping[str, Any], context: Context) -> Options:
    conditions = {}
    for kind, wanted in (params.get("wait_conditions") or {}).items():
        conditions[str(kind)] = _conditions(wanted, f"wait_conditions.{kind}")
    if (name := params.get("namespace")) and not is_unknown(name) and not _NAMESPACE.fullmatch(name):
        raise KubeError(
            f"namespace: {name!r} is not a name of a namespace: lower case letters, digits and - between them"
        )
    if (owner := params.get("owner")) and not is_unknown(owner) and not _LABEL.fullmatch(owner):
        raise KubeError(
            f"owner: {owner!r} is not a value of a label: at most 63 letters, digits, and - _ . between them"
        )
    return Options(
        namespace=params.get("namespace"),
        owner=params.get("owner"),
        prune=bool(params.get("prune")),
        force=bool(params.get("force", True)),
        allow_replace=bool(params.get("allow_replace")),
        check_mode=context.check_mode,
        wait=bool(params.get("wait", True)),
        timeout=_number(params.get("wait_timeout"), 600.0),
        interval=_number(params.get("wait_interval"), 10.0),
        conditions=conditions,
        create_namespaces=bool(params.get("create_namespaces")),
        delete_finished_pods=bool(params.get("delete_finished_pods")),
    )


def _number(value: Any, default: float) -> float:
    return default if value is None or is_unknown(value) else float(value)


def _result(changes: Sequence[Change], began: float) -> Document:
    changed = [change for change in changes if change.action != "none"]
    result: Document = {
        "changed": bool(changed),
        "objects": [change.summary() for change in changes],
    }
    if changed:
        before, after = diff_of(changes)
        result["diff"] = {"before_header": "cluster", "after_header": "cluster", "before": before, "after": after}
        result["changes"] = [{"name": str(c.key), "change": VERBS[c.action]} for c in changed]
        result["duration"] = round(time.monotonic() - began, 1)
    return result


def _addresses(changes: Sequence[Change]) -> list[str]:
    """Of the Services of type LoadBalancer, in the declaration's order; a placeholder for one that is planned."""
    found: list[str] = []
    for change in changes:
        manifest = change.item.manifest if change.item else change.live or {}
        if change.key.kind != "Service" or (manifest.get("spec") or {}).get("type") != "LoadBalancer":
            continue
        rows = (((change.live or {}).get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
        known = [row.get("ip") or row.get("hostname") for row in rows]
        found += known or [placeholder("Service", change.key.name, "address")]
    return found


class InfoTask(KubeTask):
    """Objects as they are."""

    name = "kubernetes_info"
    constraints: Mapping[str, Any] = CLUSTER_CONSTRAINTS

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            "api_version": {"type": "str", "default": "v1"},
            "kind": {"type": "str", "required": True},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "label_selector": {"type": "str"},
            "field_selector": {"type": "str"},
        }

    def perform(self, params: Document, context: Context) -> Document:
        client = client_for(params, context)
        found = self._find(client, params) if client else []
        return {"changed": False, "resources": [_shown(row) for row in found]}

    def _find(self, client: Client, params: Document) -> list[Mapping[str, Any]]:
        resource = client.resource(params.get("api_version") or "v1", params["kind"])
        if params.get("name"):
            namespace = (params.get("namespace") or client.connection.namespace) if resource.namespaced else None
            row = client.get(resource, namespace, params["name"])
            return [row] if row else []
        return [
            *client.list(
                resource,
                params.get("namespace"),
                params.get("label_selector") or "",
                params.get("field_selector") or "",
            )
        ]


def _shown(live: Mapping[str, Any]) -> dict[str, Any]:
    """An object for a result: without the managers' bookkeeping, without a Secret's values."""
    shown = settled(live)
    for name in ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"):
        if name in live["metadata"]:
            shown["metadata"][name] = live["metadata"][name]
    if "status" in live:
        shown["status"] = live["status"]
    if live.get("kind") == "Secret":
        for section in ("data", "stringData"):
            if section in shown:
                shown[section] = dict.fromkeys(shown[section], SECRET)
    return shown


class WaitTask(KubeTask):
    """One object, or those a selector finds, until they are ready or gone."""

    name = "kubernetes_wait"
    constraints: Mapping[str, Any] = {
        **CLUSTER_CONSTRAINTS,
        "required_one_of": [*CLUSTER_CONSTRAINTS["required_one_of"], ("name", "label_selector")],
    }

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            "api_version": {"type": "str", "default": "v1"},
            "kind": {"type": "str", "required": True},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "label_selector": {"type": "str"},
            "state": {"type": "str", "choices": ["ready", "absent"], "default": "ready"},
            "conditions": {"type": "list", "elements": "str"},
            "wait_timeout": {"type": "int", "default": 600},
            "wait_interval": {"type": "float", "default": 10.0},
        }

    def perform(self, params: Document, context: Context) -> Document:
        began = time.monotonic()
        if context.check_mode:
            return {"changed": False, "resources": [], "duration": 0.0}
        client = client_for(params, context)
        if client is None:
            raise KubeError("the cluster is not there")
        api_version, kind = params.get("api_version") or "v1", params["kind"]
        wanted = params.get("conditions")
        predicate = predicate_for(api_version, kind, _conditions(wanted, "conditions") if wanted else ())
        absent = params.get("state") == "absent"
        if predicate is None and not absent:
            raise KubeError(f"what ready means for {kind} of {api_version} is not known here: set conditions")
        resource = client.resource(api_version, kind)
        namespace = (params.get("namespace") or client.connection.namespace) if resource.namespaced else None
        names = [params["name"]] if params.get("name") else []
        if not names:
            rows = client.list(resource, namespace, params["label_selector"])
            names = [row["metadata"]["name"] for row in rows]
            if not names and not absent:
                raise KubeError(f"no {kind} in {namespace} has the labels {params['label_selector']}")
        targets = [Target(resource, namespace, name, predicate or condition("Ready")) for name in names]
        waiter = Waiter(
            client,
            context.report,
            _number(params.get("wait_timeout"), 600.0),
            _number(params.get("wait_interval"), 10.0),
            context.stop.wait,
            consumers_come=True,
        )
        found: Sequence[Mapping[str, Any]] = []
        if absent:
            waiter.gone(targets)
        else:
            found = waiter.ready(targets)
            if held := [f"{target}: {target.held}" for target in targets if target.held]:
                raise KubeError(f"cannot become ready while it is so: {'; '.join(held)}")
        duration = round(time.monotonic() - began, 1)
        return {"changed": False, "resources": [_shown(row) for row in found], "duration": duration}


TASKS = (ManifestTask(), SecretTask(), KubeconfigTask(), InfoTask(), WaitTask(), UrlTask())
