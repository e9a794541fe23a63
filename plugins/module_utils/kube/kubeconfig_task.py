# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task behind kubeconfig: a person's kubeconfig whose tokens are made by a helper of ours (no OCI CLI)."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, holds_unknown
from ansible_collections.okestack.oci.plugins.module_utils.redaction import shown_url
from ansible_collections.okestack.oci.plugins.module_utils.run import Context
from ansible_collections.okestack.oci.plugins.module_utils.signers import PROFILE_TYPES

from . import oke_token
from .base_task import KubeTask
from .config import Connection, load_yaml
from .connect import WAY_CONSTRAINTS, WAY_OPTIONS, access_of, cluster_connection, described
from .objects import SECRET

try:
    import yaml
except ImportError:  # ansible's own requirement; absent only where imports are checked
    yaml = None  # type: ignore[assignment]

_SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}


class KubeconfigTask(KubeTask):
    """One cluster's entries in a kubeconfig; those of other clusters in the same file stay. And the way to the cluster,
    for the tasks that follow."""

    name = "kubeconfig"
    constraints: Mapping[str, Any] = {
        **WAY_CONSTRAINTS,
        "required_if": [("state", "present", ("cluster_id",)), ("state", "absent", ("path",))],
        "required_together": [("path", "context")],
    }

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "path": {"type": "path"},
            "context": {"type": "str"},
            "namespace": {"type": "str"},
            **WAY_OPTIONS,
            "set_current": {"type": "bool"},
            "python": {"type": "path"},
        }

    def look(self, params: Document, session: Session) -> None:
        """Reads what the service says, so that the task itself need not."""
        if params.get("state") != "absent" and not holds_unknown(
            [params["cluster_id"], params.get("cluster_endpoint")]
        ):
            described(session, params)

    def perform(self, params: Document, context: Context) -> Document:
        if params.get("state") == "absent":
            name = params["context"]
            return self._kept(params, context, lambda before: _without(before, name))
        unknown = holds_unknown([params.get("cluster_id"), params.get("cluster_endpoint")])
        connection = None if unknown else cluster_connection(params, context)
        context.secrets |= connection.secrets if connection else set()
        result: Document = {"changed": False, "access": {"cluster_id": params["cluster_id"]}}
        if connection:
            result["access"] = access_of(params["cluster_id"], connection)
            result["server"] = connection.server
        if not params.get("path"):
            return result
        path = Path(params["path"]).expanduser()
        if connection is None:
            planned = {"cluster": params["cluster_id"]}
            diff = {"before": {}, "after": planned, "before_header": str(path), "after_header": str(path)}
            changes = [{"name": f"kubeconfig {path}", "change": "created"}]
            summary = {
                "changed": True,
                "path": str(path),
                "context": params["context"],
                "diff": diff,
                "changes": changes,
            }
            return {**result, **summary}
        user = _user(params, context)
        return {**result, **self._kept(params, context, lambda before: _with(before, params, connection, user))}

    def _kept(self, params: Document, context: Context, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Document:
        """The file read, changed and written, while no other task does the same."""
        path, name = Path(params["path"]).expanduser(), params["context"]
        with _locked(path, context):
            before = _read(path)
            return self._brought(path, name, before, change(before), context)

    def _brought(
        self, path: Path, name: str, before: dict[str, Any], after: dict[str, Any], context: Context
    ) -> Document:
        """The file brought from one document to the other."""
        result: Document = {"path": str(path), "context": name}
        open_to_others = bool(after) and path.exists() and path.stat().st_mode & 0o777 != 0o600
        result["changed"] = after != before or open_to_others
        if result["changed"]:
            result["diff"] = {
                "before_header": str(path),
                "after_header": str(path),
                "before": _entries(before, name),
                "after": _entries(after, name),
            }
            if open_to_others:
                result["diff"]["before"]["mode"] = f"{path.stat().st_mode & 0o777:04o}"
                result["diff"]["after"]["mode"] = "0600"
            verb = "removed" if not after else "changed" if before else "created"
            result["changes"] = [{"name": f"kubeconfig {path}", "change": verb}]
            if not context.check_mode:
                _write(path, after)
        return result


def _user(params: Mapping[str, Any], context: Context) -> dict[str, Any]:
    helper = Path(oke_token.__file__)
    if not helper.is_file():
        raise KubeError("kubeconfig runs on the controller only: its helper lies in the collection there")
    connection = context.session.connection
    # Each option with its value in one word: no value is taken for an option.
    arguments = [str(helper), f"--cluster-id={params['cluster_id']}", f"--region={context.session.region}"]
    if connection.auth_type in PROFILE_TYPES:
        arguments.append(f"--config-file={Path(connection.config_file).expanduser().absolute()}")
        arguments.append(f"--profile={connection.profile}")
    if connection.auth_type != "api_key":
        arguments.append(f"--auth={connection.auth_type}")
    instance = connection.auth_type == "instance_principal"
    if instance and (auth := connection.endpoint("auth", context.session.region)):
        arguments.append(f"--auth-endpoint={auth}")
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": params.get("python") or sys.executable,
            "args": arguments,
            "interactiveMode": "Never",
            "provideClusterInfo": False,
        }
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        document = load_yaml(path.read_text(), str(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KubeError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise KubeError(f"{path}: not text; it is left as it is") from None
    except KubeError as error:
        raise KubeError(f"{error}; it is left as it is") from None
    if document is None:
        return {}
    if not isinstance(document, dict) or document.get("kind", "Config") != "Config" or any(_odd(document)):
        raise KubeError(f"{path}: not a kubeconfig; it is left as it is")
    return document


def _odd(document: Mapping[str, Any]) -> Iterator[bool]:
    for section, part in _SECTIONS.items():
        rows = document.get(section) or []
        yield not isinstance(rows, list) or any(
            not isinstance(row, dict) or not isinstance(row.get(part) or {}, dict) for row in rows
        )


@contextlib.contextmanager
def _locked(path: Path, context: Context) -> Iterator[None]:
    """The file's folder to ourselves, among tasks of this module: a lock on the file would go with what it held."""
    if context.check_mode:
        yield
        return
    try:
        _folder(path).mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(_folder(path), os.O_RDONLY)
    except OSError as error:
        raise KubeError(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _folder(path: Path) -> Path:
    """Where the file itself lies, beyond links."""
    return path.resolve().parent


def _with(
    before: Mapping[str, Any], params: Mapping[str, Any], connection: Connection, user: Mapping[str, Any]
) -> dict[str, Any]:
    name = params["context"]
    cluster: dict[str, Any] = {"server": connection.server}
    if connection.ca:
        cluster["certificate-authority-data"] = base64.b64encode(connection.ca.encode()).decode()
    if connection.tls_server_name:
        cluster["tls-server-name"] = connection.tls_server_name
    if connection.proxy_url:
        cluster["proxy-url"] = connection.proxy_url
    entry = {"cluster": name, "user": name}
    if params.get("namespace"):
        entry["namespace"] = params["namespace"]
    bodies = {"clusters": cluster, "contexts": entry, "users": dict(user)}
    # What a person added to an entry stays, but for another way of proving who they are.
    drop = {"clusters": _OTHER_TRUST if connection.ca else (), "users": _OTHER_PROOFS}
    after: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", **before}
    for section, part in _SECTIONS.items():
        rows = list(before.get(section) or ())
        places = [number for number, row in enumerate(rows) if row.get("name") == name]
        if places:
            there = {
                key: value
                for key, value in (rows[places[0]].get(part) or {}).items()
                if key not in drop.get(section, ())
            }
            rows[places[0]] = {**rows[places[0]], part: _merged(there, bodies[section])}
        else:
            rows.append({"name": name, part: bodies[section]})
        after[section] = rows
    wanted = params.get("set_current")
    if wanted or (wanted is None and not before.get("current-context")):
        after["current-context"] = name
    return after


_OTHER_TRUST = ("certificate-authority", "insecure-skip-tls-verify")
_OTHER_PROOFS = (
    "auth-provider",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "password",
    "token",
    "tokenFile",
    "username",
)


def _merged(there: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**there, **given}
    if isinstance(there.get("exec"), Mapping) and "exec" in given:
        merged["exec"] = {**there["exec"], **given["exec"]}
    return merged


def _without(before: Mapping[str, Any], name: str) -> dict[str, Any]:
    after = dict(before)
    for section in _SECTIONS:
        if section in after:
            after[section] = [row for row in after[section] or () if row.get("name") != name]
    if not any(after.get(section) for section in _SECTIONS):
        return {}
    if after.get("current-context") == name:
        after.pop("current-context")
    return after


def _entries(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The entries of one context, for the diff."""
    shown: dict[str, Any] = {}
    for section, part in _SECTIONS.items():
        for row in document.get(section) or ():
            if row.get("name") == name:
                shown[part] = _shown(part, row.get(part) or {})
    if shown:
        shown["current"] = document.get("current-context") == name
    return shown


def _shown(part: str, body: Mapping[str, Any]) -> Any:
    """An entry without what may be a secret of somebody's."""
    if part == "user":
        helper = body.get("exec")
        if not isinstance(helper, Mapping):
            return SECRET_USER
        helper = {key: SECRET if key == "env" else value for key, value in helper.items()}
        return {key: helper if key == "exec" else SECRET for key in body}
    if isinstance(body.get("proxy-url"), str):
        return {**body, "proxy-url": shown_url(body["proxy-url"])}
    return dict(body)


SECRET_USER = "(a user with a secret of its own)"


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Whole or not at all, readable by its owner only; a document without entries takes the file away."""
    if not document:
        path.unlink(missing_ok=True)
        return
    descriptor, temporary = tempfile.mkstemp(dir=_folder(path), prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yaml.safe_dump(dict(document), stream, sort_keys=False)
        Path(temporary).chmod(0o600)
        Path(temporary).replace(path.resolve())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
