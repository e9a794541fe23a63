# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OKE's tokens: the base64 of a signed request that is never sent, made in this process.

The shape is that of `oci ce cluster generate-token` (PyPI oci-cli, containerengine_cli_extended.py): the URL is
containerengine's in oraclecloud.com whatever endpoint the session uses, its signature and date are query parameters.
The server accepts a token for some minutes after its date.

Run as a program (`python oke_token.py --cluster-id OCID [--profile NAME] ...`) it is the exec helper of the kubeconfigs
that we write, so it must work outside of Ansible: it imports nothing of the collection.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import datetime
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

LIFETIME = datetime.timedelta(minutes=4)
"""How long a token is used before it is replaced (the CLI's number)."""


class Signer(Protocol):
    """What every signer of the `oci` SDK can do."""

    def do_request_sign(self, request: Any) -> Any:
        """Add date, host and authorization to the request's headers."""


class _Request:
    """As much of a prepared request as signers look at."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.method = "GET"
        self.url = url
        self.path_url = parts.path
        self.body = None
        self.headers: dict[str, str] = {}


def make_token(signer: Signer, region: str, cluster_id: str) -> str:
    """A bearer token for the API server of the cluster."""
    url = f"https://containerengine.{region}.oraclecloud.com/cluster_request/{cluster_id}"
    request = _Request(url)
    signer.do_request_sign(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = [("authorization", headers["authorization"]), ("date", headers["date"])]
    delegation = getattr(signer, "delegation_token", None)
    if delegation:
        query.append(("opc-obo-token", delegation))
    signed = url + "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    return base64.urlsafe_b64encode(signed.encode()).decode()


def credential(token: str, api_version: str, now: datetime.datetime) -> dict[str, Any]:
    """The ExecCredential that kubectl and client libraries read."""
    return {
        "apiVersion": api_version,
        "kind": "ExecCredential",
        "status": {"token": token, "expirationTimestamp": (now + LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ")},
    }


def _signer(authentication: str, config_file: str, profile: str, auth_endpoint: str | None) -> tuple[Any, str | None]:
    """The SDK's signer for a way of authentication, and the region that goes with it if that is known."""
    import oci

    if authentication == "instance_principal":
        once = oci.retry.NoneRetryStrategy()  # kubectl waits for us: better to fail soon than after three minutes
        principal = oci.auth.signers.InstancePrincipalsSecurityTokenSigner(
            federation_endpoint=f"{auth_endpoint}/v1/x509" if auth_endpoint else None,
            retry_strategy=once,
            federation_client_retry_strategy=once,
        )
        return principal, principal.region
    if authentication == "resource_principal":
        resource = oci.auth.signers.get_resource_principals_signer()
        return resource, resource.region
    if authentication == "oke_workload_identity":
        workload = oci.auth.signers.get_oke_workload_identity_resource_principal_signer(
            service_account_token_path=os.environ.get("OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH")
        )
        return workload, workload.region
    parser = configparser.ConfigParser(interpolation=None)
    if not parser.read(Path(config_file).expanduser()):
        raise SystemExit(f"cannot read {config_file}")
    if profile != "DEFAULT" and not parser.has_section(profile):
        raise SystemExit(f"{config_file} has no profile {profile}")
    values = dict(parser[profile])
    if authentication == "security_token" or values.get("security_token_file"):
        token = Path(values["security_token_file"]).expanduser().read_text().strip()
        if _has_ended(token):
            raise SystemExit(
                f"the session token of profile {profile} of {config_file} expired: get a new one with "
                f"`oci session authenticate --profile-name {profile}`"
            )
        key = oci.signer.load_private_key_from_file(values["key_file"], values.get("pass_phrase"))
        return oci.auth.signers.SecurityTokenSigner(token, key), values.get("region")
    signer = oci.signer.Signer(
        values["tenancy"],
        values["user"],
        values["fingerprint"],
        private_key_file_location=values["key_file"],
        pass_phrase=values.get("pass_phrase"),
    )
    return signer, values.get("region")


def _has_ended(token: str) -> bool:
    from oci.auth.security_token_container import SecurityTokenContainer

    try:
        return bool(SecurityTokenContainer(None, token).get_jwt()["exp"] <= time.time())
    except Exception:  # whatever is wrong with the token, the API server is to say it
        return False


def main(arguments: list[str] | None = None) -> None:
    """Print an ExecCredential."""
    parser = argparse.ArgumentParser(description="Make a token for a cluster of OKE; kubectl calls this.")
    parser.add_argument("--cluster-id", required=True)
    parser.add_argument("--region", help="default: the profile's")
    parser.add_argument("--config-file", default=os.environ.get("OCI_CLI_CONFIG_FILE", "~/.oci/config"))
    parser.add_argument("--profile", default=os.environ.get("OCI_CLI_PROFILE", "DEFAULT"))
    parser.add_argument(
        "--auth",
        default="config_file",
        choices=["config_file", "security_token", "instance_principal", "resource_principal", "oke_workload_identity"],
    )
    parser.add_argument("--auth-endpoint", help="where an instance gets its session token; default: the region's own")
    options = parser.parse_args(arguments)
    signer, region = _signer(options.auth, options.config_file, options.profile, options.auth_endpoint)
    region = options.region or region
    if not region:
        raise SystemExit("no region: give --region or set it in the profile")
    # kubectl says which version of ExecCredential it wants.
    wanted = json.loads(os.environ.get("KUBERNETES_EXEC_INFO") or "{}")
    version = wanted.get("apiVersion") or "client.authentication.k8s.io/v1"
    token = make_token(signer, region, options.cluster_id)
    json.dump(credential(token, version, datetime.datetime.now(datetime.UTC)), sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
