# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thin client of the Kubernetes API: requests, retries, the place of a kind in the URL. Safe to use from threads.

Over urllib3 alone: the `kubernetes` package costs 0.4 s to import and gives nothing more to someone who sends and
reads plain dicts.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError, UnknownKind, Unreachable
from ansible_collections.okestack.oci.plugins.module_utils.retries import Retry
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT, key_of

from .config import Connection, problems_of

try:
    import urllib3
    from urllib3.exceptions import HTTPError
except ImportError:  # absent only where imports are checked; Client says so
    urllib3 = None  # type: ignore[assignment]
    HTTPError = OSError  # type: ignore[assignment,misc]

T = TypeVar("T")

FIELD_MANAGER = "okestack"
APPLY = "application/apply-patch+yaml"
_API_VERSION = re.compile(r"(?:[a-z0-9][a-z0-9.-]*/)?[a-z0-9]+")
MULTIPLE_CHOICES, NOT_FOUND, GONE = 300, 404, 410
DENIAL_PASSES = 5.0
"""Seconds in which a server that has just started comes to know who may do what."""
SILENCE_LASTS = 2.0
"""Seconds for which a server is asked again that a task of the run has waited for in vain, until it answers."""
SILENT_READ = 5.0
"""Seconds in which such a server has to answer a read: one that took the connection and hangs is given no more."""


