# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Load Balancing service makes of requests: defaults, refusals, and the changes of a load balancer's document.

No I/O. A *document* is the service's `LoadBalancer` in wire names. :func:`apply` is used twice for each request: on a
copy when it arrives (so that bad input is refused at once) and on the document when its work request runs.

Defaults: the SDK's models, the Terraform provider's documentation of the same fields, and answers of the service
quoted in public issues (health checker: 3 retries, 3000 ms, 10000 ms, code 200; SSL: TLSv1.2, verify depth 1).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from localregion.core.errors import ServiceError, conflict, invalid, missing, not_found, not_implemented

Doc = dict[str, Any]

POLICIES = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "IP_HASH")
PROTOCOLS = ("HTTP", "TCP")
FIXED_SHAPES = {"10Mbps": 10, "100Mbps": 100, "400Mbps": 400, "8000Mbps": 8000}
SHAPES = (*FIXED_SHAPES, "flexible")
CIPHER_SUITES = (
    "oci-default-ssl-cipher-suite-v1",
    "oci-modern-ssl-cipher-suite-v1",
    "oci-compatible-ssl-cipher-suite-v1",
    "oci-wider-compatible-ssl-cipher-suite-v1",
    "oci-default-http2-ssl-cipher-suite-v1",
    "oci-tls-13-recommended-ssl-cipher-suite-v1",
)
_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}\Z")
_LISTENER_NAME = re.compile(r"\S{1,255}\Z")
# A token of RFC 6265.
_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,4096}\Z")
# Parts of a load balancer that the local region has no program for.
_UNSUPPORTED = {
    "hostnames": "create_hostname",
    "sslCipherSuites": "create_ssl_cipher_suite",
    "pathRouteSets": "create_path_route_set",
    "ruleSets": "create_rule_set",
}


def shape(name: str, details: Doc | None) -> tuple[str, Doc | None]:
    """Shape name and details as stored. Raises 400 for an unknown shape or bandwidth."""
    if name.lower() == "flexible":
        if not details:
            raise missing("shapeDetails")
        low, high = details["minimumBandwidthInMbps"], details["maximumBandwidthInMbps"]
        if not 10 <= low <= 8000:
            raise invalid("minimumBandwidthInMbps must be between 10 and 8000")
        if not low <= high <= 8000:
            raise invalid("maximumBandwidthInMbps must be between minimumBandwidthInMbps and 8000")
        return "flexible", {"minimumBandwidthInMbps": low, "maximumBandwidthInMbps": high}
    if name not in FIXED_SHAPES:
        raise invalid(f"Invalid shape name '{name}': valid values are {', '.join(SHAPES)}")
    if details:
        raise invalid(f"shapeDetails is only allowed with the shape 'flexible', not with '{name}'")
    return name, None


def _port(value: int, field: str, low: int = 1) -> int:
    if not low <= value <= 65535:
        raise invalid(f"{field} must be between {low} and 65535: {value}")
    return value


def backend(details: Doc) -> Doc:
    """A backend as stored; its name is `address:port`."""
    try:
        address = str(ipaddress.ip_address(details["ipAddress"]))
    except ValueError:
        raise invalid(f"ipAddress of a backend is not an IP address: '{details['ipAddress']}'") from None
    port = _port(details["port"], "port of a backend")
    return {
        "name": f"{address}:{port}",
        "ipAddress": address,
        "port": port,
        **_backend_options({"weight": 1, "backup": False, "drain": False, "offline": False} | _given(details)),
    }


def _backend_options(details: Doc) -> Doc:
    if not 1 <= details["weight"] <= 100:
        raise invalid(f"weight of a backend must be between 1 and 100: {details['weight']}")
    most = details.get("maxConnections")
    if most and most < 256:
        raise invalid(f"maxConnections must be 0 or at least 256: {most}")
    made = {key: details[key] for key in ("weight", "backup", "drain", "offline")}
    if most is not None:
        made["maxConnections"] = most
    return made


def _given(details: Doc) -> Doc:
    return {key: value for key, value in details.items() if value is not None}


