# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs, tokens, certificates, contents' marks: the small parts."""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oci
import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates, oke_token, restart_marks
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import from_kubeconfig
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import (
    changed_parts,
    holds,
    items_of,
    masked,
    overlaid,
    parse_documents,
    refuse_duplicates,
    stages,
)
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLUSTER = "ocid1.cluster.oc1..x"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An OCI configuration file and its key."""
    folder = tmp_path_factory.mktemp("oci")
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    lines = ["[OTHER]", "user=u", "fingerprint=f", "tenancy=t", "region=r-1", f"key_file={folder}/key.pem"]
    (folder / "config").write_text("\n".join(lines) + "\n")
    return folder / "config", key


def verified(token: str, key: Any) -> str:
    """The URL of a token whose signature holds."""
    parts = urlsplit(base64.urlsafe_b64decode(token).decode())
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    fields = dict(re.findall(r'(\w+)="([^"]*)"', query["authorization"]))
    values = {
        "date": query["date"],
        "(request-target)": f"get {parts.path}",
        "host": parts.netloc,
    }
    signed = "\n".join(f"{name}: {values[name]}" for name in fields["headers"].split())
    key.public_key().verify(base64.b64decode(fields["signature"]), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def test_a_token_is_a_signed_request(profile: tuple[Path, Any]) -> None:
    config, key = profile
    signer = oci.signer.Signer("t", "u", "f", private_key_file_location=str(config.parent / "key.pem"))
    token = oke_token.make_token(signer, "r-1", CLUSTER)
    assert verified(token, key) == f"https://containerengine.r-1.oraclecloud.com/cluster_request/{CLUSTER}"


def test_the_helper_runs_by_itself(profile: tuple[Path, Any]) -> None:
    config, key = profile
    command = [sys.executable, oke_token.__file__, "--cluster-id", CLUSTER]
    command += ["--config-file", str(config), "--profile", "OTHER"]
    info = {"apiVersion": "client.authentication.k8s.io/v1beta1"}
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBERNETES_EXEC_INFO": json.dumps(info)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["apiVersion"] == info["apiVersion"] and told["kind"] == "ExecCredential"
    assert CLUSTER in verified(told["status"]["token"], key)
    until = datetime.datetime.fromisoformat(told["status"]["expirationTimestamp"])
    left = until - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=3) < left <= datetime.timedelta(minutes=4)


def kubeconfig(**user: Any) -> str:
    cluster = {
        "server": "https://10.0.0.1:6443/",
        "certificate-authority-data": base64.b64encode(b"PEM").decode(),
        "proxy-url": "http://proxy:3128",
        "tls-server-name": "name",
    }
    document = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "users": [{"name": "u", "user": user}],
        "current-context": "x",
    }
    return yaml.safe_dump(document)


def test_kubeconfig() -> None:
    connection = from_kubeconfig(kubeconfig(token="abc"))
    assert connection.server == "https://10.0.0.1:6443" and connection.ca == "PEM"
    assert (connection.proxy_url, connection.tls_server_name, connection.namespace) == (
        "http://proxy:3128",
        "name",
        "n",
    )
    assert connection.token is not None and connection.token() == "abc"


def test_kubeconfig_with_a_helper() -> None:
    script = "import json; print(json.dumps({'status': {'token': 'made'}}))"
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script]}
    connection = from_kubeconfig(kubeconfig(exec=spec))
    assert connection.token is not None and connection.token() == "made"
    broken = from_kubeconfig(kubeconfig(exec={**spec, "args": ["-c", "raise SystemExit('no key')"]}))
    assert broken.token is not None
    with pytest.raises(KubeError, match="no key"):
        broken.token()
    assert from_kubeconfig(kubeconfig(exec=spec), use_exec=False).token is None


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        ("[]", None, "no clusters"),
        (kubeconfig(), "other", "no context 'other'"),
        (kubeconfig().replace("current-context: x", "a: b"), None, "no current-context"),
        (kubeconfig(username="u"), None, "password"),
    ],
)
def test_kubeconfig_that_does_not_do(text: str, context: str | None, message: str) -> None:
    with pytest.raises(KubeError, match=message):
        from_kubeconfig(text, context)


NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
WANTED = certificates.Wanted(("a.example",), ("10.0.0.1",), 100, 30)


def test_certificate_serves_until_it_does_not() -> None:
    certificate, key = certificates.make(WANTED, NOW)
    later = NOW + datetime.timedelta(days=69)
    assert certificates.unfit(certificate, key, WANTED, later) == ""
    assert "it ends" in certificates.unfit(certificate, key, WANTED, later + datetime.timedelta(days=2))
    other = certificates.Wanted(("b.example",), ("10.0.0.1",), 100, 30)
    assert "DNS names" in certificates.unfit(certificate, key, other, NOW)
    other = certificates.Wanted(("a.example",), ("10.0.0.2",), 100, 30)
    assert "addresses" in certificates.unfit(certificate, key, other, NOW)
    _certificate, foreign = certificates.make(WANTED, NOW)
    assert "key" in certificates.unfit(certificate, foreign, WANTED, NOW)
    assert certificates.unfit("nonsense", key, WANTED, NOW)
    assert certificates.describe(certificate)["names"] == ["a.example", "10.0.0.1"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (certificates.Wanted((), (), 10, 1), "needs dns_names or ip_addresses"),
        (certificates.Wanted((), ("host",), 10, 1), "'host' is not an address"),
        (certificates.Wanted(("a",), (), 10, 10), "must exceed"),
        (certificates.Wanted(("a b",), (), 10, 1), "dns_names: 'a b' is not a DNS name"),
        (certificates.Wanted(("",), (), 10, 1), "dns_names: '' is not a DNS name"),
        (certificates.Wanted(("bücher.de",), (), 10, 1), "is not a DNS name"),
        (certificates.Wanted(("a",), (), 10**9, 1), "at most 36500"),
    ],
)
def test_certificate_that_makes_no_sense(wanted: certificates.Wanted, message: str) -> None:
    with pytest.raises(KubeError, match=message):
        wanted.check()


def pod_owner(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [], **spec}}},
    }


def marked(version: str | None, data: str = "1") -> str:
    volumes = [{"name": "s", "secret": {"secretName": "s"}}, {"name": "c", "configMap": {"name": "c"}}]
    metadata = {"name": "c", "namespace": "shop"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": data}}
    items = items_of([pod_owner(volumes=volumes), config], "definition")
    restart_marks.mark(items, lambda *_: version, lambda kind, name: f"(unknown {kind} {name})")
    found: str = items[0].manifest["spec"]["template"]["metadata"]["annotations"][restart_marks.ANNOTATION]
    return found


def test_mark_follows_the_contents() -> None:
    assert marked("7") == marked("7")
    assert marked("7") != marked("8")
    assert marked("7") != marked("7", "2")
    assert marked(None) == "(unknown Secret s)"


def test_mark_finds_every_reference() -> None:
    projected = {"sources": [{"secret": {"name": "a"}}, {"configMap": {"name": "b"}}]}
    container = {
        "envFrom": [{"secretRef": {"name": "c"}}, {"configMapRef": {"name": "d"}}],
        "env": [
            {"name": "x", "valueFrom": {"secretKeyRef": {"name": "e"}}},
            {"name": "y", "valueFrom": {"configMapKeyRef": {"name": "f"}}},
        ],
    }
    found = set(restart_marks.references({"volumes": [{"projected": projected}], "containers": [container]}))
    assert found == {("Secret", name) for name in "ace"} | {("ConfigMap", name) for name in "bdf"}


def test_everything_malformed_is_told_at_once_and_not_quoted() -> None:
    with pytest.raises(KubeError) as caught:
        items_of([{"kind": "A"}, "text", {"apiVersion": "v1", "kind": "B", "metadata": {}}], "definition")
    text = str(caught.value)
    assert "definition[0]: lacks apiVersion, metadata.name" in text
    assert "definition[1]: a str" in text and "definition[2]: lacks metadata.name" in text
    with pytest.raises(KubeError) as caught:
        parse_documents("password: hunter2\n  broken: yes\n", "file")
    assert "line 2" in str(caught.value) and "hunter2" not in str(caught.value)


def test_duplicates_are_refused() -> None:
    row = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    with pytest.raises(KubeError, match="ConfigMap c is declared twice"):
        refuse_duplicates(items_of([row, row], "definition"))


def test_order_of_writing() -> None:
    kinds = [
        "ValidatingWebhookConfiguration",
        "Widget",
        "Deployment",
        "Secret",
        "CustomResourceDefinition",
        "Namespace",
    ]
    rows = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}} for kind in kinds]
    order = [item.key.kind for stage in stages(items_of(rows, "definition")) for item in stage]
    assert order == [
        "Namespace",
        "CustomResourceDefinition",
        "Secret",
        "Deployment",
        "Widget",
        "ValidatingWebhookConfiguration",
    ]


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ({"b": 2}, {"b": 3})),
        ({"a": 1}, {"b": 1}, ({"a": 1}, {"b": 1})),
        (
            {"l": [{"name": "x", "v": 1}, {"name": "y", "v": 1}]},
            {"l": [{"name": "x", "v": 1}, {"name": "y", "v": 2}]},
            ({"l": [{"name": "y", "v": 1}]}, {"l": [{"name": "y", "v": 2}]}),
        ),
        ({"s": {"a": 1}}, {"s": {"a": 1, "b": 2}}, ({}, {"s": {"b": 2}})),
        ({"s": {}}, {"s": 1}, ({"s": {}}, {"s": 1})),
        ({"l": [1, 2]}, {"l": [2, 1]}, ({"l": [1, 2]}, {"l": [2, 1]})),
        (
            {"l": [{"name": "x"}, {"name": "y"}]},
            {"l": [{"name": "y"}, {"name": "x"}]},
            ({"l": [{"name": "x"}, {"name": "y"}]}, {"l": [{"name": "y"}, {"name": "x"}]}),
        ),
    ],
)
def test_changed_parts(before: Any, after: Any, parts: Any) -> None:
    assert changed_parts(before, after) == parts


def test_veil() -> None:
    before = {"kind": "Secret", "data": {"a": "1", "b": "1"}}
    after = {"kind": "Secret", "data": {"a": "1", "b": "2", "c": "3"}}
    one, other = masked(before, after)
    assert one["data"] == {"a": "(secret)", "b": "(secret)"}
    assert other["data"] == {"a": "(secret)", "b": "(secret, changed)", "c": "(secret, changed)"}


def test_schemas_are_folded_in_a_diff() -> None:
    def definition(text: str) -> dict[str, Any]:
        versions = [{"name": "v1", "schema": {"description": text}}]
        return {"kind": "CustomResourceDefinition", "spec": {"group": "g", "versions": versions}}

    one, other = masked(definition("long"), definition("longer"))
    assert "long" not in str(one) and one != other
    assert masked(definition("long"), definition("long"))[1] == one
    assert masked({}, definition("long")) == ({}, one)


def test_overlaid() -> None:
    base = {"a": 1, "l": [{"name": "x", "v": 1, "w": 1}, {"name": "y"}]}
    top = {"b": 2, "empty": [], "l": [{"name": "x", "v": 2}]}
    assert overlaid(base, top) == {"a": 1, "b": 2, "l": [{"name": "x", "v": 2, "w": 1}]}


def test_holds() -> None:
    assert holds({"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}]}, {"a": {"b": 1}, "l": [{"x": 1}]})
    assert not holds({"a": 1}, {"b": 1})
    assert not holds({"l": [1, 2]}, {"l": [1]})
