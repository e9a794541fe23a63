# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task behind kubernetes_secret: Secrets whose contents never become an Ansible variable."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, holds_unknown, is_unknown, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.run import Context
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import read_secret

from . import certificates
from .apply import Applier
from .base_task import KubeTask
from .changes import Options, diff_of
from .client import Client
from .connect import CLUSTER_CONSTRAINTS, CLUSTER_OPTIONS, client_for
from .objects import items_of

_CONTENTS = ("registry", "self_signed", "certificate_file")


class SecretTask(KubeTask):
    """A Secret for pulling images, or one with a server's certificate."""

    name = "kubernetes_secret"
    constraints: Mapping[str, Any] = {
        "required_one_of": [*CLUSTER_CONSTRAINTS["required_one_of"]],
        "mutually_exclusive": [*CLUSTER_CONSTRAINTS["mutually_exclusive"], _CONTENTS],
        "required_together": [("certificate_file", "key_file")],
        "required_if": [("state", "present", _CONTENTS, True)],
    }

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **CLUSTER_OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "owner": {"type": "str"},
            "force": {"type": "bool", "default": True},
            "allow_replace": {"type": "bool", "default": False},
            "registry": {
                "type": "dict",
                "options": {
                    "server": {"type": "str", "required": True},
                    "username": {"type": "str", "required": True},
                    # Names of places, not secrets.
                    "auth_token_file": {"type": "path", "no_log": False},
                    "auth_token_secret_id": {"type": "str", "no_log": False},
                },
                "required_one_of": [("auth_token_file", "auth_token_secret_id")],
                "mutually_exclusive": [("auth_token_file", "auth_token_secret_id")],
            },
            "self_signed": {
                "type": "dict",
                "options": {
                    "dns_names": {"type": "list", "elements": "str"},
                    "ip_addresses": {"type": "list", "elements": "str"},
                    "valid_days": {"type": "int", "default": 365},
                    "renew_before_days": {"type": "int", "default": 30},
                },
            },
            "certificate_file": {"type": "path"},
            "key_file": {"type": "path", "no_log": False},
        }

    def perform(self, params: Document, context: Context) -> Document:
        name, namespace = params["name"], params["namespace"]
        manifest: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
        }
        absent = params.get("state") == "absent"
        wanted = None if absent or not params.get("self_signed") else _wanted(params["self_signed"])
        client = client_for(params, context)
        shown: dict[str, Any] = {"name": name, "namespace": namespace}
        if not absent:
            live = self._live(client, name, namespace)
            contents = self._contents(params, context, live, wanted)
            manifest["type"] = "kubernetes.io/dockerconfigjson" if params.get("registry") else "kubernetes.io/tls"
            manifest["data"] = contents
            shown["type"] = manifest["type"]
            shown.update(self._public_parts(name, contents))
        options = Options(
            owner=params.get("owner"),
            force=bool(params.get("force", True)),
            allow_replace=bool(params.get("allow_replace")),
            check_mode=context.check_mode,
            timeout=120.0,
        )
        applier = Applier(client, options, context.report, context.warn, holds_unknown, context.stop.wait)
        items = items_of([manifest], "kubernetes_secret")
        changes = applier.absent(items) if absent else applier.present(items)
        changed = any(change.action != "none" for change in changes)
        result: Document = {"changed": changed, "secret": shown, "objects": [change.summary() for change in changes]}
        if changed:
            before, after = diff_of(changes)
            result["diff"] = {"before_header": "cluster", "after_header": "cluster", "before": before, "after": after}
        return result

    def _live(self, client: Client | None, name: str, namespace: str) -> Mapping[str, Any] | None:
        if client is None or is_unknown(name) or is_unknown(namespace):
            return None
        return client.get(client.resource("v1", "Secret"), namespace, name)

    def _contents(
        self,
        params: Document,
        context: Context,
        live: Mapping[str, Any] | None,
        wanted: certificates.Wanted | None,
    ) -> dict[str, str]:
        """The Secret's data, base64; placeholders where something is only planned."""
        if params.get("registry"):
            return _registry(params["registry"], context)
        if params.get("certificate_file"):
            certificate, key = _read(params["certificate_file"]), _read(params["key_file"])
            if not certificates.matches(certificate, key):
                raise KubeError(f"key_file {params['key_file']} is not the key of {params['certificate_file']}")
        elif wanted is None:
            raise KubeError(f"one of {', '.join(_CONTENTS)} is required")
        else:
            certificate, key = self._self_signed(wanted, live, context)
            if not certificate:
                return {"tls.crt": placeholder("Secret", params["name"], "tls.crt"), "tls.key": key}
        context.secrets.update((key, _encoded(key)))
        return {"tls.crt": _encoded(certificate), "tls.key": _encoded(key)}

    def _self_signed(
        self, wanted: certificates.Wanted, live: Mapping[str, Any] | None, context: Context
    ) -> tuple[str, str]:
        """The certificate that is there while it serves; else a new one (or a placeholder in check mode)."""
        if context.check_mode and any(is_unknown(text) for text in (*wanted.dns_names, *wanted.ip_addresses)):
            return "", placeholder("Secret", "", "tls.key")
        wanted.check()
        now = datetime.datetime.now(datetime.UTC)
        data = (live or {}).get("data") or {}
        certificate, key = _decoded(data.get("tls.crt")), _decoded(data.get("tls.key"))
        if certificate and key:
            reason = certificates.unfit(certificate, key, wanted, now)
            if not reason:
                return certificate, key
            context.report(f"the certificate is recreated: {reason}")
        if context.check_mode:
            return "", placeholder("Secret", "", "tls.key")
        return certificates.make(wanted, now)

    def _public_parts(self, name: str, contents: Mapping[str, str]) -> dict[str, Any]:
        """What of the contents is public."""
        if "tls.crt" not in contents:
            return {}
        if is_unknown(contents["tls.crt"]):
            unknown = {key: placeholder("Secret", name, key) for key in ("certificate", "fingerprint", "not_after")}
            return {**unknown, "names": []}
        certificate = _decoded(contents["tls.crt"])
        return {"certificate": certificate, **certificates.describe(certificate)}


def _wanted(options: Mapping[str, Any]) -> certificates.Wanted:
    days, before = options.get("valid_days"), options.get("renew_before_days")
    return certificates.Wanted(
        tuple(options.get("dns_names") or ()),
        tuple(options.get("ip_addresses") or ()),
        365 if days is None else int(days),
        30 if before is None else int(before),
    )


def _registry(options: Mapping[str, Any], context: Context) -> dict[str, str]:
    if options.get("auth_token_file"):
        token = _read(options["auth_token_file"]).strip()
    elif is_unknown(options.get("auth_token_secret_id")):
        return {".dockerconfigjson": placeholder("Secret", "", ".dockerconfigjson")}
    else:
        token = read_secret(context.session, options["auth_token_secret_id"]).strip()
    if not token:
        raise KubeError("the registry's auth token is empty")
    auth = base64.b64encode(f"{options['username']}:{token}".encode()).decode()
    login = {"username": options["username"], "password": token, "auth": auth}
    text = json.dumps({"auths": {options["server"]: login}}, sort_keys=True)
    context.secrets.update((token, auth, text, _encoded(text)))
    return {".dockerconfigjson": _encoded(text)}


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KubeError(f"{path}: {getattr(error, 'strerror', None) or 'not text'}") from None


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode(text or "").decode()
    except ValueError:
        return ""
