"""A job on an execution node of its own: what is transmitted is played in a root and a network namespace where nothing
else is, neither this checkout nor who runs the tests, but what an execution environment holds."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import oci
import pytest

from localregion.host import namespaces
from localregion.testing import Region
from tests.controller import BIN, ROOT, Controller

from .test_awx import CLOUD, DEPLOYMENT, controller_of, no_secret

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
NETNS = "okestack-awx-node"
HELD = ["/usr", "/bin", "/lib", "/lib64", "/etc/ssl", "/etc/ld.so.cache", "/etc/passwd", "/dev"]
"""What of this machine is the execution environment's, beside Python and its packages."""


def _pipe(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _serve(listening: socket.socket, target: tuple[str, int]) -> None:
    while True:
        try:
            inner, _ = listening.accept()
        except OSError:
            return
        outer = socket.create_connection(target)
        for pair in ((inner, outer), (outer, inner)):
            threading.Thread(target=_pipe, args=pair, daemon=True).start()


@pytest.fixture
def node(region: Region, tmp_path: Path) -> Iterator[Controller]:
    """A controller whose jobs run on such a node, which reaches the region's API and nothing else."""
    namespaces.create(NETNS, {})
    port = region.settings.port
    ends = []
    for address in ("127.0.0.1", "127.0.0.2"):
        made = namespaces.inside(NETNS, partial(socket.create_server, (address, port)))
        ends.append(made)
        threading.Thread(target=_serve, args=(made, (address, port)), daemon=True).start()
    controller = controller_of(region, tmp_path / "awx")
    held = [*HELD, str(BIN.parent), sys.base_prefix]
    root = tmp_path / "root"
    steps = ["set -e", f"mkdir -p {root}", f"mount -t tmpfs none {root}"]
    for path in dict.fromkeys(name for name in held if Path(name).exists()):
        if Path(path).is_symlink():
            steps.append(f"ln -s $(readlink {path}) {root}{path}")
        elif Path(path).is_dir():
            steps.append(f"mkdir -p {root}{path}; mount --rbind {path} {root}{path}")
        else:
            steps.append(f"mkdir -p {root}{Path(path).parent}; touch {root}{path}; mount --bind {path} {root}{path}")
    steps += [
        f'cd {root} && mkdir -p proc tmp && cd "$OLDPWD" && mkdir -p "{root}$PWD"',
        f'mount --bind "$PWD" "{root}$PWD"',
        f"mount -t proc proc {root}/proc",
        f'folder="$PWD"; exec /usr/sbin/chroot {root} sh -c \'cd "$0" && exec "$@"\' "$folder" "$@"',
    ]  # fmt: skip
    enter = ["nsenter", f"--net=/run/netns/{NETNS}", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    controller.enter = [*enter, "sh", "-c", "\n".join(steps), "node"]
    yield controller
    for end in ends:
        end.close()
    namespaces.remove(NETNS)


def test_a_job_needs_nothing_but_what_was_transmitted(region: Region, node: Controller) -> None:
    assert shutil.which("nsenter") and not Path(sys.base_prefix).is_relative_to(ROOT)
    hosts = node.update("inventories/prod")
    probe = (
        "- {hosts: okestack, connection: local, gather_facts: false, tasks: [{name: Look, ansible.builtin.command: "
        f"'ls -d {ROOT}/site.yml /etc/hosts', changed_when: false, failed_when: false}}]}}\n"
    )
    node.commit({"look.yml": probe})
    look = node.launch("okestack prod site", inventory=hosts, playbook="look.yml")
    (seen,) = look.results("Look")
    assert seen["stdout"] == "" and seen["rc"] != 0, "neither the checkout nor this machine's own files are there"

    def begun(event: dict[str, object]) -> bool:
        return region.count("core.create_vcn") > 0

    killed = node.launch("okestack prod site", inventory=hosts, job_tags=CLOUD, watch=begun)
    assert killed.status == "killed"
    region.settle()
    job = node.launch("okestack prod site", inventory=hosts, job_tags=CLOUD)
    assert job.status == "successful", job.text[-3000:]
    network = region.client(oci.core.VirtualNetworkClient)
    assert len(network.list_vcns(region.compartment_id, display_name=DEPLOYMENT).data) == 1
    no_secret(region, job)
