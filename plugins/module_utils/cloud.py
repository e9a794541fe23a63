# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions with Oracle's API: endpoints, retries, paging, errors. Knows no resource type; who signs is `signers`' part.

The SDK signs, serialises and parses; waiting and repeating is this file's, by one policy for all services.
"""

from __future__ import annotations

import email.utils
import importlib
import mmap
import os
import re
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import astuple, dataclass
from dataclasses import field as _field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.answers import guard
from ansible_collections.okestack.oci.plugins.module_utils.errors import (
    Cancelled,
    CloudError,
    NotTheAnswer,
    ResourceError,
    SignInError,
    Stale,
    Uncertain,
)
from ansible_collections.okestack.oci.plugins.module_utils.redaction import passwords
from ansible_collections.okestack.oci.plugins.module_utils.retries import Retry
from ansible_collections.okestack.oci.plugins.module_utils.signers import (
    AUTH_TYPES,
    PROFILE_TYPES,
    Credential,
    SignIn,
    endpoint,
    for_auth,
    relevant,
    sign_in,
)
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT, key_of
from ansible_collections.okestack.oci.plugins.module_utils.waiting import Pauses

try:
    import oci
    import oci.retry

    SDK_MISSING = ""
    """What is wrong with the SDK, and what to do."""
except ImportError as error:  # ansible-test imports modules where the SDK is not installed
    oci = None
    SDK_MISSING = f"the Python package oci is not installed for the interpreter that runs Ansible, {sys.executable}"
    if error.name != "oci":
        SDK_MISSING += f", or not whole ({error})"
    SDK_MISSING += f": {sys.executable} -m pip install oci"

T = TypeVar("T")

CONNECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "auth_type": {"type": "str", "choices": list(AUTH_TYPES)},
    "config_file": {"type": "path"},
    "profile": {"type": "str"},
    "region": {"type": "str"},
    "endpoints": {"type": "dict"},
    "ca_file": {"type": "path"},
    "proxy_url": {"type": "str"},
    "retry_timeout": {"type": "float", "default": 300.0},
    "request_timeout": {"type": "float", "default": 60.0},
}
"""Options that every module takes beside its own. Environment: see ``Connection.from_options``."""


@dataclass(frozen=True)
class Connection:
    """How to reach and sign in to Oracle's API. Timeouts in seconds.

    ``endpoints`` maps an SDK package (``core``), ``<region>/<package>``, ``<region>`` or ``default`` to a URL; ``auth``
    is the service that instances get their tokens from. ``environment`` holds the variables that decide about a
    principal (`signers.relevant`).
    """

    auth_type: str = "api_key"
    config_file: str = "~/.oci/config"
    profile: str = "DEFAULT"
    region: str | None = None
    endpoints: Mapping[str, str] = _field(default_factory=dict)
    ca_file: str | None = None
    proxy_url: str | None = None
    retry_timeout: float = 300.0
    request_timeout: float = 60.0
    environment: tuple[tuple[str, str], ...] = _field(default=(), repr=False)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Connection:
        """From a module's options, then the environment (the names of Oracle's own tools where they have one)."""
        env = {**os.environ, **(environment or {})}
        endpoints = dict(options.get("endpoints") or {})
        if not endpoints and env.get("OCI_ENDPOINT"):
            endpoints = {"default": env["OCI_ENDPOINT"]}
        return cls(
            auth_type=options.get("auth_type") or env.get("OCI_CLI_AUTH") or "api_key",
            config_file=options.get("config_file")
            or env.get("OCI_CONFIG_FILE")
            or env.get("OCI_CLI_CONFIG_FILE")
            or cls.config_file,
            profile=options.get("profile")
            or env.get("OCI_CONFIG_PROFILE")
            or env.get("OCI_CLI_PROFILE")
            or cls.profile,
            region=options.get("region") or env.get("OCI_REGION") or env.get("OCI_CLI_REGION"),
            endpoints=endpoints,
            ca_file=options.get("ca_file") or env.get("OCI_CA_FILE") or env.get("REQUESTS_CA_BUNDLE"),
            proxy_url=options.get("proxy_url") or env.get("OCI_PROXY_URL"),
            retry_timeout=_seconds(options.get("retry_timeout"), cls.retry_timeout),
            request_timeout=_seconds(options.get("request_timeout"), cls.request_timeout),
            environment=relevant(env),
        )

    @property
    def secrets(self) -> set[str]:
        """What of it nobody may see: passwords of the proxy and of endpoints, what a host handed over in variables."""
        variables = dict(self.environment)
        hidden = ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM")  # those of leaf resources too
        found = {v for k, v in variables.items() if k.startswith(hidden) and not v.startswith("/") and "://" not in v}
        return found.union(*(passwords(url) for url in (self.proxy_url, *self.endpoints.values())))

    @property
    def sign_in(self) -> SignIn:
        """What of it decides who signs."""
        profile = (self.config_file, self.profile) if self.auth_type in PROFILE_TYPES else ("", "")
        return SignIn(
            self.auth_type, *profile, self.environment, for_auth(self.endpoints), self.ca_file, self.proxy_url
        )

    def endpoint(self, package: str, region: str) -> str | None:
        """The URL set for a service in a region, most exact first; None: the SDK's own."""
        return endpoint(self.endpoints, package, region)


