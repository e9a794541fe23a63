# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls a cluster's API, and who its workloads are to Oracle Cloud: the two doors between Kubernetes and IAM.

* kube-apiserver asks a webhook about bearer tokens it does not know. OKE's token is the base64 of a URL: a signed
  `GET https://containerengine.<region>.../cluster_request/<cluster id>` whose headers `authorization` and `date` became
  query parameters; it is good for four minutes.
* A pod exchanges the token of its service account for a session token of the region at port 12250 of the endpoint.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import json
import logging
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localregion import settings as names
from localregion.access import signatures
from localregion.access.policies import Principal, workload
from localregion.backends.cluster_objects import MANAGERS_GROUP
from localregion.core import bodies
from localregion.core.errors import ServiceError
from localregion.host.http_server import limited, make_server
from localregion.host.kubernetes_client import KubeClient, KubeError
from localregion.host.pki import Leaf

log = logging.getLogger(__name__)

TOKEN_SECONDS = 240
"""How long OKE's token is good."""
SESSION_SECONDS = 3600
_HOSTS = tuple(
    f"containerengine.{names.REGION}.{domain}"
    for domain in ("oraclecloud.com", "oci.oraclecloud.com", names.REALM_DOMAIN, f"oci.{names.REALM_DOMAIN}")
)


class Server:
    """An application served on a listening socket, in the daemon's loop."""

    def __init__(self, app: Starlette, listener: socket.socket, leaf: Leaf | None = None) -> None:
        self._server = make_server(limited(app), tls=(str(leaf.certificate), str(leaf.key)) if leaf else None)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._listener]))

    async def stop(self) -> None:
        """Stop serving and close the socket."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._listener.close()


class TokenRefused(Exception):
    """The token is not one, or not good; the text is for the region's log."""


def read_token(token: str, cluster_id: str, authenticator: signatures.Authenticator) -> Principal:
    """The user of an OKE token. Raises TokenRefused."""
    try:
        url = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
        query = parse_qs(url.query, strict_parsing=True)
        authorization, date = query["authorization"][0], query["date"][0]
    except (ValueError, KeyError) as error:
        raise TokenRefused("not an OKE token") from error
    if url.scheme != "https" or url.netloc not in _HOSTS:
        raise TokenRefused(f"the token is for {url.netloc}")
    if url.path != f"/cluster_request/{cluster_id}":
        raise TokenRefused(f"the token is for {url.path}")
    try:
        age = time.time() - email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError) as error:
        raise TokenRefused("the token has no readable date") from error
    if age > TOKEN_SECONDS:
        raise TokenRefused(f"the token is {age:.0f} s old")
    headers = {"host": url.netloc, "date": date, "authorization": authorization}
    try:
        return authenticator.authenticate(signatures.Request("GET", url.path, headers, b""))
    except ServiceError as error:
        raise TokenRefused(getattr(error, "reason", str(error))) from error


def authentication_app(
    cluster_id: str, authenticator: signatures.Authenticator, manages: Callable[[Principal], bool]
) -> Starlette:
    """The webhook: TokenReview in, TokenReview out. `manages` says whether a policy lets a user manage the cluster."""

    def review(token: str) -> dict[str, Any]:
        try:
            principal = read_token(token, cluster_id, authenticator)
        except TokenRefused as error:
            # Service accounts' tokens that the API server itself refused come here too.
            log.debug("token refused by %s: %s", cluster_id, error)
            return {"authenticated": False, "error": "the token is not good"}
        groups = sorted(group for group in principal.groups if group.startswith("ocid1."))
        if manages(principal):
            groups.append(MANAGERS_GROUP)
        return {"authenticated": True, "user": {"username": principal.id, "uid": principal.id, "groups": groups}}

    async def authenticate(request: Request) -> Response:
        try:
            token = str(bodies.parse(await request.body())["spec"]["token"])
        except (ServiceError, KeyError, TypeError):
            return JSONResponse({"message": "The body is not a TokenReview."}, 400)
        status = review(token)
        return JSONResponse({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status})

    return Starlette(routes=[Route("/authenticate", authenticate, methods=["POST"])])


_SERVICE_ACCOUNT = "system:serviceaccount:"


def workload_app(
    cluster_id: str,
    compartment: Callable[[], str],
    kube: Callable[[], KubeClient],
    tokens: signatures.Tokens,
    enhanced: Callable[[], bool],
) -> Starlette:
    """Port 12250: `POST /resourcePrincipalSessionTokens` with a service account's token and the session's public key.

    The API server judges the token (its audience `api` or the cluster's own, its pod and its service account still
    there). Answers as OKE does: a JSON string, the base64 of `{"token": "ST$<jwt>"}`.
    """

    def refuse(status: int, message: str) -> Response:
        codes = {400: "InvalidParameter", 401: "NotAuthenticated", 403: "NotAuthorized"}
        return JSONResponse({"code": codes.get(status, "InternalServerError"), "message": message}, status)

    async def exchange(request: Request) -> Response:
        if not enhanced():
            return refuse(403, "Workload identity is a feature of enhanced clusters.")
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not bearer:
            return refuse(401, "A bearer token of a service account is required.")
        try:
            body = bodies.parse(await request.body())
            pod_key = body["podKey"]
            signatures.load_public_key(signatures.as_pem(pod_key))
        except (ServiceError, ValueError, KeyError, TypeError, AttributeError):
            return refuse(400, "podKey must be the session's public key.")
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": bearer.strip()}}
        try:
            status = (await kube().call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review))["status"]
        except (KubeError, httpx.HTTPError) as error:
            log.warning("no answer of %s to a token review: %s", cluster_id, error)
            return refuse(503, "The cluster does not answer.")
        user = status.get("user", {}).get("username", "")
        if not status.get("authenticated") or not user.startswith(_SERVICE_ACCOUNT):
            return refuse(401, "The token is not one of a service account of this cluster.")
        namespace, _, name = user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        principal = workload(
            cluster_id=cluster_id, namespace=namespace, service_account=name, compartment_id=compartment()
        )
        token = tokens.issue(principal, signatures.as_pem(pod_key), SESSION_SECONDS)
        answer = json.dumps({"token": f"ST${token}"})
        return JSONResponse(base64.b64encode(answer.encode()).decode())

    return Starlette(routes=[Route("/resourcePrincipalSessionTokens", exchange, methods=["POST"])])


__all__ = ["Server", "TokenRefused", "authentication_app", "read_token", "workload_app"]
