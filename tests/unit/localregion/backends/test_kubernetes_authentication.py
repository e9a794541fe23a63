# SPDX-License-Identifier: GPL-3.0-or-later
"""OKE's tokens and workload identity's exchange, with real signatures of the SDK."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import oci
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from localregion import settings as names
from localregion.access.policies import Principal
from localregion.access.signatures import Authenticator, Tokens, fingerprint
from localregion.backends import kubernetes_authentication
from localregion.backends.cluster_objects import MANAGERS_GROUP
from localregion.host.pki import key_pem, new_key, public_key_pem
from tests.unit.localregion.support import of_an_unknown_curve

CLUSTER = "ocid1.cluster.oc1.local-1.aaaaexample"
HOST = f"containerengine.{names.REGION}.oraclecloud.com"
KEY = new_key("rsa")
OTHER = new_key("rsa")
USER = Principal("user", "ocid1.user.oc1..someone", frozenset({"ocid1.group.oc1..readers", "readers"}))
assert isinstance(KEY, rsa.RSAPrivateKey)
KEY_ID = fingerprint(KEY.public_key())
TOKENS = Tokens(None)


def lookup(tenancy: str, user: str, key: str) -> tuple[Principal, rsa.RSAPublicKey] | None:
    assert isinstance(KEY, rsa.RSAPrivateKey)
    found = (tenancy, user, key) == (names.TENANCY_ID, USER.id, KEY_ID)
    return (USER, KEY.public_key()) if found else None


AUTHENTICATOR = Authenticator(lookup, TOKENS)


def token(*, cluster: str = CLUSTER, host: str = HOST, key: Any = KEY, date: float | None = None, **extra: str) -> str:
    signer = oci.signer.Signer(
        names.TENANCY_ID, USER.id, KEY_ID, private_key_file_location=None, private_key_content=key_pem(key).decode()
    )
    request = httpx.Request("GET", f"https://{host}/cluster_request/{cluster}")
    headers = {"date": email.utils.formatdate(date or time.time(), usegmt=True), "host": host}
    signed: Mapping[str, str] = signer._basic_signer.sign(headers, host=host, method="GET", path=request.url.path)
    query = urlencode({"authorization": signed["authorization"], "date": headers["date"], **extra})
    return base64.urlsafe_b64encode(f"{request.url}?{query}".encode()).decode()


def test_a_good_token_is_the_user() -> None:
    assert kubernetes_authentication.read_token(token(), CLUSTER, AUTHENTICATOR) == USER
    assert kubernetes_authentication.read_token(token().rstrip("="), CLUSTER, AUTHENTICATOR) == USER


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (lambda: "eyJhbGciOi.x.y", "not an OKE token"),
        (lambda: base64.b64encode(b"https://x/y").decode(), "not an OKE token"),
        (lambda: token(cluster="ocid1.cluster.oc1.local-1.other"), "the token is for /cluster_request"),
        (lambda: token(host="containerengine.eu-frankfurt-1.oraclecloud.com"), "the token is for containerengine"),
        (lambda: token(host="identity.local-1.oraclecloud.com"), "the token is for identity"),
        (lambda: token(key=OTHER), "signature does not fit"),
        (lambda: token(date=time.time() - 250), "s old"),
        (lambda: token(date=time.time() + 3600), "five minutes"),
    ],
)
def test_bad_tokens(text: Any, match: str) -> None:
    with pytest.raises(kubernetes_authentication.TokenRefused, match=match):
        kubernetes_authentication.read_token(text(), CLUSTER, AUTHENTICATOR)


def test_a_token_moved_to_another_cluster_is_refused() -> None:
    url = base64.urlsafe_b64decode(token()).decode().replace(CLUSTER, "ocid1.cluster.oc1.local-1.other")
    moved = base64.urlsafe_b64encode(url.encode()).decode()
    with pytest.raises(kubernetes_authentication.TokenRefused, match="signature does not fit"):
        kubernetes_authentication.read_token(moved, "ocid1.cluster.oc1.local-1.other", AUTHENTICATOR)


def ask(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.request(method, path, **options)

    return asyncio.run(call())


@pytest.mark.parametrize("manages", [True, False])
def test_the_webhook_answers_with_user_and_groups(manages: bool) -> None:
    app = kubernetes_authentication.authentication_app(CLUSTER, AUTHENTICATOR, lambda principal: manages)
    answer = ask(app, "POST", "/authenticate", json={"kind": "TokenReview", "spec": {"token": token()}}).json()
    assert answer["apiVersion"] == "authentication.k8s.io/v1"
    user = answer["status"]["user"]
    assert answer["status"]["authenticated"] is True
    assert user["username"] == USER.id
    # Names of groups are not theirs for ever; RBAC gets OCIDs.
    assert user["groups"] == ["ocid1.group.oc1..readers"] + ([MANAGERS_GROUP] if manages else [])


def test_the_webhook_refuses_without_a_reason() -> None:
    app = kubernetes_authentication.authentication_app(CLUSTER, AUTHENTICATOR, lambda principal: True)
    answer = ask(app, "POST", "/authenticate", json={"spec": {"token": token(key=OTHER)}}).json()
    assert answer["status"] == {"authenticated": False, "error": "the token is not good"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b'{"spec": 5}', b"[" * 100_000])
def test_the_webhook_refuses_what_is_no_review(content: bytes) -> None:
    app = kubernetes_authentication.authentication_app(CLUSTER, AUTHENTICATOR, lambda principal: True)
    assert ask(app, "POST", "/authenticate", content=content).status_code == 400


class Kube:
    """An API server that knows one token."""

    def __init__(self, user: str = "system:serviceaccount:apps:reader") -> None:
        self.user = user

    async def call(self, method: str, path: str, body: Any) -> Any:
        assert (method, path) == ("POST", "/apis/authentication.k8s.io/v1/tokenreviews")
        if body["spec"]["token"] != "good":
            return {"status": {"error": "invalid"}}
        return {"status": {"authenticated": True, "user": {"username": self.user}}}


def exchange(*, bearer: str = "good", body: Any = None, kube: Any = None, enhanced: bool = True) -> httpx.Response:
    api: Any = kube or Kube()
    app = kubernetes_authentication.workload_app(
        CLUSTER, lambda: "ocid1.compartment.oc1..c", lambda: api, TOKENS, lambda: enhanced
    )
    # As the SDKs send it: the PEM's body alone.
    session = "".join(public_key_pem(OTHER).decode().splitlines()[1:-1])
    return ask(
        app, "POST", "/resourcePrincipalSessionTokens",
        headers={"Authorization": f"Bearer {bearer}"}, json={"podKey": session} if body is None else body,
    )  # fmt: skip


def test_a_service_accounts_token_becomes_a_session_of_its_workload() -> None:
    answer = exchange()
    assert answer.status_code == 200
    held = json.loads(base64.b64decode(answer.json()))
    assert held["token"].startswith("ST$")
    claims = json.loads(base64.urlsafe_b64decode(held["token"].split(".")[1] + "=="))
    assert claims["res_tenant"] == names.TENANCY_ID
    assert claims["exp"] > time.time() + 60
    principal, key, _ = TOKENS.read(held["token"][3:])
    assert principal.type == "workload"
    assert principal.variables["request.principal.cluster_id"] == CLUSTER
    assert principal.variables["request.principal.namespace"] == "apps"
    assert principal.variables["request.principal.service_account"] == "reader"
    assert isinstance(OTHER, rsa.RSAPrivateKey)
    assert key.public_numbers() == OTHER.public_key().public_numbers()


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"bearer": "bad"}, 401),
        ({"bearer": ""}, 401),
        ({"kube": Kube("ocid1.user.oc1..someone")}, 401),
        ({"body": {}}, 400),
        ({"body": {"podKey": "no key"}}, 400),
        ({"body": {"podKey": of_an_unknown_curve("PUBLIC")}}, 400),
        ({"enhanced": False}, 403),
    ],
)
def test_exchanges_that_are_refused(options: dict[str, Any], status: int) -> None:
    assert exchange(**options).status_code == status