def health_checker(details: Doc) -> Doc:
    """A health checker as stored."""
    protocol = details["protocol"].upper()
    if protocol not in ("HTTP", "TCP"):
        raise invalid(f"protocol of a health checker must be HTTP or TCP: '{details['protocol']}'")
    if protocol == "HTTP" and not details.get("urlPath"):
        raise missing("healthChecker.urlPath")
    made = {
        "protocol": protocol,
        "port": 0,
        "returnCode": 200,
        "retries": 3,
        "timeoutInMillis": 3000,
        "intervalInMillis": 10000,
        "responseBodyRegex": ".*" if protocol == "HTTP" else "",
        "isForcePlainText": False,
    } | {key: value for key, value in _given(details).items() if key != "protocol"}
    _port(made["port"], "port of a health checker", 0)
    if made.get("urlPath") and not made["urlPath"].startswith("/"):
        raise invalid(f"urlPath of a health checker must begin with '/': '{made['urlPath']}'")
    if not 1 <= made["timeoutInMillis"] <= 600000:
        raise invalid(f"timeoutInMillis must be between 1 and 600000: {made['timeoutInMillis']}")
    if not 1000 <= made["intervalInMillis"] <= 1800000:
        raise invalid(f"intervalInMillis must be between 1000 and 1800000: {made['intervalInMillis']}")
    if not 1 <= made["retries"] <= 100:
        raise invalid(f"retries must be between 1 and 100: {made['retries']}")
    if protocol == "HTTP" and not 100 <= made["returnCode"] <= 599:
        raise invalid(f"returnCode must be between 100 and 599: {made['returnCode']}")
    try:
        re.compile(made["responseBodyRegex"])
    except re.error:
        raise invalid("responseBodyRegex is not a regular expression") from None
    return made


def ssl(details: Doc | None, *, listener: bool) -> Doc | None:
    """An SSL configuration as stored, of a listener or of a backend set."""
    if details is None:
        return None
    if details.get("certificateIds") or details.get("trustedCertificateAuthorityIds"):
        raise not_implemented("certificates of the Certificates service on load balancers")
    if listener and not details.get("certificateName"):
        raise missing("sslConfiguration.certificateName")
    made: Doc = {
        "protocols": ["TLSv1.2"],
        "cipherSuiteName": CIPHER_SUITES[0] if listener else "oci-wider-compatible-ssl-cipher-suite-v1",
        "serverOrderPreference": "ENABLED" if listener else "DISABLED",
        "verifyPeerCertificate": False,
        "verifyDepth": 1,
        "hasSessionResumption": False,
    } | _given(details)
    unknown = [name for name in made["protocols"] if name not in _TLS]
    if unknown:
        raise invalid(f"Unknown SSL protocol {', '.join(unknown)}: valid values are {', '.join(_TLS)}")
    if made["cipherSuiteName"] not in CIPHER_SUITES:
        raise invalid(f"Unknown SSL cipher suite '{made['cipherSuiteName']}'")
    return made


def backend_set(name: str, details: Doc) -> Doc:
    """A backend set as stored."""
    if not _NAME.match(name):
        raise invalid(f"Invalid backend set name '{name}': 1 to 32 alphanumeric characters, dashes and underscores")
    if details["policy"] not in POLICIES:
        raise invalid(f"Invalid policy '{details['policy']}': valid values are {', '.join(POLICIES)}")
    backends = [backend(each) for each in details.get("backends") or []]
    names = [each["name"] for each in backends]
    if twice := {each for each in names if names.count(each) > 1}:
        raise invalid(f"Backend set '{name}' names the backend {', '.join(sorted(twice))} more than once")
    most = details.get("backendMaxConnections")
    if most and most < 256:
        raise invalid(f"backendMaxConnections must be 0 or at least 256: {most}")
    if details.get("sessionPersistenceConfiguration") and details.get("lbCookieSessionPersistenceConfiguration"):
        raise invalid("sessionPersistenceConfiguration and lbCookieSessionPersistenceConfiguration exclude each other")
    if details["policy"] == "IP_HASH" and any(each["backup"] for each in backends):
        raise invalid("A backup backend is not allowed with the policy IP_HASH")
    made: Doc = {
        "name": name,
        "policy": details["policy"],
        "backends": backends,
        "healthChecker": health_checker(details["healthChecker"]),
    }
    for field in (
        "backendMaxConnections",
        "sessionPersistenceConfiguration",
        "lbCookieSessionPersistenceConfiguration",
    ):
        if details.get(field) is not None:
            made[field] = details[field]
    for field in ("sessionPersistenceConfiguration", "lbCookieSessionPersistenceConfiguration", "healthChecker"):
        part = made.get(field, {})
        for key, value in part.items():
            if isinstance(value, str) and not value.isprintable():
                raise invalid(f"{field}.{key} has a character that cannot be printed: {value!r}")
        if part.get("cookieName") and not _COOKIE_NAME.match(part["cookieName"]):
            raise invalid(f"{field}.cookieName is not the name of a cookie: '{part['cookieName']}'")
    if (secure := ssl(details.get("sslConfiguration"), listener=False)) is not None:
        made["sslConfiguration"] = secure
    return made


