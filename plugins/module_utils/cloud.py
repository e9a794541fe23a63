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
import random
import re
import ssl
import struct
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as _field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

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
from ansible_collections.okestack.oci.plugins.module_utils.signers import (
    AUTH_TYPES,
    PROFILE_TYPES,
    Credential,
    SignIn,
    endpoint,
    for_auth,
    preload,
    relevant,
    sign_in,
)
from ansible_collections.okestack.oci.plugins.module_utils.signers import warm_up as warm_up_signer

try:
    import oci
    import oci.retry

    OCI_IMPORT_ERROR: str | None = None
except ImportError:  # ansible-test imports modules where the SDK is not installed
    oci = None
    OCI_IMPORT_ERROR = traceback.format_exc()

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
        """What of it nobody may see: a proxy's password, and what a host handed over in variables."""
        variables = dict(self.environment)
        hidden = ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM")  # those of leaf resources too
        found = {v for k, v in variables.items() if k.startswith(hidden) and not v.startswith("/") and "://" not in v}
        password = urlsplit(self.proxy_url or "").password
        return found | ({password, unquote(password)} if password else set())

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
    """An option in seconds, zero too, or what counts where it is not given."""
    return default if value is None else float(value)


def preload_place(environment: Mapping[str, str]) -> None:
    """Signs in once for all tasks where the environment says that the place itself is the principal; see `preload`."""
    preload(Connection.from_options({}, environment).sign_in)


def warm_up(clients: Iterable[str]) -> None:
    """Has OpenSSL and the SDK do in the parent what they do at a first request, for these clients (``package.Class``).

    The SDK merges its tables of model classes for each client that is made, which touches every class of a service: in
    a worker that copies 800 pages of the parent's memory, 3 ms of each task. They are merged once here.
    """
    if oci is None:
        return
    nobody = warm_up_signer()
    plain = oci.base_client.merge_type_mappings
    merged: dict[tuple[int, ...], tuple[dict[str, Any], tuple[dict[str, Any], ...]]] = {}

    def shared(*tables: dict[str, Any]) -> dict[str, Any]:
        key = tuple(id(table) for table in tables)
        if key not in merged:
            merged[key] = (plain(*tables), tables)  # the tables too, so that their ids stay theirs
        return merged[key][0]

    oci.base_client.merge_type_mappings = shared
    for name in clients:
        package, _dot, class_name = name.partition(".")
        made = getattr(importlib.import_module(f"oci.{package}"), class_name)
        made({"region": "eu-frankfurt-1"}, signer=nobody, service_endpoint="http://localhost")


# Answers after which the same call may succeed later. 501 is not among them: it never will.
_RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})
_RETRIED_CODES = frozenset({"IncorrectState", "TooManyRequests", "ExternalServerIncorrectState"})

SIGN_IN_SECONDS = 10.0
"""How long signing in is tried again where nobody answers; nobody may be there at all."""
NOBODY_SECONDS = 5.0
"""How long an endpoint that has never answered is tried again while it refuses connections or has no address."""


