# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs: a credential for each ``auth_type``, ready for the SDK's clients. Knows no service.

The requests of all of them are signed by the SDK's own signers. What the SDK does *around* them is done here where it
costs a task too much: its signers for instances and workloads make two session keys (60 ms each) where one is used,
check every private key they load (60 ms each), ask the metadata service for everything twice, go through the
environment's HTTP proxies to reach a link-local address, and repeat for up to three minutes where nobody answers.

Nothing is written to disk, and a credential is never used for another principal. A worker's credential ends with its
task. Only what belongs to the *place* that Ansible runs in (the instance, the pod) may be made once, in the parent, for
all its workers: see ``sign_in_place``.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as _field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.okestack.oci.plugins.module_utils import preload
from ansible_collections.okestack.oci.plugins.module_utils.errors import SignInError
from ansible_collections.okestack.oci.plugins.module_utils.tokens import claims_of, end_of, has_ended, time_text
from ansible_collections.okestack.oci.plugins.module_utils.waiting import Pauses

try:
    import oci
    import oci.auth.auth_utils
    import oci.auth.certificate_retriever
    import oci.auth.federation_client
    import oci.auth.session_key_supplier
    import oci.auth.signers
    import oci.circuit_breaker
    import oci.regions
    import oci.retry

    _SessionKeySupplier: Any = oci.auth.session_key_supplier.SessionKeySupplier
    _CertificateRetriever: Any = oci.auth.certificate_retriever.AbstractCertificateRetriever
    _SecurityTokenSigner: Any = oci.auth.signers.SecurityTokenSigner
except ImportError:  # reported by the session; ansible-test imports this where the SDK is not installed
    oci = None
    _SessionKeySupplier = _CertificateRetriever = _SecurityTokenSigner = object

PROFILE_TYPES = ("api_key", "security_token")
"""Ways to sign in that a profile of Oracle's configuration file describes."""
PLACE_TYPES = ("instance_principal", "oke_workload_identity")
"""Ways to sign in as the place that Ansible runs in: whoever runs there is that principal."""
AUTH_TYPES = ("api_key", "security_token", "instance_principal", "resource_principal", "oke_workload_identity")

METADATA_URLS = ("http://169.254.169.254/opc/v2", "http://[fd00:c1::a9fe:a9fe]/opc/v2")
"""The metadata service of an instance; the second is for instances that have IPv6 only."""
METADATA_CONNECT_SECONDS, METADATA_ANSWER_SECONDS = 2.0, 6.0
METADATA_SECONDS, METADATA_PAUSE = 4.0, 0.5
WORKLOAD_PORT = 12250
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
MARGIN_SECONDS = 60.0
"""How long before its end a session token is replaced; a quarter of its life where that is less."""
SITE_SECONDS = 1800.0
"""How long the site takes from nothing: whose session ends sooner is warned, since nobody but a person can renew it."""

_VARIABLES = ("OCI_METADATA_BASE_URL", "OCI_RESOURCE_PRINCIPAL_", "OCI_KUBERNETES_", "KUBERNETES_SERVICE_HOST")


@dataclass(frozen=True)
class SignIn:
    """All that decides which credential there will be; equal ones give the same.

    ``environment`` holds the variables that the SDK's signers read, and only those (`relevant`); it may hold secrets.
    ``endpoints`` are those of the connection that may be the auth service's (`for_auth`).
    """

    auth_type: str
    config_file: str = ""
    profile: str = ""
    environment: tuple[tuple[str, str], ...] = _field(default=(), repr=False)
    endpoints: tuple[tuple[str, str], ...] = ()
    ca_file: str | None = None
    proxy_url: str | None = None

    def variable(self, name: str) -> str:
        """A variable's value; empty where it is not set."""
        return dict(self.environment).get(name, "").strip()


def endpoint(endpoints: Mapping[str, str], service: str, region: str) -> str | None:
    """The URL set for a service in a region, most exact first; None: the SDK's own."""
    for key in (f"{region}/{service}", region, service, "default"):
        if endpoints.get(key):
            return endpoints[key].rstrip("/")
    return None