def listener(name: str, details: Doc) -> Doc:
    """A listener as stored."""
    if not _LISTENER_NAME.match(name):
        raise invalid(f"Invalid listener name '{name}': 1 to 255 characters without spaces")
    if details["protocol"] not in PROTOCOLS:
        if details["protocol"] in ("HTTP2", "GRPC"):
            raise not_implemented(f"listeners of protocol {details['protocol']}")
        raise invalid(f"Invalid protocol '{details['protocol']}': valid values are {', '.join(PROTOCOLS)}")
    for field, operation in (
        ("hostnameNames", "create_hostname"),
        ("pathRouteSetName", "create_path_route_set"),
        ("routingPolicyName", "create_routing_policy"),
        ("ruleSetNames", "create_rule_set"),
    ):
        if details.get(field):
            raise not_implemented(operation)
    connection = {"idleTimeout": 60 if details["protocol"] == "HTTP" else 300} | _given(
        details.get("connectionConfiguration") or {}
    )
    if not 1 <= connection["idleTimeout"] <= 7200:
        raise invalid(f"idleTimeout must be between 1 and 7200: {connection['idleTimeout']}")
    if "backendTcpProxyProtocolVersion" in connection:
        if details["protocol"] != "TCP":
            raise invalid("backendTcpProxyProtocolVersion is only allowed for listeners of protocol TCP")
        if connection["backendTcpProxyProtocolVersion"] not in (1, 2):
            raise invalid("backendTcpProxyProtocolVersion must be 1 or 2")
    made: Doc = {
        "name": name,
        "defaultBackendSetName": details["defaultBackendSetName"],
        "port": _port(details["port"], "port of a listener"),
        "protocol": details["protocol"],
        "hostnameNames": [],
        "ruleSetNames": [],
        "connectionConfiguration": connection,
    }
    if (secure := ssl(details.get("sslConfiguration"), listener=True)) is not None:
        made["sslConfiguration"] = secure
    return made


