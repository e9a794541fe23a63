#!/usr/bin/env python
"""What signing in costs a task, for each way to sign in, and what the SDK's own signers would cost.

    python tests/bench/sign_in.py

Against a region in this process, so that answers of metadata and auth services cost next to nothing: what is left is
keys. In the cloud each exchange adds its round trips. It judges nothing.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "collections")]

import oci  # noqa: E402
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session  # noqa: E402

from localregion.settings import COMPARTMENT_NAME  # noqa: E402
from localregion.testing import Region  # noqa: E402

ROOT = Path(__file__).parents[2]
TIMES = 15
TASKS = 20
PLACES = ("instance_principal", "oke_workload_identity")


def line(what: str, value: str, aim: str = "") -> None:
    print(f"{what:<58} {value:>12}  {'aim ' + aim if aim else ''}".rstrip(), flush=True)


def _median(work: Callable[[], Any]) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _of_the_sdk(region: Region, auth_type: str, environment: dict[str, str]) -> Callable[[], Any]:
    signers = oci.auth.signers
    if auth_type == "api_key":
        config = region.config
        return lambda: oci.Signer.from_config(config)
    if auth_type == "instance_principal":
        url = f"{region.endpoint}/v1/x509"
        return lambda: signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=url)
    if auth_type == "resource_principal":
        return signers.get_resource_principals_signer
    token = environment["OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH"]
    return lambda: signers.get_oke_workload_identity_resource_principal_signer(service_account_token_path=token)


def measure_signers(region: Region, places: dict[str, dict[str, str]]) -> None:
    """Signing in alone: ours and the SDK's."""
    for auth_type, environment in places.items():
        options = {"auth_type": auth_type, "config_file": str(region.config_file)}
        options["endpoints"] = {"default": region.endpoint}  # type: ignore[assignment]
        ours = _median(lambda o=options, e=environment: Session(Connection.from_options(o, e)).signer)  # type: ignore[misc]
        os.environ.update(environment)
        theirs = _median(_of_the_sdk(region, auth_type, environment))
        line(f"signing in: {auth_type}", f"{ours:.1f} ms")
        line("  the SDK's own signer", f"{theirs:.1f} ms")
    for name in [name for environment in places.values() for name in environment]:
        os.environ.pop(name, None)


def _play(region: Region, folder: Path, auth: dict[str, Any], environment: dict[str, str], tasks: int) -> float:
    module = {"compartment_id": region.compartment_id, "display_name": "bench", "cidr_blocks": ["10.0.0.0/16"], **auth}
    play = {"hosts": "localhost", "gather_facts": False, "connection": "local"}
    (folder / "play.yml").write_text(
        json.dumps([{**play, "tasks": [{"okestack.oci.vcn": module, "check_mode": True}] * tasks}])
    )
    own = {"OCI_CONFIG_FILE": str(region.config_file), "OCI_ENDPOINT": region.endpoint}
    took = []
    for _ in range(3):
        began = _used()
        subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(folder / "play.yml")],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **own, **environment},
            capture_output=True,
            check=True,
        )
        took.append(_used() - began)
    return min(took)


def _used() -> float:
    """Processor seconds of the children so far: the wall clock would measure what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_tasks(region: Region, places: dict[str, dict[str, str]], folder: Path) -> None:
    """A task's processor time, all processes together, beside the same with an API key."""

    def each(auth: dict[str, Any], environment: dict[str, str]) -> float:
        one = _play(region, folder, auth, environment, 1)
        return (_play(region, folder, auth, environment, TASKS + 1) - one) / TASKS * 1000

    plain = each({}, {})
    line("a task, in processor time: api_key", f"{plain:.0f} ms")
    for auth_type, environment in places.items():
        if auth_type == "api_key":
            continue
        by_option = each({"auth_type": auth_type}, environment)
        line(f"  {auth_type}, by option: over api_key", f"{by_option - plain:.0f} ms")
        if auth_type in PLACES:
            shared = each({}, {**environment, "OCI_CLI_AUTH": auth_type})
            line(f"  {auth_type}, OCI_CLI_AUTH: over api_key", f"{shared - plain:.0f} ms", "5 ms")


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okestack-bench-")))
        region = stack.enter_context(Region.started(folder / "region"))
        statement = f"Allow any-user to manage virtual-network-family in compartment {COMPARTMENT_NAME}"
        details = oci.identity.models.CreatePolicyDetails(
            compartment_id=region.compartment_id, name="bench", description="bench", statements=[statement]
        )
        region.client(oci.identity.IdentityClient).create_policy(details)
        region.settle()
        pod = region.workload(
            folder / "pod", cluster_id="ocid1.cluster.oc1..bench", namespace="bench", service_account="bench"
        )
        places = {
            "api_key": {},
            "instance_principal": {"OCI_METADATA_BASE_URL": region.metadata_url},
            "resource_principal": region.resource_principal("fnfunc", "ocid1.fnfunc.oc1..bench", folder / "function"),
            "oke_workload_identity": stack.enter_context(pod),
        }
        measure_signers(region, places)
        measure_tasks(region, places, folder)


if __name__ == "__main__":
    main()
