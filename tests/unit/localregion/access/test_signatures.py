"""Signatures: what is accepted, and all that is a 401."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import oci
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from localregion.access import policies
from localregion.access.signatures import Refused, Tokens
from localregion.host.pki import key_pem, new_key, public_key_pem
from localregion.settings import OPERATOR_ID, TENANCY_ID

PATH = "/20160918/policies"
BODY = b'{"compartmentId":"x","name":"n","description":"d","statements":[]}'
GENERIC = ["date", "(request-target)", "host"]
OLD, NOW = -30 * 24 * 3600, 0
"""Dates, in seconds from the moment of sending: tests are collected long before."""
WITH_BODY = [*GENERIC, "content-length", "content-type", "x-content-sha256"]


def send(
    region: Any,
    method: str = "POST",
    *,
    signed: list[str] | None = None,
    drop: tuple[str, ...] = (),
    body: bytes = BODY,
    sent_body: bytes | None = None,
    headers: Mapping[str, str | int] | None = None,
    key: Any = None,
    key_id: str | None = None,
    path: str = PATH,
    sent_path: str | None = None,
    template: str = 'Signature version="1",algorithm="rsa-sha256",headers="{h}",keyId="{k}",signature="{s}"',
) -> httpx.Response:
    """A request signed by hand; the arguments say what is wrong with it. A number among ``headers`` is a date, in
    seconds from now."""
    config = region.config
    key = key or serialization.load_pem_private_key(Path(config["key_file"]).read_bytes(), None)
    body = body if method != "GET" else b""
    values = {
        "date": email.utils.formatdate(usegmt=True),
        "host": region.endpoint.removeprefix("http://"),
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    for name, value in (headers or {}).items():
        values[name] = value if isinstance(value, str) else email.utils.formatdate(time.time() + value, usegmt=True)
    signed = signed or (GENERIC if method == "GET" else WITH_BODY)
    lines = [
        f"{name}: {method.lower()} {path}" if name == "(request-target)" else f"{name.lower()}: {values[name.lower()]}"
        for name in signed
    ]
    lines = [line.replace("(request-target)", "(request-target)") for line in lines]
    signature = key.sign("\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())
    identifier = key_id or f"{config['tenancy']}/{config['user']}/{config['fingerprint']}"
    values["authorization"] = template.format(h=" ".join(signed), k=identifier, s=base64.b64encode(signature).decode())
    content = body if sent_body is None else sent_body
    values["content-length"] = str(len(content)) if method != "GET" else "0"
    sent = {name: value for name, value in values.items() if name not in drop}
    return httpx.request(method, region.endpoint + (sent_path or path), headers=sent, content=content, trust_env=False)


def test_good_signatures_pass(region: Any) -> None:
    assert send(region).status_code == 404  # the compartment x is unknown: past the signature
    assert send(region, "GET", path="/20160918/regions").status_code == 200
    # the TypeScript SDK sends x-date, and names headers as it likes
    now = email.utils.formatdate(usegmt=True)
    answer = send(
        region, "GET", path="/20160918/regions", signed=["x-date", "(request-target)", "Host"], headers={"x-date": now},
        drop=("date",),
    )  # fmt: skip
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": new_key("rsa")},
        {"sent_body": BODY.replace(b'"n"', b'"m"')},
        {"headers": {"date": -600}},
        {"headers": {"date": 600}},
        {"headers": {"date": "yesterday"}},
        {"headers": {"date": "Fri, 31 Dec 999999999 23:59:59 GMT"}},
        # the header that was signed decides: the other is anybody's
        {"headers": {"date": OLD, "x-date": NOW}},
        {"headers": {"date": NOW, "x-date": OLD}, "signed": ["x-date", *WITH_BODY[1:]]},
        {"signed": GENERIC},
        {"signed": [name for name in WITH_BODY if name != "host"]},
        {"signed": [name for name in WITH_BODY if name != "date"]},
        {"signed": [name for name in WITH_BODY if name != "x-content-sha256"]},
        {"drop": ("authorization",)},
        {"sent_path": "/20160918/users"},
        {"key_id": f"{TENANCY_ID}/{OPERATOR_ID}/00:11"},
        {"key_id": "someone"},
        {"key_id": "ST$abc.def.ghi"},
        {"template": 'Signature version="1",algorithm="hmac-sha256",headers="{h}",keyId="{k}",signature="{s}"'},
        {"template": 'Signature version="1",algorithm="rsa-sha256",headers="{h}",keyId="{k}",signature="%%%"'},
        {"template": "Bearer {k}"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_anything_wrong_is_a_401(region: Any, wrong: dict[str, Any]) -> None:
    answer = send(region, **wrong)
    assert answer.status_code == 401
    assert answer.json()["code"] == "NotAuthenticated"
    assert region.calls[-1].reason  # the log knows why, the caller does not
    assert region.calls[-1].reason not in answer.text


def test_a_key_that_was_taken_away_is_a_401(region: Any, identity: Any, refused: Any) -> None:
    key = new_key("rsa")
    pem = public_key_pem(key).decode()
    uploaded = identity.upload_api_key(region.config["user"], oci.identity.models.CreateApiKeyDetails(key=pem)).data
    config = region.config | {"key_content": key_pem(key).decode(), "fingerprint": uploaded.fingerprint}
    config.pop("key_file")
    other = oci.identity.IdentityClient(
        config, service_endpoint=region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    assert other.list_regions().data
    identity.delete_api_key(region.config["user"], uploaded.fingerprint)
    with refused(401, "NotAuthenticated"):
        other.list_regions()


def test_a_session_token_signs(region: Any, tmp_path: Path, refused: Any) -> None:
    async def operator() -> policies.Principal:
        found: policies.Principal = region.inner.services["identity"].users.principal(region.config["user"])
        return found

    path = region.session(region.run(operator()), tmp_path / "session")
    config = oci.config.from_file(str(path))
    key = oci.signer.load_private_key_from_file(config["key_file"])
    token = Path(config["security_token_file"]).read_text()
    signer = oci.auth.signers.SecurityTokenSigner(token, key)
    client = oci.identity.IdentityClient(
        config, signer=signer, service_endpoint=region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    assert client.list_compartments(region.tenancy_id).data


def test_tokens_of_others_and_old_ones_are_refused() -> None:
    key = new_key("rsa")
    pem = public_key_pem(key).decode()
    who = policies.workload(cluster_id="c", namespace="n", service_account="s")
    mine, other = Tokens(None), Tokens(None)
    principal, public, _ = mine.read(mine.issue(who, pem))
    assert principal == who
    assert public.public_numbers() == key.public_key().public_numbers()
    bare = "".join(pem.splitlines()[1:-1])
    assert mine.read(mine.issue(who, bare))[0] == who
    with pytest.raises(Refused):
        other.read(mine.issue(who, pem))
    with pytest.raises(Refused):
        mine.read(mine.issue(who, pem, seconds=-1))
    with pytest.raises(Refused):
        mine.read(mine.issue(who, pem)[:-6] + "AAAAAA")