def certificate(details: Doc) -> tuple[Doc, bytes | None]:
    """A certificate bundle as stored and its private key (PEM, without passphrase).

    Raises 400 when a PEM text does not parse, the passphrase is wrong, or key and certificate do not belong together.
    """
    name = details["certificateName"]
    if not _CERTIFICATE_NAME.match(name):
        raise invalid(
            f"Invalid certificate name '{name}': only alphanumeric characters, dashes, underscores and periods"
        )
    public, private, ca = (details.get(field) for field in ("publicCertificate", "privateKey", "caCertificate"))
    if bool(public) != bool(private):
        raise missing("privateKey" if public else "publicCertificate")
    if not public and not ca:
        raise missing("publicCertificate")
    key = None
    if public and private:
        chain = _certificates(public, "publicCertificate")
        password = details["passphrase"].encode() if details.get("passphrase") else None
        try:
            loaded = serialization.load_pem_private_key(private.encode(), password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise invalid("privateKey is not a PEM private key, or the passphrase is wrong") from None
        try:
            matching = _spki(loaded.public_key()) == _spki(chain[0].public_key())
        except (ValueError, UnsupportedAlgorithm):
            matching = False
        if not matching:
            raise invalid("privateKey and publicCertificate do not match")
        key = loaded.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    if ca:
        authorities = _certificates(ca, "caCertificate")
        if public:
            _issued(_certificates(public, "publicCertificate")[-1], authorities)
    return {"certificateName": name, "publicCertificate": public or "", "caCertificate": ca or ""}, key


def _certificates(text: str, field: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise invalid(f"{field} is not a PEM certificate") from None


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _issued(last: x509.Certificate, authorities: list[x509.Certificate]) -> None:
    for authority in authorities:
        try:
            last.verify_directly_issued_by(authority)
            return
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
    raise invalid("caCertificate is not the issuer of publicCertificate")


def new(body: Doc) -> tuple[Doc, dict[str, bytes]]:
    """The parts of a new document that the body of a create decides, and the private keys by certificate name."""
    for field, operation in _UNSUPPORTED.items():
        if body.get(field):
            raise not_implemented(operation)
    if body.get("ipMode") == "IPV6":
        raise not_implemented("load balancers with IPv6")
    name, details = shape(body["shapeName"], body.get("shapeDetails"))
    doc: Doc = {
        "displayName": body["displayName"],
        "shapeName": name,
        "isPrivate": bool(body.get("isPrivate")),
        "isDeleteProtectionEnabled": bool(body.get("isDeleteProtectionEnabled")),
        "ipMode": "IPV4",
        "networkSecurityGroupIds": list(dict.fromkeys(body.get("networkSecurityGroupIds") or [])),
        "subnetIds": body["subnetIds"],
        "backendSets": {},
        "listeners": {},
        "certificates": {},
        "hostnames": {},
        "sslCipherSuites": {},
        "pathRouteSets": {},
        "ruleSets": {},
        "routingPolicies": {},
    }
    if details:
        doc["shapeDetails"] = details
    _request_id(
        doc, {"isRequestIdEnabled": body.get("isRequestIdEnabled"), "requestIdHeader": body.get("requestIdHeader")}
    )
    keys: dict[str, bytes] = {}
    for name, each in (body.get("certificates") or {}).items():
        if each["certificateName"] != name:
            raise invalid(f"certificateName '{each['certificateName']}' differs from its key '{name}'")
        doc["certificates"][name], key = certificate(each)
        if key:
            keys[name] = key
    for name, each in (body.get("backendSets") or {}).items():
        doc["backendSets"][name] = backend_set(name, each)
    for name, each in (body.get("listeners") or {}).items():
        doc["listeners"][name] = listener(name, each)
    check(doc)
    return doc, keys


def _request_id(doc: Doc, details: Doc) -> None:
    if details.get("isRequestIdEnabled") is not None:
        doc["isRequestIdEnabled"] = details["isRequestIdEnabled"]
    doc.setdefault("isRequestIdEnabled", False)
    if details.get("requestIdHeader") is not None:
        header = details["requestIdHeader"]
        if header and not re.fullmatch(r"[Xx]-[A-Za-z0-9-]+", header):
            raise invalid(f"requestIdHeader must begin with X-: '{header}'")
        doc["requestIdHeader"] = header or "X-Request-Id"
    if doc["isRequestIdEnabled"]:
        doc.setdefault("requestIdHeader", "X-Request-Id")


def check(doc: Doc) -> None:
    """Refuse a document whose parts do not fit together."""
    if len(doc["backendSets"]) > 16:
        raise ServiceError(400, "LimitExceeded", "A load balancer has at most 16 backend sets")
    if len(doc["listeners"]) > 16:
        raise ServiceError(400, "LimitExceeded", "A load balancer has at most 16 listeners")
    if sum(len(each["backends"]) for each in doc["backendSets"].values()) > 512:
        raise ServiceError(400, "LimitExceeded", "A load balancer has at most 512 backends")
    if len(doc["networkSecurityGroupIds"]) > 5:
        raise ServiceError(400, "LimitExceeded", "A load balancer has at most 5 network security groups")
    ports: dict[int, str] = {}
    for each in doc["listeners"].values():
        if each["defaultBackendSetName"] not in doc["backendSets"]:
            raise invalid(f"Listener '{each['name']}' refers to unknown backend set '{each['defaultBackendSetName']}'")
        # Listeners that share a port differ by their hostnames, which do not exist here.
        if each["port"] in ports:
            raise invalid(f"Listeners '{ports[each['port']]}' and '{each['name']}' both use port {each['port']}")
        ports[each["port"]] = each["name"]
    for kind in ("listeners", "backendSets"):
        for each in doc[kind].values():
            name = (each.get("sslConfiguration") or {}).get("certificateName")
            if name and name not in doc["certificates"]:
                raise invalid(f"'{each['name']}' refers to unknown certificate '{name}'")
            if name and kind == "listeners" and not doc["certificates"][name]["publicCertificate"]:
                raise invalid(f"Certificate '{name}' of listener '{each['name']}' has no public certificate")


def find(doc: Doc, kind: str, name: str) -> Doc:
    """A named part (`kind` is the document's field), or 404."""
    if name not in doc[kind]:
        raise not_found(f"{name} not found in {kind} of {doc['id']}")
    part: Doc = doc[kind][name]
    return part


def find_backend(doc: Doc, set_name: str, name: str) -> Doc:
    """A backend by `address:port`, or 404."""
    for each in find(doc, "backendSets", set_name)["backends"]:
        if each["name"] == name:
            found: Doc = each
            return found
    raise not_found(f"Backend '{name}' not found in backend set '{set_name}'")


# --- changes ---------------------------------------------------------------------------------------------------------


def _create_backend_set(doc: Doc, body: Doc, path: Doc) -> None:
    _absent(doc, "backendSets", body["name"])
    doc["backendSets"][body["name"]] = backend_set(body["name"], body)


def _update_backend_set(doc: Doc, body: Doc, path: Doc) -> None:
    name = path["backend_set_name"]
    find(doc, "backendSets", name)
    doc["backendSets"][name] = backend_set(name, body)


def _delete_backend_set(doc: Doc, body: Doc, path: Doc) -> None:
    name = path["backend_set_name"]
    find(doc, "backendSets", name)
    users = [each["name"] for each in doc["listeners"].values() if each["defaultBackendSetName"] == name]
    if users:
        raise conflict(f"Backend set '{name}' is attached to one or more listeners: {', '.join(users)}")
    del doc["backendSets"][name]


def _create_backend(doc: Doc, body: Doc, path: Doc) -> None:
    owner = find(doc, "backendSets", path["backend_set_name"])
    made = backend(body)
    if any(each["name"] == made["name"] for each in owner["backends"]):
        raise conflict(f"Backend '{made['name']}' already exists in backend set '{owner['name']}'")
    if made["backup"] and owner["policy"] == "IP_HASH":
        raise invalid("A backup backend is not allowed with the policy IP_HASH")
    owner["backends"].append(made)


def _update_backend(doc: Doc, body: Doc, path: Doc) -> None:
    owner = find(doc, "backendSets", path["backend_set_name"])
    found = find_backend(doc, path["backend_set_name"], path["backend_name"])
    if body["backup"] and owner["policy"] == "IP_HASH":
        raise invalid("A backup backend is not allowed with the policy IP_HASH")
    options = _backend_options(_given(body))
    found.pop("maxConnections", None)
    found.update(options)


def _delete_backend(doc: Doc, body: Doc, path: Doc) -> None:
    found = find_backend(doc, path["backend_set_name"], path["backend_name"])
    doc["backendSets"][path["backend_set_name"]]["backends"].remove(found)


def _update_health_checker(doc: Doc, body: Doc, path: Doc) -> None:
    find(doc, "backendSets", path["backend_set_name"])["healthChecker"] = health_checker(body)


def _create_listener(doc: Doc, body: Doc, path: Doc) -> None:
    _absent(doc, "listeners", body["name"])
    doc["listeners"][body["name"]] = listener(body["name"], body)


def _update_listener(doc: Doc, body: Doc, path: Doc) -> None:
    name = path["listener_name"]
    find(doc, "listeners", name)
    doc["listeners"][name] = listener(name, body)


def _delete_listener(doc: Doc, body: Doc, path: Doc) -> None:
    find(doc, "listeners", path["listener_name"])
    del doc["listeners"][path["listener_name"]]


def _create_certificate(doc: Doc, body: Doc, path: Doc) -> None:
    # The private key never comes here: the service has checked it and keeps it sealed beside the document.
    _absent(doc, "certificates", body["certificateName"])
    doc["certificates"][body["certificateName"]] = {
        field: body[field] for field in ("certificateName", "publicCertificate", "caCertificate")
    }


def _delete_certificate(doc: Doc, body: Doc, path: Doc) -> None:
    name = path["certificate_name"]
    find(doc, "certificates", name)
    for kind in ("listeners", "backendSets"):
        if any((each.get("sslConfiguration") or {}).get("certificateName") == name for each in doc[kind].values()):
            raise conflict(f"Certificate '{name}' is attached to one or more listeners/backendSets")
    del doc["certificates"][name]


def _update_load_balancer(doc: Doc, body: Doc, path: Doc) -> None:
    if body.get("ipMode") == "IPV6":
        raise not_implemented("load balancers with IPv6")
    if body.get("reservedIps"):
        raise not_implemented("a reserved IP for an existing load balancer")
    if body.get("displayName") == "":
        raise invalid("displayName must not be empty")
    for field in ("displayName", "isDeleteProtectionEnabled", "freeformTags", "definedTags", "securityAttributes"):
        if body.get(field) is not None:
            doc[field] = body[field]
    _request_id(doc, body)


def _update_shape(doc: Doc, body: Doc, path: Doc) -> None:
    name, details = shape(body["shapeName"], body.get("shapeDetails"))
    doc["shapeName"] = name
    doc.pop("shapeDetails", None)
    if details:
        doc["shapeDetails"] = details


def _update_groups(doc: Doc, body: Doc, path: Doc) -> None:
    doc["networkSecurityGroupIds"] = list(dict.fromkeys(body.get("networkSecurityGroupIds") or []))


def _absent(doc: Doc, kind: str, name: str) -> None:
    if name in doc[kind]:
        raise conflict(f"'{name}' already exists in {kind} of {doc['id']}")


CHANGES: dict[str, tuple[str, Callable[[Doc, Doc, Doc], None]]] = {
    # operation of the SDK: (type of the work request, change)
    "create_backend_set": ("CreateBackendSet", _create_backend_set),
    "update_backend_set": ("UpdateBackendSet", _update_backend_set),
    "delete_backend_set": ("DeleteBackendSet", _delete_backend_set),
    "create_backend": ("CreateBackend", _create_backend),
    "update_backend": ("UpdateBackend", _update_backend),
    "delete_backend": ("DeleteBackend", _delete_backend),
    "update_health_checker": ("UpdateHealthChecker", _update_health_checker),
    "create_listener": ("CreateListener", _create_listener),
    "update_listener": ("UpdateListener", _update_listener),
    "delete_listener": ("DeleteListener", _delete_listener),
    "create_certificate": ("CreateCertificate", _create_certificate),
    "delete_certificate": ("DeleteCertificate", _delete_certificate),
    "update_load_balancer": ("UpdateLoadBalancer", _update_load_balancer),
    "update_load_balancer_shape": ("UpdateShape", _update_shape),
    "update_network_security_groups": ("UpdateNetworkSecurityGroups", _update_groups),
}


def apply(operation: str, doc: Doc, body: Doc, path: Doc) -> None:
    """Change `doc` in place as `operation` of the SDK does; raises ServiceError when the document forbids it."""
    CHANGES[operation][1](doc, body, path)
    check(doc)


def combine(states: list[str], kind: str) -> str:
    """Health of a whole from the health of its parts, by the rules in the SDK's models.

    `kind` is `set` (backends of a set) or `balancer` (backend sets of a load balancer).
    """
    if not states:
        return "UNKNOWN"
    if kind == "balancer":
        for state in ("CRITICAL", "WARNING"):
            if state in states:
                return state
        return "OK" if all(state == "OK" for state in states) else "UNKNOWN"
    if all(state == "OK" for state in states):
        return "OK"
    if states.count("UNKNOWN") * 2 > len(states):
        return "UNKNOWN"
    return "WARNING" if states.count("OK") * 2 >= len(states) else "CRITICAL"