class Session:
    """One task's dealings with the API. Cheap to make; everything is loaded when first used.

    ``report(line)`` is told what people should see while it lasts; ``stop`` ends waits early; ``warn(text)`` is
    told what they should know though nothing failed.
    """

    def __init__(
        self,
        connection: Connection,
        report: Callable[[str], None] = lambda line: None,
        stop: threading.Event | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        if oci is None:
            raise CloudError(
                "the Python package oci is not installed for the interpreter that runs Ansible: pip install oci\n"
                + (OCI_IMPORT_ERROR or "")
            )
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
                until = time.monotonic() + min(SIGN_IN_SECONDS, self.connection.retry_timeout)
                while self._credential is None:
                    try:
                        self._credential = sign_in(self.connection.sign_in, lambda: self.config)
                    except SignInError as error:
                        if not error.passing or time.monotonic() > until or self.stop.wait(0.5):
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
        """The tenancy's home region, where identity is written (one call, once)."""
        if self._home_region is None:
            identity = self.client("identity.IdentityClient")
            for row in self.call(identity, "list_region_subscriptions", self.tenancy).data:
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
                    f"{name}: {url!r} is no URL like https://host (endpoints, OCI_ENDPOINT, or the endpoint of a vault)"
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
        until = time.monotonic() + self.connection.retry_timeout
        pause = 0.5
        renewed = False
        where, reads = _endpoint_of(client), operation.startswith(("get_", "list_"))
        while True:
            if self.stop.is_set():
                raise Cancelled(f"{operation}: stopped before it was sent")
            self.calls[operation] += 1
            try:
                answer = _sent(client, operation, *args, **kwargs)
                self._answered.add(where)
                if not reads and "oci.identity" in type(client).__module__:
                    _note_identity_write()
                return answer
            except NotTheAnswer as error:
                # Whoever answered, it was not the service: the call may have taken effect or not.
                problem, again, wanted = self._another_answer(client, operation, error), True, None
                if not reads:
                    problem = Uncertain(str(problem), request_id=error.request_id)
                if not repeatable:
                    raise problem from None
            except oci.exceptions.ServiceError as error:
                self._answered.add(where)
                if error.status == 401 and not renewed:
                    renewed = True
                    if self._renew():
                        continue
                problem = explain(error, operation, self._signed_in(error.status))
                if error.code == "NoEtagMatch" or (error.status == 412 and "if_match" in kwargs):
                    raise Stale(
                        str(problem), status=error.status, code=error.code, request_id=problem.request_id
                    ) from None
                busy = error.status == 409 and error.code in _RETRIED_CODES
                again = error.status in _RETRIED_STATUS or (patient and busy)
                if error.status == 404 and not _has_code(error):  # not the service's: it always gives a code
                    told = NotTheAnswer("a 404 without the service's error", 404, problem.request_id)
                    problem, again = self._another_answer(client, operation, told), True
                if _not_heard_yet(error, operation) and (fresh := _identity_is_fresh()) > 0:
                    again, until = True, min(until, time.monotonic() + fresh)
                if again and not repeatable and error.status in (500, 502, 504):
                    raise Uncertain(
                        str(problem), status=error.status, code=error.code, request_id=problem.request_id
                    ) from None
                wanted = _retry_after(error.headers)
            except (oci.exceptions.RequestException, oci.exceptions.ConnectTimeout) as error:
                # A refused connection was never taken, so even a write may be sent again.
                problem = self._unanswered(operation, where, error)
                again, wanted = not isinstance(_cause(error), ssl.SSLCertVerificationError), None
                if (
                    not repeatable
                    and not isinstance(error, oci.exceptions.ConnectTimeout)
                    and "refused" not in str(error)
                ):
                    raise Uncertain(str(problem)) from None
                if where not in self._answered and ("refused" in str(error) or "resolve" in str(error)):
                    until = min(until, time.monotonic() + NOBODY_SECONDS)  # a wrong address, most likely
            except SignInError as error:  # a session token had to be renewed: nothing was sent
                problem, again, wanted = CloudError(f"{operation}: {error}"), error.passing, None
            if not again:
                raise problem
            delay = wanted if wanted is not None else pause * random.uniform(0.8, 1.2)
            if time.monotonic() + delay > until:
                if isinstance(problem, Uncertain):
                    problem.spent = True
                raise problem
            if delay > 5:
                self.report(f"{operation}: {problem.status or 'no answer'} {problem.code}; again in {delay:.0f}s")
            self.stop.wait(delay)
            pause = min(pause * 2, 30.0)

    def _unanswered(self, operation: str, where: str, error: Exception) -> CloudError:
        proxy = urlsplit(self.connection.proxy_url or "")
        through = f" through the proxy {proxy.scheme}://{proxy.hostname}:{proxy.port or 80}" if proxy.hostname else ""
        cause = _cause(error)
        hint = "Check the endpoint or region, the network path, a proxy (proxy_url)"
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "Set ca_file (or OCI_CA_FILE) to the certificates of the authority that signed the service's"
        return CloudError(f"{operation}: no answer from {where}{through}: {str(cause) or type(cause).__name__}. {hint}")

    def _another_answer(self, client: Any, operation: str, error: NotTheAnswer) -> CloudError:
        """Somebody else's answer, told as what it is. It has no status: nothing follows from it."""
        service = getattr(client.base_client, "service", "")
        return CloudError(
            f"{service} {operation}: {error.status}, but the answer is {error}: from a proxy, or no service of "
            f"Oracle's at {_endpoint_of(client)}? (request {error.request_id or 'without an id'})",
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


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _sent(client: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
    try:
        return getattr(client, operation)(*args, **kwargs)
    except ValueError as error:  # the SDK's own check of what addresses a resource: nothing was sent
        if "cannot be None, whitespace or empty" not in str(error):
            raise
        raise CloudError(f"{operation}: {error}: an id or name is given that is empty") from None


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
        status=error.status,
        code=error.code or "",
        request_id=error.request_id or "",
        message=str(error.message or ""),
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
                raise ResourceError(f"{path}.{name}: {inner!r} is no text")
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
            raise ResourceError(f"{path}: {value!r} is no time like 2026-01-31T12:00:00Z") from None
    return value
