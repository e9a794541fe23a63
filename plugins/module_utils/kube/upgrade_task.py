# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What blocks an upgrade to another version of Kubernetes, reported before the first change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, KubeError, TaskError
from ansible_collections.okestack.oci.plugins.module_utils.findings import BROKEN, OK, UNKNOWN, Finding, report_findings
from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import (
    addon_options,
    newest,
    release,
    series,
)

from .base_task import KubeTask
from .client import Client
from .connect import CLUSTER_CONSTRAINTS, CLUSTER_OPTIONS, client_for

METRIC = "apiserver_requested_deprecated_apis"
"""A metric of the API server since it started: each deprecated version that was asked for, and its last release."""


# --- pure --------------------------------------------------------------------------------------------------------


def chosen(now: str, wanted: str, offered: Sequence[str]) -> str:
    """The version that is meant: a series is the newest of it, no word the newest that can be had from here."""
    if wanted and not series(wanted):
        return wanted
    if wanted and release(now)[:2] == release(wanted):
        return now
    return newest(offered, wanted or None) or wanted or now


def way(now: str, version: str, offered: Sequence[str]) -> Iterator[Finding]:
    """Whether one step leads from a version to another."""
    hop, here, there = "version", release(now), release(version)
    newer = sorted((v for v in offered if release(v) > here), key=release)
    if there == here:
        yield Finding(hop, OK, f"the control plane has {now} already")
    elif there < here:
        yield Finding(
            hop, BROKEN, f"{version} is older than {now}: a control plane never goes back", "name a newer one"
        )
    elif there[:1] != here[:1] or there[1] - here[1] > 1:
        first = max((v for v in newer if release(v)[1] - here[1] <= 1), key=release, default="the next minor release")
        yield Finding(hop, BROKEN, f"from {now} to {version} minor releases are skipped", f"upgrade to {first} first")
    elif version not in offered:
        todo = f"name one of {', '.join(newer)}" if newer else "wait until the service offers a newer one"
        yield Finding(hop, BROKEN, f"{version} is not offered for a cluster of {now}", todo)
    else:
        yield Finding(hop, OK, f"{now} to {version}")


def requested(metrics: str) -> list[dict[str, str]]:
    """The deprecated API versions that were asked for, of the API server's metrics."""
    found = []
    for line in metrics.splitlines():
        match = re.match(rf"{METRIC}\{{(.*)\}} 1(?:\.0)?\s*$", line)
        if match:
            found.append(dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1])))
    return found


def deprecated(rows: Iterable[Mapping[str, str]], version: str) -> Iterator[Finding]:
    """Those that the version has no more, and those that later ones will not have."""
    hop, gone = "deprecated APIs", 0
    for row in sorted(rows, key=lambda r: (r.get("removed_release", ""), r.get("group", ""), r.get("resource", ""))):
        api = "/".join(part for part in (row.get("group"), row.get("version")) if part)
        last = row.get("removed_release") or ""
        used = f"{row.get('resource')} of {api}"
        if last and release(last)[:2] <= release(version)[:2]:
            gone += 1
            todo = "find who asks for it (the API server's audit log, manifests, charts) and move it to a newer version"
            yield Finding(hop, BROKEN, f"{used} is in use, and {version} does not have it ({last} dropped it)", todo)
        else:
            yield Finding(hop, OK, f"{used} is in use and deprecated{f', until {last}' if last else ''}: not yet gone")
    if not gone:
        yield Finding(hop, OK, f"none is in use that {version} lacks, as far as the API server saw since it started")