def _seconds(value: Any, default: float) -> float:
    """An option in seconds, zero too, or its default where it is not given."""
    return default if value is None else float(value)


# Answers after which the same call may succeed later. 501 is not among them: it never will.
_RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})
_RETRIED_CODES = frozenset({"IncorrectState", "TooManyRequests", "ExternalServerIncorrectState"})

SIGN_IN_SECONDS, SIGN_IN_PAUSE = 10.0, 0.5
"""How long, and how often, signing in is tried again where nobody answers; nobody may be there at all."""
NOBODY_SECONDS = 5.0
"""How long an endpoint that has never answered is tried again while it refuses connections or has no address."""


@dataclass
class _Failure:
    """A call that failed: whether to send it again, the pause that the service wants, and for how long to go on."""

    problem: CloudError
    again: bool
    wanted: float | None = None
    within: float | None = None


class Session:
    """One task's dealings with the API. Cheap to make; everything is loaded when first used.

    ``report(line)`` gets what people should see while it lasts; ``stop`` ends waits early; ``warn(text)`` gets
    what they should know though nothing failed. ``ahead(session)`` reads what coming tasks will ask for.
    """

    def __init__(
        self,
        connection: Connection,
        report: Callable[[str], None] = lambda line: None,
        stop: threading.Event | None = None,
        warn: Callable[[str], None] = lambda text: None,
        ahead: Callable[[Session], None] | None = None,
    ) -> None:
        if oci is None:
            raise CloudError(SDK_MISSING)
        self.connection = connection
        self.report = report
        self.stop = stop or threading.Event()
        self.warn = warn
        self.calls: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._config: dict[str, Any] | None = None
        self._credential: Credential | None = None
        self._answered: set[str] = set()
        self._home_region: str | None = None
        self._memory: dict[Hashable, Any] = {}
        self.together: set[str] = set()
        """Types of which several are looked for: their lists are read whole."""
        self._ahead = ahead
        self._began = time.monotonic()
        self._believed = False  # whether an answer was one that the run had before this task began

    # -- who and where --------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The profile of the configuration file, its key read and checked only as far as signing needs."""
        if self._config is None:
            path = Path(self.connection.config_file).expanduser()
            if not path.is_file():
                raise CloudError(
                    f"{path}: no such configuration file. Set config_file (or OCI_CONFIG_FILE) to one "
                    "with tenancy, user, fingerprint, key_file and region"
                )
            try:
                self._config = oci.config.from_file(str(path), self.connection.profile)
            except Exception as error:
                raise CloudError(f"{path}: profile {self.connection.profile}: {error}") from None
        return self._config

    @property
    def credential(self) -> Credential:
        """Who signs; one for all clients, since a key or a token is what costs time."""
        with self._lock:
            if self._credential is None:
                pauses = Pauses(min(SIGN_IN_SECONDS, self.connection.retry_timeout), SIGN_IN_PAUSE, self.stop.wait)
                while self._credential is None:
                    try:
                        self._credential = sign_in(self.connection.sign_in, lambda: self.config)
                    except SignInError as error:
                        if not error.passing or not pauses.next() or self.stop.is_set():
                            raise CloudError(str(error)) from None
                if self._credential.warning:
                    self.warn(self._credential.warning)
            return self._credential

    @property
    def _by_profile(self) -> bool:
        return self.connection.auth_type in PROFILE_TYPES

    @property
    def region(self) -> str:
        if self.connection.region:
            return self.connection.region
        region = self.config.get("region") if self._by_profile else self.credential.region
        if not region:
            where = f"region in {self.connection.config_file}" if self._by_profile else "OCI_RESOURCE_PRINCIPAL_REGION"
            raise CloudError(f"no region: set the option region, OCI_REGION, or {where}")
        return str(region)

    @property
    def tenancy(self) -> str:
        tenancy = self.config.get("tenancy") if self._by_profile else self.credential.tenancy
        if not tenancy:
            raise CloudError(
                f"profile {self.connection.profile} of {self.connection.config_file} lacks tenancy"
                if self._by_profile
                else f"{self.connection.auth_type}: the session token names no tenancy"
            )
        return str(tenancy)

    @property
    def signer(self) -> Any:
        """Signs requests."""
        return self.credential.signer

    @property
    def home_region(self) -> str:
        """The tenancy's home region, where identity is written (one call a run)."""
        if self._home_region is None:
            identity = self.client("identity.IdentityClient")
            for row in self.look().call(identity, "list_region_subscriptions", self.tenancy).data:
                if row.is_home_region:
                    self._home_region = row.region_name
        return self._home_region or self.region

    def remembered(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What ``ask`` gives, asked once in the session's life: what a region offers does not change meanwhile."""
        if key not in self._memory:
            self._memory[key] = ask()
        made: T = self._memory[key]
        return made

    # -- calls ----------------------------------------------------------------------------------------------------

    def client(self, name: str, *, region: str | None = None, endpoint: str | None = None) -> Any:
        """A client of the SDK by ``package.Class``, made once."""
        region = region or self.region
        key = (name, region, endpoint or "")
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make_client(name, region, endpoint)
            return self._clients[key]

    def _make_client(self, name: str, region: str, endpoint: str | None) -> Any:
        package, _dot, class_name = name.partition(".")
        made = getattr(importlib.import_module(f"oci.{package}"), class_name)
        kwargs: dict[str, Any] = {
            "signer": self.signer,
            "retry_strategy": oci.retry.NoneRetryStrategy(),
            "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy(),
            "timeout": (min(10.0, self.connection.request_timeout), self.connection.request_timeout),
        }
        url = endpoint or self.connection.endpoint(package, region)
        if url:
            if not _is_endpoint(url):
                raise CloudError(
                    f"{name}: {url!r} is not a URL like https://host (endpoints, OCI_ENDPOINT, or a vault's endpoint)"
                )
            kwargs["service_endpoint"] = url
        try:
            client = made({"region": region}, **kwargs)
        except ValueError as error:
            raise CloudError(f"{name}: {error}") from None
        guard(client)
        http = client.base_client.session
        http.trust_env = False  # proxies and CA bundles are options; reading .netrc for each request is slow
        if self.connection.ca_file:
            path = Path(self.connection.ca_file).expanduser()
            if not path.is_file():
                raise CloudError(f"ca_file {path}: no such file (option, OCI_CA_FILE or REQUESTS_CA_BUNDLE)")
            http.verify = str(path)
        if self.connection.proxy_url:
            http.proxies = {"http": self.connection.proxy_url, "https": self.connection.proxy_url}
        return client

    def call(
        self, client: Any, operation: str, *args: Any, repeatable: bool = True, patient: bool = True, **kwargs: Any
    ) -> Any:
        """One operation, repeated by the policy. Returns the SDK's response; raises CloudError.

        ``repeatable=False``: a write that takes no token; raises Uncertain instead of sending it again.
        ``patient=False``: a 409 is the caller's to wait out.
        """
        retry = Retry(self.connection.retry_timeout, jitter=0.2)
        renewed, where, reads = False, _endpoint_of(client), _reads(operation)
        while True:
            if self.stop.is_set():
                raise Cancelled(f"{operation}: stopped before it was sent")
            self.calls[operation] += 1
            try:
                if not reads:
                    SNAPSHOT.end()
                answer = _sent(client, operation, *args, **kwargs)
                self._answered.add(where)
                if not reads and "oci.identity" in type(client).__module__:
                    _note_identity_write()
                return answer
            except NotTheAnswer as error:
                # Whoever answered, it was not the service: the call may have taken effect or not.
                problem = self._another_answer(client, operation, error)
                if not reads:
                    problem = Uncertain.like(problem)
                failure = _Failure(problem, again=repeatable)
            except oci.exceptions.ServiceError as error:
                self._answered.add(where)
                if error.status == 401 and not renewed:
                    renewed = True
                    if self._renew():
                        continue
                failure = self._refused(client, operation, error, repeatable, patient, "if_match" in kwargs)
            except (oci.exceptions.RequestException, oci.exceptions.ConnectTimeout) as error:
                failure = self._unanswered(operation, where, error, repeatable)
            except SignInError as error:  # a session token had to be renewed: nothing was sent
                failure = _Failure(CloudError(f"{operation}: {error}", operation=operation), again=error.passing)
            problem = failure.problem
            if not failure.again:
                raise problem
            if failure.within is not None:
                retry.within(failure.within)
            delay = retry.pause(failure.wanted)
            if delay is None:
                if isinstance(problem, Uncertain):
                    problem.spent = True
                raise problem
            if delay > 5:
                self.report(f"{operation}: {problem.status or 'no answer'} {problem.code}; again in {delay:.0f}s")
            self.stop.wait(delay)

    def _refused(
        self, client: Any, operation: str, error: Any, repeatable: bool, patient: bool, guarded: bool
    ) -> _Failure:
        """A service's error, judged. Raises Stale where the resource changed meanwhile."""
        problem = explain(error, operation, self._signed_in(error.status))
        if error.code == "NoEtagMatch" or (error.status == 412 and guarded):
            raise Stale.like(problem) from None
        busy = error.status == 409 and error.code in _RETRIED_CODES
        failure = _Failure(problem, error.status in _RETRIED_STATUS or (patient and busy), _retry_after(error.headers))
        if error.status == 404 and not _has_code(error):  # not the service's: it always gives a code
            answer = NotTheAnswer("a 404 without the service's error", status=404, request_id=problem.request_id)
            failure.problem, failure.again = self._another_answer(client, operation, answer), True
        if _not_heard_yet(error, operation) and (fresh := _identity_is_fresh()) > 0:
            failure.again, failure.within = True, fresh
        if failure.again and not repeatable and error.status in (500, 502, 504):
            raise Uncertain.like(problem) from None
        return failure

    def _unanswered(self, operation: str, where: str, error: Exception, repeatable: bool) -> _Failure:
        """No answer, judged. Raises Uncertain where a write may have been taken that must not be sent twice."""
        proxy = urlsplit(self.connection.proxy_url or "")
        through = f" through the proxy {proxy.scheme}://{proxy.hostname}:{proxy.port or 80}" if proxy.hostname else ""
        cause = _cause(error)
        untrusted = isinstance(cause, ssl.SSLCertVerificationError)
        hint = "Check the endpoint or region, the network path, a proxy (proxy_url)"
        if untrusted:
            hint = "Set ca_file (or OCI_CA_FILE) to the certificates of the authority that signed the service's"
        problem = CloudError(
            f"{operation}: no answer from {where}{through}: {str(cause) or type(cause).__name__}. {hint}",
            operation=operation,
            hint=hint,
        )
        # A refused connection was never taken, so even a write may be sent again.
        refused = "refused" in str(error)
        if not repeatable and not isinstance(error, oci.exceptions.ConnectTimeout) and not refused:
            raise Uncertain.like(problem) from None
        failure = _Failure(problem, again=not untrusted)
        if where not in self._answered and (refused or "resolve" in str(error)):
            failure.within = NOBODY_SECONDS  # a wrong address, most likely
        return failure

    def _another_answer(self, client: Any, operation: str, error: NotTheAnswer) -> CloudError:
        """An answer that is not the service's, as an error. It has no status: nothing follows from it."""
        service = getattr(client.base_client, "service", "")
        return CloudError(
            f"{service} {operation}: {error.status}, but the answer is {error}: from a proxy, or no service of "
            f"Oracle's at {_endpoint_of(client)}? (request {error.request_id or 'without an id'})",
            service=service,
            operation=operation,
            request_id=error.request_id,
        )

    def _renew(self) -> bool:
        """A new session token after the service refused the present one; False where there is none."""
        try:
            return self.credential.renew()
        except SignInError as error:
            raise CloudError(str(error)) from None

    def _signed_in(self, status: int) -> str:
        """Who asked, for errors that depend on it."""
        if status not in (401, 404) or self._credential is None:
            return ""
        return f"Signed in by {self.connection.auth_type} as {self._credential.principal or 'somebody unnamed'}"

    def pages(self, client: Any, operation: str, *args: Any, **kwargs: Any) -> list[Any]:
        """All items of a list operation, page after page."""
        items: list[Any] = []
        page = None
        while True:
            response = self.call(client, operation, *args, **({**kwargs, "page": page} if page else kwargs))
            data = response.data
            items += data.items if hasattr(data, "items") and not isinstance(data, (list, dict)) else data
            page = response.headers.get("opc-next-page")
            if not page:
                return items

    def rows(self, client: Any, operation: str, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """All items of a list operation as plain data."""
        return [to_document(row) for row in self.pages(client, operation, *args, **kwargs)]

    # -- what the run has read ------------------------------------------------------------------------------------

    def look(self) -> Session:
        """This session for a first look: what the run has read moments ago is not asked for again."""
        return cast("Session", _Look(self))

    def look_ahead(self) -> None:
        """Reads what coming tasks will ask for, once a task."""
        ahead, self._ahead = self._ahead, None
        if ahead and SNAPSHOT.is_open:
            ahead(self)

    def look_again(self) -> bool:
        """Whether what was seen is to be read again, since there is something to do: it was read before this task."""
        believed, self._believed = self._believed, False
        if believed:
            SNAPSHOT.end()
        return believed

    def lists_whole(
        self, kind: str, by_name: Mapping[str, Any], client: Any, operation: str, *args: Any, **kwargs: Any
    ) -> bool:
        """Whether a list of a kind is read whole, for all who look for one in it; else each asks with ``by_name``."""
        del kind, by_name, client, operation, args, kwargs
        return False

    def _asking(self, key: bytes) -> threading.Lock:
        """Held by who asks, so that others wait for the answer."""
        with self._lock:
            lock: threading.Lock = self._memory.setdefault(("asking", key), threading.Lock())
            return lock


class _Look:
    """A session whose reads are answered from the run's snapshot, where it holds them."""

    pages, rows = Session.pages, Session.rows

    def __init__(self, session: Session) -> None:
        self.session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def look(self) -> _Look:
        return self

    def call(self, client: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
        lasting = operation in _LASTING
        if not lasting and (not SNAPSHOT.is_open or not _reads(operation) or operation in _SECRET):
            return self.session.call(client, operation, *args, **kwargs)
        key = self._key(client, operation, args, kwargs)
        kept = SNAPSHOT.get(key, lasting)
        if kept is None:
            self.session.look_ahead()
            with self.session._asking(key):
                kept = SNAPSHOT.get(key, lasting)
                if kept is None:
                    began = time.monotonic()
                    answer = self.session.call(client, operation, *args, **kwargs)
                    if hasattr(answer.data, "iter_content"):  # text, still to be read from the connection
                        answer.data = SimpleNamespace(text=answer.data.text)
                    SNAPSHOT.keep(key, (answer.status, answer.headers, answer.data), began, lasting)
                    return answer
        if kept.began < self.session._began and not lasting:
            self.session._believed = True
        status, headers, data = kept.value
        return oci.response.Response(status, headers, data, None)

    def lists_whole(
        self, kind: str, by_name: Mapping[str, Any], client: Any, operation: str, *args: Any, **kwargs: Any
    ) -> bool:
        if not SNAPSHOT.is_open:
            return False
        key = self._key(client, operation, args, kwargs)
        if (kept := SNAPSHOT.get(key)) is None:
            if SNAPSHOT.get(self._key(client, operation, args, {**kwargs, **by_name})) is not None:
                return False  # read by name: what comes was looked at then
            self.session.look_ahead()
            if kind in self.session.together:
                return not self.call(client, operation, *args, **kwargs).headers.get("opc-next-page")
            kept = SNAPSHOT.get(key)
        return kept is not None and not kept.value[1].get("opc-next-page")

    def _key(self, client: Any, operation: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        who = astuple(self.session.connection.sign_in)
        return key_of(who, type(client).__name__, _endpoint_of(client), operation, args, sorted(kwargs.items()))


_ASKED_BY_POST = frozenset({"create_kubeconfig"})
_SECRET = frozenset({"get_secret_bundle", "get_secret_bundle_by_name"})
"""Operations whose answers are not kept beyond the task."""
_LASTING = frozenset({"list_region_subscriptions"})
"""Operations whose answers hold for the run: a tenancy's home region never changes."""


def _reads(operation: str) -> bool:
    """Whether an operation changes nothing."""
    return operation.startswith(("get_", "list_")) or operation in _ASKED_BY_POST


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _sent(client: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
    """One request by the SDK, which writes the body under the service's own names, signs and sends it."""
    try:
        return getattr(client, operation)(*args, **kwargs)
    except ValueError as error:  # the SDK's own check of what addresses a resource: nothing was sent
        if "cannot be None, whitespace or empty" not in str(error):
            raise
        text = f"{operation}: {error}: an id or name is given that is empty"
        raise CloudError(text, operation=operation) from None


def explain(error: Any, operation: str, signed_in: str = "") -> CloudError:
    """A service's error as text: operation, status, code, message, request id, what to do and, if given, who asked."""
    hint = {
        401: "check the key, its fingerprint or session token, and the clock of this machine",
        404: "it does not exist, or the policies do not allow it: the service does not tell which",
        429: "the service's rate limit",
        501: "the service does not implement this",
    }.get(error.status, "")
    if error.code == "LimitExceeded" or error.code == "QuotaExceeded":
        hint = "ask for a higher limit or free some resources"
    service = getattr(error, "target_service", None) or ""
    where = f"{service} {operation}".strip()
    text = f"{where}: {error.status} {error.code}: {error.message} (request {error.request_id})"
    return CloudError(
        text + (f". {hint[0].upper()}{hint[1:]}" if hint else "") + (f". {signed_in}" if signed_in else ""),
        service=service,
        operation=operation,
        status=error.status,
        code=error.code or "",
        message=str(error.message or ""),
        request_id=error.request_id or "",
        hint=hint,
    )


# --- what was just written in identity -------------------------------------------------------------------------------

FRESH_SECONDS = 90.0
"""How long other services may not have heard of a write to identity; a new policy holds after 30 to 60 s."""
_written = mmap.mmap(-1, 8)
"""When identity was last written (seconds since the epoch), shared by the tasks of a run: their workers are forks."""
_NOT_HEARD = frozenset(
    {
        (404, "NotAuthorizedOrNotFound"),
        (404, "AuthorizationFailed"),
        (400, "RelatedResourceNotAuthorizedOrNotFound"),
        (400, "InsufficientServicePermissions"),
        (409, "NotAuthorizedOrResourceAlreadyExists"),
    }
)


def _note_identity_write() -> None:
    _written[:] = struct.pack("d", time.time())


def _identity_is_fresh() -> float:
    """The seconds for which a write to identity may still be unknown elsewhere; none where there was none."""
    return float(struct.unpack("d", _written[:])[0]) + FRESH_SECONDS - time.time()


def made_while_fresh(moment: float) -> bool:
    """Whether something made then (seconds since the epoch) was made before all had to know what this run wrote in
    identity; a minute is left for clocks that differ."""
    written = float(struct.unpack("d", _written[:])[0])
    return written > 0 and written - 60 <= moment <= written + FRESH_SECONDS + 60


def _not_heard_yet(error: Any, operation: str) -> bool:
    """Whether a service may answer so only because it has not heard of a new compartment or policy.

    Not a 404 of what one resource is asked by or removed: that is how it is seen to be gone.
    """
    if operation.startswith(("get_", "delete_")):
        return False
    tree = re.search(r"(?i)compartment.*(tree|hierarchy|not found|exist)", str(error.message or ""))
    return (error.status, error.code) in _NOT_HEARD or (
        error.status == 400 and error.code == "InvalidParameter" and tree is not None
    )


def _has_code(error: Any) -> bool:
    return bool(error.code) and str(error.code) != "None"


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """The seconds that a service asks for, given as such or as a date."""
    value = (headers or {}).get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _endpoint_of(client: Any) -> str:
    return re.sub(r"\{[^}]*\}", "", str(client.base_client.endpoint))  # without what the SDK fills in later


def _cause(error: BaseException) -> BaseException:
    """The innermost of the errors that led to one."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error


# --- between dictionaries and the SDK's models -------------------------------------------------------------------


def to_document(value: Any) -> Any:
    """A model of the SDK as plain data: snake_case names, dates as ISO text."""
    return oci.util.to_dict(value)


def to_model(package: str, model: str, data: Mapping[str, Any]) -> Any:
    """A model of the SDK from plain data under snake_case names, nested and polymorphic ones included.

    Raises ResourceError, with the field's path, for a value that the SDK does not take.
    """
    models = importlib.import_module(f"oci.{package}.models")
    return _model(models, model, data, "")


def _model(models: Any, declared: str, value: Any, path: str) -> Any:
    if value is None:
        return None
    if declared.startswith("list["):
        return [_model(models, declared[5:-1], v, f"{path}[{index}]") for index, v in enumerate(value)]
    if declared.startswith("dict("):
        for name, inner in value.items() if declared == "dict(str, str)" else ():
            if isinstance(inner, (Mapping, list)):
                raise ResourceError(f"{path}.{name}: {inner!r} is not text")
        return dict(value)
    made = getattr(models, declared.rpartition(".")[2], None)
    if made is None:
        return _primitive(declared, value, path)
    if not isinstance(value, Mapping):
        return value
    if hasattr(made, "get_subtype"):
        names = made().attribute_map
        found = made.get_subtype({names.get(k, k): v for k, v in value.items()})
        made = getattr(models, found)
    instance = made()
    for name, inner in value.items():
        if name not in instance.swagger_types:
            raise CloudError(f"{made.__name__} has no field {name}; it has {', '.join(sorted(instance.swagger_types))}")
        if inner is not None:
            where = f"{path}.{name}" if path else name
            ready = _model(models, instance.swagger_types[name], inner, where)
            try:
                setattr(instance, name, ready)
            except ValueError as error:  # the SDK knows all values of some enums
                raise ResourceError(f"{where}: {inner!r} is not a value of it: {error}") from None
    return instance


def _primitive(declared: str, value: Any, path: str) -> Any:
    if declared == "datetime" and isinstance(value, str):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise ResourceError(f"{path}: {value!r} is not a time like 2026-01-31T12:00:00Z") from None
    return value