@dataclass(frozen=True)
class Resource:
    """Where the objects of a kind are found."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """URL path of one object, or of the collection without a name."""
        for part in (namespace, name):
            if part in (".", ".."):  # a URL would lead elsewhere
                raise KubeError(f"{part!r} is not a name of an object")
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        if self.namespaced and namespace:
            root += f"/namespaces/{quote(namespace, safe='')}"
        root += f"/{self.plural}"
        return f"{root}/{quote(name, safe='')}" if name else root


def _known(api_version: str, namespaced: str, cluster: str = "") -> dict[tuple[str, str], Resource]:
    rows = [(pair, True) for pair in namespaced.split()] + [(pair, False) for pair in cluster.split()]
    table = {}
    for pair, scope in rows:
        kind, _colon, plural = pair.partition(":")
        table[(api_version, kind)] = Resource(api_version, kind, plural or kind.lower() + "s", scope)
    return table


# Kinds that every cluster has: no discovery for them. A test holds this table against a real API server.
WELL_KNOWN: Mapping[tuple[str, str], Resource] = {
    **_known(
        "v1",
        "ConfigMap Endpoints:endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController"
        " ResourceQuota Secret Service ServiceAccount",
        "Namespace Node PersistentVolume",
    ),
    **_known("apps/v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"),
    **_known("batch/v1", "CronJob Job"),
    **_known("autoscaling/v2", "HorizontalPodAutoscaler"),
    **_known("policy/v1", "PodDisruptionBudget"),
    **_known("networking.k8s.io/v1", "Ingress:ingresses NetworkPolicy:networkpolicies", "IngressClass:ingressclasses"),
    **_known("rbac.authorization.k8s.io/v1", "Role RoleBinding", "ClusterRole ClusterRoleBinding"),
    **_known("coordination.k8s.io/v1", "Lease"),
    **_known("discovery.k8s.io/v1", "EndpointSlice"),
    **_known("storage.k8s.io/v1", "", "StorageClass:storageclasses CSIDriver VolumeAttachment"),
    **_known("scheduling.k8s.io/v1", "", "PriorityClass:priorityclasses"),
    **_known("apiextensions.k8s.io/v1", "", "CustomResourceDefinition"),
    **_known("apiregistration.k8s.io/v1", "", "APIService"),
    **_known("admissionregistration.k8s.io/v1", "", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"),
}


class Client:
    """One API server. Errors are KubeErrors; a success is the parsed body."""

    def __init__(
        self, connection: Connection, timeout: float = 30.0, retry_timeout: float = 30.0, who: object = None
    ) -> None:
        """
        :param timeout: seconds for one request.
        :param retry_timeout: seconds for which a request is repeated that got no answer, 429 or 503.
        :param who: who asks, the same for the tasks of a run that may share the answers; None: these are not shared.
        """
        if urllib3 is None:
            raise KubeError("the Python package urllib3 is needed on the controller: pip install urllib3")
        if problems := list(problems_of(connection)):
            raise KubeError("\n".join(problems))
        self.connection = connection
        self.timeout = timeout
        self.retry_timeout = retry_timeout
        self.who = who
        self._prefix = urlsplit(connection.server).path.rstrip("/")
        self._resources: dict[tuple[str, str], Resource] = dict(WELL_KNOWN)
        self._discovered: set[str] = set()
        self._lock = threading.Lock()
        self._denied = False
        """A denial was waited out once and stood: others need no waiting."""
        self._silence = key_of(connection.server, "no answer")
        kept = SNAPSHOT.get(self._silence, lasting=True)
        self._silent = kept is not None and bool(kept.value)
        """Whether a task of the run has waited for an answer in vain, and there was none since."""
        options: dict[str, Any] = {"retries": False, "maxsize": 8}
        if connection.server.startswith("https:"):
            options["ssl_context"] = _ssl_context(connection)
            if not connection.verify:
                options["assert_hostname"] = False
            elif connection.tls_server_name:
                options["server_hostname"] = connection.tls_server_name
        if connection.proxy_url:
            self._pool: Any = urllib3.ProxyManager(connection.proxy_url, **options)
        else:
            self._pool = urllib3.PoolManager(**options)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        fits: Callable[[Mapping[str, Any]], bool] = lambda answer: True,
    ) -> dict[str, Any]:
        """Send and parse. What passes is asked again: no answer, a proxy's answer, a server that is just starting.

        :param fits: whether a success is what was asked for; if not, it is an error like a missing answer.
        :raises ApiError: the server's refusal.
        :raises Unreachable: no answer, or none of a Kubernetes API, within `retry_timeout`.
        """
        retry = Retry(self.retry_timeout, first=0.2, longest=5.0)
        # A create is not repeated blindly; all else that we send says what is to be, not what is to happen.
        repeatable = method != "POST"
        while True:
            wait: float | None = None
            try:
                response = self._send(method, path, query, body, content_type, accept)
            except (HTTPError, OSError) as error:
                if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
                    server = self.connection.server
                    raise Unreachable(f"{server}: its certificate is not trusted: {error}") from None
                problem: KubeError = Unreachable(f"{self.connection.server}: no answer to {method} {path}: {error}")
                patience = self._without_answer if repeatable else 0.0
            else:
                status, answer = response.status, _parse(response.data)
                if status < MULTIPLE_CHOICES and _of_kubernetes(path, answer) and fits(answer or {}):
                    self._note(silent=False)
                    return answer or {}
                if status < MULTIPLE_CHOICES or (status == NOT_FOUND and not _tells_of_absence(response.data, answer)):
                    kind = response.headers.get("Content-Type") or "no type"
                    problem = Unreachable(
                        f"{self.connection.server}: the answer to {method} {path} is not one of a Kubernetes API "
                        f"(status {status}, {len(response.data)} bytes, {kind}). Does a proxy answer in its place?"
                    )
                    patience = self._without_answer if repeatable else 0.0
                else:
                    said = answer or {"message": response.data.decode(errors="replace").strip()}
                    problem = ApiError(method, path, status, said)
                    patience = self._patience(problem, content_type)
                    wait = _retry_after(response.headers.get("Retry-After"))
            if (pause := retry.pause(wait, patience)) is None:
                self._denied = self._denied or (isinstance(problem, ApiError) and problem.status in (401, 403))
                if repeatable:
                    self._note(silent=isinstance(problem, Unreachable))
                raise problem
            time.sleep(pause)

    @property
    def _without_answer(self) -> float:
        """Seconds for which a request without an answer is sent again."""
        return min(SILENCE_LASTS, self.retry_timeout) if self._silent else self.retry_timeout

    def _note(self, silent: bool) -> None:
        """Tells the run's other tasks whether to wait for this server."""
        if silent is not self._silent:
            self._silent = silent
            SNAPSHOT.keep(self._silence, silent, time.monotonic(), lasting=True)

    def text(self, path: str) -> str:
        """What a path that is not one of objects answers (`/metrics`), asked once. Raises ApiError and Unreachable."""
        try:
            response = self._send("GET", path, None, None, "", "text/plain, */*")
        except (HTTPError, OSError) as error:
            raise Unreachable(f"{self.connection.server}: no answer to GET {path}: {error}") from None
        said = response.data.decode(errors="replace")
        if response.status >= MULTIPLE_CHOICES:
            raise ApiError("GET", path, response.status, _parse(response.data) or {"message": said.strip()[:200]})
        return str(said)

    def _patience(self, error: ApiError, content_type: str) -> float:
        """Seconds for which a refusal may pass without a change; 0 where it will not."""
        if error.status == 429 or error.status == 503:
            return self.retry_timeout  # the server did nothing
        method = error.operation.partition(" ")[0]
        if method == "POST":
            return 0.0
        if error.status in (502, 504) or (error.status == 500 and not error.webhook_unavailable and not error.ours):
            return self.retry_timeout
        if error.status == 409 and not error.causes and "Precondition failed" not in error.message:
            # Somebody else wrote at that moment; a declaration is as right after it as before.
            again = method == "DELETE" or content_type == APPLY
            return self.retry_timeout if again else 0.0
        if error.status == 403 and "not yet ready to handle request" in error.message:
            return self.retry_timeout
        denied = error.status == 401 or (error.status == 403 and (" cannot " in error.message or not error.code))
        # A server that has just started does not know its roles and authenticators yet.
        return min(DENIAL_PASSES, self.retry_timeout) if denied and not self._denied else 0.0

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Any,
        content_type: str,
        accept: str,
    ) -> Any:
        headers = {"Accept": accept, "User-Agent": "okestack.oci"}
        if self.connection.token:
            headers["Authorization"] = f"Bearer {self.connection.token()}"
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body).encode()
        url = self.connection.server + path
        if query:
            url += "?" + urlencode(query)
        if method != "GET" and not (query or {}).get("dryRun"):
            SNAPSHOT.end()
        seconds = min(SILENT_READ, self.timeout) if self._silent and method == "GET" else self.timeout
        timeout = urllib3.Timeout(connect=min(10.0, seconds), read=seconds)
        return self._pool.request(method, url, body=data, headers=headers, timeout=timeout, redirect=False)

    @property
    def shares(self) -> bool:
        """Whether tasks of the run share the answers."""
        return self.who is not None and SNAPSHOT.is_open

    def shared(self, what: str, ask: Callable[[], T]) -> tuple[T, bool]:
        """What `ask` gives, or what it gave another task of the run moments ago, and whether it is the latter's."""
        if not self.shares:
            return ask(), False
        key, began = key_of(self.who, self.connection.server, what), time.monotonic()
        kept = SNAPSHOT.get(key)
        if kept is not None:
            return kept.value, True
        answer = ask()
        SNAPSHOT.keep(key, answer, began)
        return answer, False

    # What a kind is called in URLs

    def resource(self, api_version: str, kind: str) -> Resource:
        """One discovery call for each group and version that is not well known.

        :raises UnknownKind: the server does not have it.
        """
        known = self._resources.get((api_version, kind))
        if known:
            return known
        if _API_VERSION.fullmatch(api_version):
            with self._lock:
                if api_version not in self._discovered:
                    self._discover(api_version)
        known = self._resources.get((api_version, kind))
        if known:
            return known
        raise UnknownKind(api_version, kind)

    def forget(self) -> None:
        """Look again for kinds that were not there: definitions have been added."""
        with self._lock:
            self._discovered.clear()

    def _discover(self, api_version: str) -> None:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listing = self.request("GET", root, fits=lambda answer: isinstance(answer.get("resources"), list))
        except ApiError as error:
            if not error.not_found:
                raise
            listing = {}
        for row in listing.get("resources") or ():
            if "/" not in row["name"]:
                found = Resource(api_version, row["kind"], row["name"], bool(row["namespaced"]))
                self._resources[(api_version, row["kind"])] = found
        self._discovered.add(api_version)

    def _all(self) -> list[tuple[str, Mapping[str, Any], bool]]:
        """Each API version, a kind that it has, and whether the version is its group's preferred one (two calls)."""
        return self.shared("discovery", lambda: list(self._discover_all()))[0]

    def _discover_all(self) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
        for root in ("/api", "/apis"):
            listing = self.request("GET", root, accept=accept, fits=lambda answer: answer["kind"].startswith("API"))
            for group in listing.get("items") or ():
                name = (group.get("metadata") or {}).get("name")
                for number, version in enumerate(group.get("versions") or ()):
                    api_version = f"{name}/{version['version']}" if name else version["version"]
                    for row in version.get("resources") or ():
                        yield api_version, row, number == 0

    def all_resources(self) -> list[Resource]:
        """Every kind that can be listed and deleted, in its preferred version."""
        return [
            Resource(api_version, row["responseKind"]["kind"], row["resource"], row["scope"] == "Namespaced")
            for api_version, row, preferred in self._all()
            if preferred and {"list", "delete"} <= set(row.get("verbs") or ())
        ]

    def capabilities(self) -> tuple[str, list[str]]:
        """What charts ask about: the server's version (`v1.36.1`), API versions and kinds (`apps/v1/Deployment`)."""
        found: dict[str, None] = {}
        for api_version, row, _preferred in self._all():
            found[api_version] = None
            found[f"{api_version}/{row['responseKind']['kind']}"] = None
        version = self.request("GET", "/version", fits=lambda answer: isinstance(answer.get("gitVersion"), str))
        return str(version["gitVersion"]), list(found)

    # Objects

    def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        try:
            return self.request("GET", resource.path(namespace, name), fits=_is(resource, name))
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> list[dict[str, Any]]:
        """All objects, page after page, each with its apiVersion and kind."""
        query: dict[str, Any] = {"limit": 500}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        accept = "application/json"
        if metadata_only:
            accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        found: list[dict[str, Any]] = []
        while True:
            try:
                page = self.request("GET", resource.path(namespace), query, accept=accept, fits=_is_list)
            except ApiError as error:
                if error.status != GONE or "continue" not in query:
                    raise
                del query["continue"]  # the place in the list is too old: from the beginning
                found.clear()
                continue
            for item in page.get("items") or ():
                item["apiVersion"], item["kind"] = resource.api_version, resource.kind
                found.append(item)
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    def apply(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        dry_run: bool = False,
        force: bool = False,
        manager: str = FIELD_MANAGER,
    ) -> dict[str, Any]:
        """Server-side apply, by default as our field manager; returns the object as it is (or would be) then."""
        metadata = manifest["metadata"]
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        if force:
            query["force"] = "true"
        path = resource.path(metadata.get("namespace"), metadata["name"])
        return self.request("PATCH", path, query, manifest, content_type=APPLY, fits=_is(resource, metadata["name"]))

    def set_managers(
        self, resource: Resource, namespace: str | None, name: str, rows: Sequence[Mapping[str, Any]], version: str
    ) -> None:
        """Write who manages an object's fields, if the object still has the given resourceVersion (else a 409)."""
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": list(rows)},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        query = {"fieldManager": FIELD_MANAGER}
        path = resource.path(namespace, name)
        self.request("PATCH", path, query, patch, content_type="application/json-patch+json")

    def delete(
        self, resource: Resource, namespace: str | None, name: str, uid: str | None = None, dry_run: bool = False
    ) -> bool:
        """Ask for deletion, what belongs to the object included; False where it was gone already."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
        if uid:
            body["preconditions"] = {"uid": uid}
        if dry_run:
            body["dryRun"] = ["All"]
        try:
            self.request("DELETE", resource.path(namespace, name), body=body)
        except ApiError as error:
            if error.not_found:
                return False
            raise
        return True


def _ssl_context(connection: Connection) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif connection.ca:
        try:
            context.load_verify_locations(cadata=connection.ca)
        except (ssl.SSLError, ValueError):
            raise KubeError("the authority of the API server's certificate is not PEM text of certificates") from None
    else:
        context.load_default_certs()
    if connection.client_certificate and connection.client_key:
        # Python reads a client's key from a path only: a file in memory that no one else sees.
        descriptor = os.memfd_create("client", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, f"{connection.client_certificate}\n{connection.client_key}\n".encode())
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        except (ssl.SSLError, ValueError) as error:
            raise KubeError(f"the client certificate or key of the kubeconfig cannot be used: {error}") from None
        finally:
            os.close(descriptor)
    return context


def _parse(data: bytes) -> dict[str, Any] | None:
    """A JSON object; None where the text is not one."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _of_kubernetes(path: str, answer: Mapping[str, Any] | None) -> bool:
    """Whether an answer is one of the API; other paths (`/readyz`) answer as they like."""
    if path == "/version":
        return answer is not None
    return not path.startswith("/api") or (answer is not None and isinstance(answer.get("kind"), str))


def _tells_of_absence(data: bytes, answer: Mapping[str, Any] | None) -> bool:
    """Whether a 404 is the API server's own: of an object, or of a path that it does not have."""
    return (answer or {}).get("kind") == "Status" or data.strip() == b"404 page not found"


def _is(resource: Resource, name: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether an answer is that object."""

    def check(answer: Mapping[str, Any]) -> bool:
        metadata = answer.get("metadata")
        return answer.get("kind") == resource.kind and isinstance(metadata, Mapping) and metadata.get("name") == name

    return check


def _is_list(answer: Mapping[str, Any]) -> bool:
    items = answer.get("items", False)
    return answer["kind"].endswith("List") and (
        items is None or (isinstance(items, list) and all(isinstance(one.get("metadata"), Mapping) for one in items))
    )


def _retry_after(value: str | None) -> float | None:
    try:
        return min(float(value), 10.0) if value else None
    except ValueError:
        return None