def budgets(rows: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """PodDisruptionBudgets that allow nothing: no node under their pods can be emptied."""
    hop, closed, count = "disruption budgets", 0, 0
    for row in rows:
        count += 1
        status = row.get("status") or {}
        name = f"{row['metadata'].get('namespace')}/{row['metadata']['name']}"
        if status.get("expectedPods") and not status.get("disruptionsAllowed"):
            closed += 1
            serving = f"{status.get('currentHealthy', 0)} of {status['expectedPods']} pods serve"
            todo = "have another pod of it, mend those that do not serve, or let the budget allow one less"
            yield Finding(hop, BROKEN, f"{name} allows no pod to be moved ({serving})", todo)
    if not closed:
        yield Finding(hop, OK, f"{count} allow pods to be moved")


def pinned(
    addons: Iterable[Mapping[str, Any]], options: Mapping[str, Sequence[str]], version: str
) -> Iterator[Finding]:
    """Declared versions of add-ons that the version of Kubernetes does not take."""
    for addon in addons:
        name, wanted = str(addon["name"]), addon.get("version")
        if name not in options:
            yield Finding("add-ons", BROKEN, f"{name} is not offered for {version}", "leave it out, or see the console")
        elif wanted and wanted not in options[name]:
            todo = f"name one of {', '.join(options[name])}, or none: the service then keeps it up to date"
            yield Finding("add-ons", BROKEN, f"{name} {wanted} is not offered for {version}", todo)
        else:
            yield Finding("add-ons", OK, f"{name} {wanted or 'in a version of the service'} goes with {version}")


# --- the task ----------------------------------------------------------------------------------------------------


class SiteUpgrade(KubeTask):
    """Reads what an upgrade needs, and reports all that blocks it."""

    name = "site_upgrade"
    constraints: Mapping[str, Any] = CLUSTER_CONSTRAINTS

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            "current_version": {"type": "str", "required": True},
            "offered_versions": {"type": "list", "elements": "str", "required": True},
            "version": {"type": "str"},
            "addons": {"type": "list", "elements": "dict", "default": []},
            "accept_unseen": {"type": "bool", "default": False},
        }

    def perform(self, params: Document, context: Context) -> Document:
        """``version`` (that is meant) with ``findings``, ``broken``, ``table`` as site_findings has them."""
        now, offered = params["current_version"], params["offered_versions"]
        given = [("current_version", now), *((f"offered_versions[{n}]", one) for n, one in enumerate(offered))]
        if params.get("version"):
            given.append(("version", params["version"]))
        if wrong := [f"{path}: {text!r}" for path, text in given if len(release(text)) < 2]:
            raise KubeError(f"{', '.join(wrong)}: is not a version of Kubernetes, like v1.36.1 or v1.36")
        version = chosen(now, params.get("version") or "", offered)
        findings = [*way(now, version, offered)]
        if release(version) > release(now):
            findings += self._addons(params["addons"], version, context.session)
            findings += self._cluster(params, version, context)
        return {**report_findings(findings, context), "version": version}

    def _addons(self, addons: list[Document], version: str, session: Session) -> Iterator[Finding]:
        if not addons:
            return
        try:
            options = addon_options(session, version)
        except CloudError as error:
            yield Finding("add-ons", UNKNOWN, f"what is offered for {version} is not known: {error}")
            return
        yield from pinned(addons, options, version)

    def _cluster(self, params: Document, version: str, context: Context) -> Iterator[Finding]:
        try:
            client = client_for(params, context)
            if client is None:
                raise KubeError("the cluster is only planned")
            yield from deprecated(requested(client.text("/metrics")), version)
            yield from budgets(_budgets(client))
        except TaskError as error:
            what = f"the Kubernetes API does not tell what is in use: {error}"
            todo = "see to the way to it (playbooks/verify.yml), or accept that: -e upgrade_accept_unseen=true"
            status = UNKNOWN if params["accept_unseen"] else BROKEN
            yield Finding("deprecated APIs", status, what, "" if status == UNKNOWN else todo)


def _budgets(client: Client) -> Iterable[Mapping[str, Any]]:
    return client.list(client.resource("policy/v1", "PodDisruptionBudget"), None, "", "")


TASKS: tuple[Task, ...] = (SiteUpgrade(),)