def for_auth(endpoints: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Of a connection's endpoints those that may be the auth service's. (Regions have hyphens, packages have none.)"""
    return tuple(
        sorted(
            (key, url)
            for key, url in endpoints.items()
            if key in ("auth", "default") or key.endswith("/auth") or ("-" in key and "/" not in key)
        )
    )


def relevant(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Of an environment, the variables that decide about a principal."""
    return tuple(sorted((name, value) for name, value in environment.items() if name.startswith(_VARIABLES)))


@dataclass
class Credential:
    """Signs requests. ``principal`` says who that is, for messages; ``region`` is None where nothing names one.

    ``warning`` is what people should know of it at once.
    ``renew`` gets a new token after the service refused the present one; False: there is no newer one.
    """

    signer: Any
    tenancy: str
    region: str | None = None
    principal: str = ""
    warning: str = ""
    renew: Callable[[], bool] = lambda: False
    close: Callable[[], None] = lambda: None


def sign_in(wanted: SignIn, config: Callable[[], Mapping[str, Any]]) -> Credential:
    """The credential; ``config`` reads the profile, where one is used. Raises SignInError."""
    if wanted.auth_type not in AUTH_TYPES:
        raise SignInError(
            f"auth_type {wanted.auth_type} must be one of {', '.join(AUTH_TYPES)} (option, or OCI_CLI_AUTH)"
        )
    if wanted.auth_type in PROFILE_TYPES:
        return _profile(wanted, config())
    kept: Credential | None = preload.kept_place(wanted)
    return kept if kept is not None else _principal(wanted)


def _principal(wanted: SignIn) -> Credential:
    made = {
        "instance_principal": _instance_principal,
        "resource_principal": _resource_principal,
        "oke_workload_identity": _workload_identity,
    }[wanted.auth_type]
    return made(wanted)


# --- once a run --------------------------------------------------------------------------------------------------


def sign_in_place(wanted: SignIn) -> None:
    """Signs in as the place that Ansible runs in, in the parent, before workers are forked.

    That is safe for these principals alone, since they are a property of the machine or pod, not of a task: any process
    there gets the same one by asking. A task whose options or environment lead elsewhere (another metadata service,
    auth service, proxy or CA) is not equal and signs in on its own. Profiles and resource principals are not shared:
    two tasks may name different ones, and they cost next to nothing. The token lives in memory only and is renewed by
    the worker that finds it expired.

    Does nothing for other ways to sign in; a failure is reported by the task that needs the credential.
    """
    if oci is None or wanted.auth_type not in PLACE_TYPES:
        return

    def made() -> Credential | None:
        try:
            credential = _principal(wanted)
        except SignInError:
            return None
        credential.close()  # a connection must not be inherited by several workers
        return credential

    preload.keep_place(wanted, made)


def nobody(key: bytes) -> Any:
    """A signer that no service knows."""
    return _key_signer("tenancy/user/fingerprint", load_key(key, None, "key"))


# --- signing -----------------------------------------------------------------------------------------------------


class _TokenSigner(_SecurityTokenSigner):
    """The SDK's signer with a session token that is replaced before it expires, and when `refresh` is called.

    ``fetch`` gives a token and the private key that it is bound to. Raises SignInError where none can be had.
    """

    def __init__(self, fetch: Callable[[], tuple[str, Any]]) -> None:
        self._fetch = fetch
        self._renewing = threading.RLock()
        self.token = ""
        self.refresh()

    def refresh(self) -> bool:
        """A new token; False when it is the one before."""
        with self._renewing:
            token, key = self._fetch()
            changed = token != self.token
            # Both signers are replaced whole: a thread that is signing meanwhile has the old pair of token and key.
            super().__init__(token, key)
            self.token = token
            now = time.time()
            expires = end_of(token) or now + 3600
            self._due = expires - min(MARGIN_SECONDS, max(expires - now, 0) / 4)
            return changed

    def do_request_sign(self, request: Any, enforce_content_headers: bool = True) -> Any:
        """Signs, with a token that is good for a while yet."""
        if time.time() > self._due:
            with self._renewing:
                if time.time() > self._due:
                    self.refresh()
        return super().do_request_sign(request, enforce_content_headers)


def load_key(content: str | bytes, pass_phrase: str | None, where: str) -> Any:
    """A private key from PEM. Raises SignInError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = content.encode() if isinstance(content, str) else content
    try:
        return load_pem_private_key(data, pass_phrase.encode() if pass_phrase else None, **preload.key_options())
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise SignInError(f"{where}: cannot be read as a PEM private key: {error}") from None


class _SessionKeys(_SessionKeySupplier):
    """The SDK's keys; the one made at the start is used, instead of being replaced at once."""

    def __init__(self) -> None:
        super().__init__()
        self._fresh = preload.keeps_first_key()

    def refresh(self) -> None:
        if not self._fresh:
            super().refresh()
        self._fresh = False


def _public_pem(keys: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    made: bytes = keys.get_key_pair()["public"].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made.decode()


# --- a profile of the configuration file -------------------------------------------------------------------------


def _profile(wanted: SignIn, config: Mapping[str, Any]) -> Credential:
    where = f"profile {wanted.profile} of {wanted.config_file}"
    tenancy, region = str(config.get("tenancy") or ""), config.get("region")
    if wanted.auth_type == "security_token":
        token_file = config.get("security_token_file")
        if not token_file:
            raise SignInError(f"{where} has no security_token_file: sign in with `oci session authenticate`")
        path = Path(str(token_file)).expanduser()

        def session() -> tuple[str, Any]:
            # Token and key are read again: `oci session refresh` may have replaced them during a long task.
            token = _text(path, "security_token_file")
            if has_ended(token):
                raise SignInError(
                    f"the session token of {where} expired at {time_text(end_of(token) or 0)} by this machine's clock: "
                    f"get a new one with `oci session authenticate --profile-name {wanted.profile}` "
                    "(`oci session refresh` renews one that has not ended)"
                )
            return token, _profile_key(config)

        signer = _TokenSigner(session)
        end, warning = end_of(signer.token), ""
        if end is not None and end < time.time() + SITE_SECONDS:
            # The same text from each task of a run, which Ansible shows once.
            warning = (
                f"the session token of {where} ends at {time_text(end)}, and what runs then fails. Renew it with "
                f"`oci session refresh --profile {wanted.profile}`, at any time before: a run reads it again"
            )
        return Credential(signer, tenancy, region, _subject(signer.token), warning, signer.refresh)
    missing = [k for k in ("tenancy", "user", "fingerprint") if not config.get(k)]
    if missing:
        hint = ""
        if config.get("security_token_file"):
            hint = ". It is a session's: set auth_type: security_token"
        elif config.get("delegation_token_file"):
            hint = ". It holds a delegated token (Cloud Shell), by which no module signs: make an API key, or a session"
        raise SignInError(f"{where} lacks {', '.join(missing)}{hint}")
    identity = f"{tenancy}/{config['user']}/{config['fingerprint']}"
    return Credential(_key_signer(identity, _profile_key(config)), tenancy, region, str(config["user"]))


def _profile_key(config: Mapping[str, Any]) -> Any:
    content = config.get("key_content")
    path = Path(str(config.get("key_file") or "")).expanduser()
    return load_key(content or _text(path, "key_file"), config.get("pass_phrase"), f"key_file {path}")


def _key_signer(identity: str, key: Any) -> Any:
    # The SDK asks no more of the configuration where the signer is of this class; its constructor would check the key.
    signer = oci.auth.signers.KeyPairSigner.__new__(oci.auth.signers.KeyPairSigner)
    signer.api_key, signer.private_key = identity, key
    signer.create_signers(
        identity, key, ["date", "(request-target)", "host"], ["content-length", "content-type", "x-content-sha256"]
    )
    return signer


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SignInError(f"{what} {path}: {error.strerror}") from None


def _subject(token: str) -> str:
    return str(claims_of(token).get("sub") or "")


# --- an instance -------------------------------------------------------------------------------------------------


def _instance_principal(wanted: SignIn) -> Credential:
    """The instance that Ansible runs on: its certificate, by which the auth service gives a token for a session key."""
    metadata = _Metadata(wanted.variable("OCI_METADATA_BASE_URL"))
    leaf = _Certificate(metadata, "cert.pem", "key.pem")
    intermediate = _Certificate(metadata, "intermediate.pem")
    try:
        tenancy = oci.auth.auth_utils.get_tenancy_id_from_certificate(leaf.get_certificate_as_certificate())
    except (RuntimeError, ValueError) as error:
        raise SignInError(f"instance_principal: {metadata.url}/identity/cert.pem: {error}") from None
    region = _region_of(metadata.get("instance/region").decode("ascii", "replace"))
    service = endpoint(dict(wanted.endpoints), "auth", region) or oci.regions.endpoint_for("auth", region=region)
    url = f"{service}/v1/x509"
    client = oci.auth.federation_client.X509FederationClient(
        federation_endpoint=url,
        tenancy_id=tenancy,
        session_key_supplier=_SessionKeys(),
        leaf_certificate_retriever=leaf,
        intermediate_certificate_retrievers=[intermediate],
        cert_bundle_verify=str(Path(wanted.ca_file).expanduser()) if wanted.ca_file else None,
        retry_strategy=oci.retry.NoneRetryStrategy(),
        circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
    )
    _set_network(client.requests_session, wanted)

    def exchange() -> tuple[str, Any]:
        with _as_sign_in_error(f"instance_principal: the auth service at {url}", _instance_hint):
            token = client.refresh_security_token()
        return token, client.session_key_supplier.get_key_pair()["private"]

    signer = _TokenSigner(exchange)
    metadata.close()

    def close() -> None:
        metadata.close()
        client.requests_session.close()

    return Credential(signer, tenancy, region, _subject(signer.token), renew=signer.refresh, close=close)


def _instance_hint(status: int) -> str:
    if status == 401:
        return "It does not accept the instance's certificate. Check the clock of this machine"
    return "Check the way from this machine to it: a service or NAT gateway, a proxy (proxy_url), ca_file"


class _Metadata:
    """The metadata service of the instance, over one connection that takes no proxy. Raises SignInError."""

    def __init__(self, url: str) -> None:
        self._candidates = (url.rstrip("/"),) if url else METADATA_URLS
        self.url = self._candidates[0]
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> bytes:
        """A document's content."""
        pauses = Pauses(METADATA_SECONDS, METADATA_PAUSE)
        while True:
            status, content = self._answer(path)
            if status == 200:
                return content
            # Certificates may be missing for a moment after an instance's start; the service throttles.
            if (status not in (404, 429) and status < 500) or not pauses.next():
                raise SignInError(
                    f"instance_principal: {self.url}/{path} answers {status}: this is not the metadata service of an "
                    "Oracle Cloud instance, or it is switched off. " + _OTHER_WAYS
                )

    def _answer(self, path: str) -> tuple[int, bytes]:
        problems = []
        for url in self._candidates if self._connection is None else (self.url,):
            try:
                return self._ask(url, path)
            except http.client.HTTPException as error:
                problems.append(f"{url}: {type(error).__name__} {error}".strip())
            except OSError as error:
                problems.append(f"{url}: {error.strerror or error}")
            self.close()
        raise SignInError(
            "instance_principal: no instance metadata service answers (" + "; ".join(problems) + "). This works on "
            "compute instances of Oracle Cloud only. " + _OTHER_WAYS
        )

    def _ask(self, url: str, path: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                parts.hostname or "", parts.port, timeout=METADATA_CONNECT_SECONDS
            )
            self._connection.connect()
            self._connection.sock.settimeout(METADATA_ANSWER_SECONDS)
        self._connection.request("GET", f"{parts.path}/{path}", headers={"Authorization": "Bearer Oracle"})
        answer = self._connection.getresponse()
        self.url = url
        return answer.status, answer.read().strip()

    def close(self) -> None:
        """Ends the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_OTHER_WAYS = "Choose another auth_type (or OCI_CLI_AUTH), or set OCI_METADATA_BASE_URL where the service is elsewhere"


class _Certificate(_CertificateRetriever):
    """A certificate of the instance and its key, read once for a token (the SDK reads them twice)."""

    def __init__(self, metadata: _Metadata, certificate: str, key: str | None = None) -> None:
        super().__init__()
        self._metadata, self._names = metadata, (certificate, key)
        self._load()
        self._fresh = True

    def _load(self) -> None:
        certificate, key = self._names
        self._raw = self._metadata.get(f"identity/{certificate}")
        self._key = self._key_pem = None
        if key:
            self._key_pem = self._metadata.get(f"identity/{key}")
            self._key = load_key(self._key_pem, None, f"instance_principal: {self._metadata.url}/identity/{key}")

    def refresh(self) -> None:
        """Certificates are replaced several times a day: read before each token."""
        if not self._fresh:
            self._load()
            self._metadata.close()
        self._fresh = False

    def get_certificate_and_private_key(self) -> dict[str, Any]:
        """As the SDK's retrievers have it."""
        return {"certificate": self._raw, "private_key_pem": self._key_pem, "private_key": self._key}

    def get_certificate_as_certificate(self) -> Any:
        """The certificate, parsed."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self._raw)

    def get_certificate_raw(self) -> bytes:
        """The certificate as PEM."""
        return self._raw

    def get_private_key_pem(self) -> bytes | None:
        """The key as PEM."""
        return self._key_pem

    def get_private_key(self) -> Any:
        """The key."""
        return self._key


# --- a resource --------------------------------------------------------------------------------------------------


def _resource_principal(wanted: SignIn) -> Credential:
    """The resource that Ansible runs in (a function, a job): its host hands over a token, or the way to one."""
    version = wanted.variable("OCI_RESOURCE_PRINCIPAL_VERSION")
    if not version:
        raise SignInError(
            "resource_principal: OCI_RESOURCE_PRINCIPAL_VERSION is not set: the services whose resources can sign in "
            "(functions, jobs, notebooks) set it together with the token. Choose another auth_type (or OCI_CLI_AUTH) "
            "elsewhere"
        )
    if version == "2.2":
        return _session_of_resource(wanted)
    with _as_sign_in_error(f"resource_principal: version {version}"), _environment_of(wanted):
        signer = oci.auth.signers.get_resource_principals_signer()
    token = signer.get_security_token()
    tenancy = claims_of(token).get("res_tenant") or getattr(signer, "tenancy_id", None)
    # The SDK renews the tokens of its own signers itself.
    return Credential(signer, str(tenancy or ""), getattr(signer, "region", None), _subject(token))


def _session_of_resource(wanted: SignIn) -> Credential:
    prefix = "OCI_RESOURCE_PRINCIPAL_"
    values = {name: wanted.variable(prefix + name) for name in ("RPST", "PRIVATE_PEM")}
    missing = [prefix + name for name, value in values.items() if not value]
    if missing:
        raise SignInError(f"resource_principal: {' and '.join(missing)} not set, which version 2.2 needs")

    def content(name: str) -> str:
        value = wanted.variable(prefix + name)
        return _text(Path(value), f"resource_principal: {prefix}{name}") if value.startswith("/") else value

    def session() -> tuple[str, Any]:
        token = content("RPST")
        found = claims_of(token)
        if not found:
            raise SignInError(f"resource_principal: {prefix}RPST holds no token")
        if has_ended(token):
            raise SignInError(
                f"resource_principal: the token in {prefix}RPST expired at {time_text(end_of(token) or 0)}: its host "
                "has to put a new one there"
            )
        phrase = content("PRIVATE_PEM_PASSPHRASE")
        return token, load_key(content("PRIVATE_PEM"), phrase or None, f"resource_principal: {prefix}PRIVATE_PEM")

    signer = _TokenSigner(session)
    region = _region_of(wanted.variable(prefix + "REGION"))
    tenancy = str(claims_of(signer.token).get("res_tenant") or "")
    return Credential(signer, tenancy, region or None, _subject(signer.token), renew=signer.refresh)


@contextmanager
def _environment_of(wanted: SignIn) -> Iterator[None]:
    """The task's variables where the SDK looks for them; a worker runs one task, and they are taken away again."""
    before = dict(os.environ)
    os.environ.update(dict(wanted.environment))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- a workload of an OKE cluster --------------------------------------------------------------------------------


def _workload_identity(wanted: SignIn) -> Credential:
    """The service account of the pod that Ansible runs in: its cluster exchanges the account's token at port 12250."""
    host = wanted.variable("KUBERNETES_SERVICE_HOST")
    if not host:
        raise SignInError(
            "oke_workload_identity: KUBERNETES_SERVICE_HOST is not set: this works in pods of OKE's enhanced clusters "
            "only. Choose another auth_type (or OCI_CLI_AUTH) elsewhere"
        )
    token_file = Path(wanted.variable("OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH") or f"{SERVICE_ACCOUNT}/token")
    ca_file = Path(wanted.variable("OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH") or f"{SERVICE_ACCOUNT}/ca.crt")
    where = "oke_workload_identity"
    try:
        trust = ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise SignInError(
            f"{where}: the cluster's CA {ca_file}: {error.strerror or error}. The pod needs "
            "automountServiceAccountToken: true, or OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH"
        ) from None
    keys = _SessionKeys()

    def exchange() -> tuple[str, Any]:
        keys.refresh()
        account = _text(token_file, f"{where}: the service account's token")
        pem = "".join(line for line in _public_pem(keys).splitlines() if not line.startswith("-----"))
        answer = _post_for_workload(host, trust, account, {"podKey": pem})
        try:
            token = str(json.loads(base64.b64decode(answer))["token"]).removeprefix("ST$")
        except (ValueError, KeyError, TypeError):
            raise SignInError(f"{where}: {host}:{WORKLOAD_PORT} answers what holds no token") from None
        return token, keys.get_key_pair()["private"]

    signer = _TokenSigner(exchange)
    region = _region_of(wanted.variable("OCI_RESOURCE_PRINCIPAL_REGION"))
    tenancy = str(claims_of(signer.token).get("res_tenant") or "")
    return Credential(signer, tenancy, region or None, _subject(signer.token), renew=signer.refresh)


def _post_for_workload(host: str, trust: ssl.SSLContext, account: str, body: Mapping[str, str]) -> bytes:
    where = f"oke_workload_identity: https://{host}:{WORKLOAD_PORT}"
    connection = http.client.HTTPSConnection(host, WORKLOAD_PORT, timeout=10, context=trust)
    headers = {"Authorization": f"Bearer {account}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/resourcePrincipalSessionTokens", json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise SignInError(
            f"{where} does not answer: {getattr(error, 'strerror', None) or error}. Pods need TCP {WORKLOAD_PORT} to "
            "the cluster's API endpoint, in the security rules of both",
            passing=not isinstance(error, ssl.SSLCertVerificationError),
        ) from None
    finally:
        connection.close()
    if answer.status != 200:
        hint = {
            401: "It does not accept the service account's token: is it of this cluster, and not expired?",
            403: "Workload identity needs an enhanced cluster",
        }.get(answer.status, "")
        summary = content.decode("utf-8", "replace")[:300]
        raise SignInError(
            f"{where} answers {answer.status}: {summary}. {hint}".strip(),
            passing=answer.status == 429 or answer.status >= 500,
        )
    return content


# --- parts of several --------------------------------------------------------------------------------------------


def _region_of(text: str) -> str:
    """A region's identifier; the metadata service and variables may name it by its key (`fra`)."""
    name = text.strip().lower()
    return str(oci.regions.REGIONS_SHORT_NAMES.get(name, name))


def _set_network(session: Any, wanted: SignIn) -> None:
    """Proxies and CA bundles are options, not the environment's."""
    session.trust_env = False
    if wanted.proxy_url:
        session.proxies = {"http": wanted.proxy_url, "https": wanted.proxy_url}


@contextmanager
def _as_sign_in_error(where: str, hint: Callable[[int], str] = lambda status: "") -> Iterator[None]:
    """The SDK's errors as text that says who was asked, and whether to ask again."""
    try:
        yield
    except SignInError:
        raise
    except oci.exceptions.ServiceError as error:
        text = f"{where} answers {error.status} {error.code or ''}: {error.message}. {hint(error.status)}"
        raise SignInError(text.rstrip(" ."), passing=error.status == 429 or error.status >= 500) from None
    except Exception as error:  # requests' own, vendored in the SDK; EnvironmentError and ValueError of its signers
        innermost: BaseException = error
        while innermost.__cause__ or innermost.__context__:
            innermost = innermost.__cause__ or innermost.__context__  # type: ignore[assignment]
        text = f"{where}: {innermost or type(innermost).__name__}. {hint(0)}"
        network = type(error).__module__.startswith("oci._vendor.requests")
        raise SignInError(text.rstrip(" ."), passing=network) from None
