# SPDX-License-Identifier: GPL-3.0-or-later
"""A kube-apiserver of our own (with etcd, without controllers) on 127.84.0.1."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import read_kubeconfig

from tests.programs import program

ADDRESS = "127.84.0.1"
TOKEN = "token-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """An API server with its etcd; the kubeconfig of an administrator."""
    programs = {name: str(program(name)) for name in ("etcd", "kube-apiserver")}
    client_port, peer_port, port = free_port(), free_port(), free_port()
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens").write_text(f"{TOKEN},tester,tester,system:masters\n")
    commands = [
        [
            programs["etcd"],
            f"--data-dir={folder}/etcd",
            f"--listen-client-urls=http://{ADDRESS}:{client_port}",
            f"--advertise-client-urls=http://{ADDRESS}:{client_port}",
            f"--listen-peer-urls=http://{ADDRESS}:{peer_port}",
            f"--initial-advertise-peer-urls=http://{ADDRESS}:{peer_port}",
            f"--initial-cluster=default=http://{ADDRESS}:{peer_port}",
            "--unsafe-no-fsync",
        ],
        [
            programs["kube-apiserver"],
            f"--etcd-servers=http://{ADDRESS}:{client_port}",
            f"--bind-address={ADDRESS}",
            f"--advertise-address={ADDRESS}",
            f"--secure-port={port}",
            f"--cert-dir={folder}/certs",
            f"--token-auth-file={folder}/tokens",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
        ],
    ]
    processes = []
    try:
        for command in commands:
            log = (folder / f"{Path(command[0]).name}.log").open("wb")
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        ca = folder / "certs" / "apiserver.crt"
        path = folder / "kubeconfig"
        deadline = time.monotonic() + 90
        while not ca.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": f"https://{ADDRESS}:{port}",
                        "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode(),
                    },
                }
            ],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
        }
        path.write_text(yaml.safe_dump(document))
        client = Client(read_kubeconfig(str(path)), retry_timeout=0)
        while True:
            try:
                client.request("GET", "/readyz")
                client.request("GET", "/api/v1/namespaces/default")
                break
            except KubeError:
                if time.monotonic() > deadline:
                    raise AssertionError((folder / "kube-apiserver.log").read_text()[-3000:]) from None
                time.sleep(0.3)
        yield path
    finally:
        for process in reversed(processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
