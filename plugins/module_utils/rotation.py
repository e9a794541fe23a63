# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords in turns: which secret is to be generated again, and of which an earlier turn is to be finished.
All of it is asked of what is there; nothing is kept between runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_model
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import mysql

ROTATE, FINISH, LEAVE = "rotate", "finish", "leave"
MOST_LEAVING = 30
"""Versions of a secret that can be on their way out at once."""
LEAVE_AFTER = timedelta(days=1, hours=1)
"""The service takes no date within a day."""


@dataclass(frozen=True)
class Turn:
    """What is to be done with a secret: generate it again, or finish what was begun. ``why`` is for people."""

    secret: str
    step: str
    why: str


# --- pure: whose turn it is --------------------------------------------------------------------------------------


def turns(
    asked: Sequence[str],
    versions: Mapping[str, Any],
    application: Mapping[str, Any] | None,
    administrator: Mapping[str, Any] | None,
) -> list[Turn]:
    """A turn for each secret that is asked for, by the last parts of their names (``versions``: to the current one).

    ``application``: ``secret``, ``user`` (whose turn the current version is), ``variable`` (that of a pod's environment
    with the user's name) and ``deployments`` (as kubernetes_info returned them). ``administrator``: ``secret``,
    ``secret_id``, ``tag`` (the DB System's own). Raises ResourceError for a secret that is not there.
    """
    unknown = [name for name in asked if name not in versions]
    if unknown:
        raise ResourceError(
            f"secrets: {', '.join(unknown)}: there is no such secret; there are {', '.join(sorted(versions))}"
        )
    found = []
    for name in dict.fromkeys(asked):
        version = versions[name]
        why = f"version {version} is in use everywhere"
        unfinished = ""
        if application and name == application["secret"]:
            unfinished = _of_application(version, application)
        elif administrator and name == administrator["secret"]:
            unfinished = _of_administrator(version, administrator)
        found.append(Turn(name, FINISH if unfinished else ROTATE, unfinished or why))
    if any(turn.step == FINISH for turn in found):
        # The run that was killed may have come to its end with these: nothing new is begun.
        later = "nothing new is begun while another is unfinished; run it again for one"
        found = [turn if turn.step == FINISH else Turn(turn.secret, LEAVE, later) for turn in found]
    return found


def _of_application(version: Any, application: Mapping[str, Any]) -> str:
    """What an earlier turn left undone; empty where nothing."""
    deployments = application.get("deployments") or []
    if not deployments:
        return "the application is not there yet"
    user, signed_in = application["user"], _variable(deployments[0], application["variable"])
    if signed_in != user:
        return f"version {version} is of the user {user}, the application signs in as {signed_in or 'nobody'}"
    return rolling(deployments[0])


def _variable(deployment: Mapping[str, Any], name: str) -> str:
    for container in deployment["spec"]["template"]["spec"].get("containers") or []:
        for row in container.get("env") or []:
            if row.get("name") == name:
                return str(row.get("value") or "")
    return ""


def rolling(deployment: Mapping[str, Any]) -> str:
    """How far the replacement of a Deployment's pods is; empty where all are of its newest template and serve."""
    wanted, status = int(deployment["spec"].get("replicas", 1)), deployment.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(deployment["metadata"].get("generation") or 0):
        return "its pods are about to be replaced"
    new, all_, serving = (int(status.get(k) or 0) for k in ("updatedReplicas", "replicas", "availableReplicas"))
    if new < wanted or all_ > new or serving < wanted:
        return f"its pods are being replaced: {new} of {wanted} are new, {serving} serve"
    return ""


def _of_administrator(version: Any, administrator: Mapping[str, Any]) -> str:
    there = mysql.Administrator.of(administrator.get("tag"))
    if there.secret_id == administrator.get("secret_id") and there.version != str(version):
        return f"the DB System has the password of version {there.version}, {version} is current"
    return ""


def surplus(rows: Sequence[Mapping[str, Any]], keep: int) -> list[int]:
    """The numbers of the versions that are to go, the oldest first: all but the newest ``keep`` of those that stay, but
    none that has a stage (CURRENT, PREVIOUS, PENDING, LATEST), and no more than can be on their way out at once."""
    staying = sorted((r for r in rows if not r.get("time_of_deletion")), key=lambda r: -int(r["version_number"]))
    old = [int(r["version_number"]) for r in staying[keep:] if set(r.get("stages") or ()) <= {"DEPRECATED"}]
    return sorted(old)[: MOST_LEAVING - (len(rows) - len(staying))]


# --- tasks -------------------------------------------------------------------------------------------------------


class SiteRotation:
    """Says whose turn it is; asks nobody."""

    name = "site_rotation"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "secrets": {"type": "list", "elements": "str", "required": True, "no_log": False},
            "versions": {"type": "dict", "required": True},
            "application": {"type": "dict"},
            "administrator": {"type": "dict"},
        }

    def execute(self, params: Document, context: Context) -> Document:
        try:
            found = turns(params["secrets"], params["versions"], params.get("application"), params.get("administrator"))
        except (KeyError, TypeError, AttributeError) as error:
            raise ResourceError(f"application: no result of the task that it is of: {error!r}") from None
        for turn in found:
            word = {FINISH: "finish what was begun", LEAVE: "left alone", ROTATE: "another password"}[turn.step]
            context.report(f"{turn.secret}: {word}: {turn.why}")
        return {
            "changed": False,
            "rotate": [t.secret for t in found if t.step == ROTATE],
            "finish": [t.secret for t in found if t.step == FINISH],
            "turns": [{"secret": t.secret, "step": t.step, "why": t.why} for t in found],
        }


class VaultSecretVersions:
    """Keeps the newest versions of secrets and sets the date of the others' deletion."""

    name = "vault_secret_versions"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "secret_ids": {"type": "list", "elements": "str", "required": True, "no_log": False},
            "keep": {"type": "int", "default": 10},
        }

    def execute(self, params: Document, context: Context) -> Document:
        if params["keep"] < 2:
            raise ResourceError(f"keep: {params['keep']} is less than 2, the current version and the one before")
        session = context.session
        client = session.client("vault.VaultsClient")
        going: list[Document] = []
        for secret_id in dict.fromkeys(params["secret_ids"]):
            if is_unknown(secret_id):
                continue
            rows = session.rows(client, "list_secret_versions", secret_id)
            for number in surplus(rows, params["keep"]):
                going.append({"secret_id": secret_id, "version_number": number})
        for one in [] if context.check_mode else going:
            when = {"time_of_deletion": (datetime.now(UTC) + LEAVE_AFTER).strftime("%Y-%m-%dT%H:%M:%S.000Z")}
            details = to_model("vault", "ScheduleSecretVersionDeletionDetails", when)
            session.call(client, "schedule_secret_version_deletion", one["secret_id"], one["version_number"], details)
        result: Document = {"changed": bool(going), "leaving": going}
        if going:
            named = [{"name": f"version {g['version_number']} of {g['secret_id']}", "change": "removed"} for g in going]
            result["changes"] = named
            result["diff"] = {"before": "\n".join(n["name"] for n in named) + "\n", "after": ""}
        return result


TASKS: tuple[Task, ...] = (SiteRotation(), VaultSecretVersions())
