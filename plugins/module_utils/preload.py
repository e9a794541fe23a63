# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shortcuts around the SDK and Python that make a run faster and change nothing else, all in one place.

``OKESTACK_PRELOAD=0`` in the environment turns all of them off; a test plays modules without them. Gains are CPU time
and page faults of a task (a worker forked from Ansible's parent process), or of a run where it says so; Python 3.11,
oci 2.189, one core of 2.5 GHz.
"""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

try:
    import oci.base_client

    HAS_OCI = True
except ImportError:  # reported by the task that needs it
    HAS_OCI = False

SWITCH = "OKESTACK_PRELOAD"
"""The environment variable that turns everything here off: 0, no, false or off."""


def enabled() -> bool:
    """Whether the shortcuts are taken."""
    return os.environ.get(SWITCH, "").strip().lower() not in ("0", "no", "false", "off")


# --- in the parent, before workers are forked --------------------------------------------------------------------


def import_packages(names: Iterable[str]) -> None:
    """Imports packages of the SDK which most tasks need. A missing SDK is reported by the task that needs it.

    Gain: 1,200 ms and 29,000 page faults a task, for 1,200 ms a run.
    """
    if not enabled():
        return
    for name in names:
        try:
            importlib.import_module(f"oci.{name}")
        except ImportError:
            continue


def sign_once(make_signer: Callable[[bytes], Any]) -> Any:
    """Signs a request that is not sent, with a key made for it: OpenSSL and the SDK set up much at their first request.

    ``make_signer`` gets the key as PEM. Returns the signer, or None where there is nothing to do.

    Gain: 3.4 ms and 850 page faults a task, for 10 ms a run.
    """
    if not (enabled() and HAS_OCI):
        return None
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from oci._vendor import requests

    key = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signer = make_signer(key)
    with requests.Session() as session:
        session.trust_env = False
        session.prepare_request(requests.Request("GET", "http://localhost/", auth=signer))
    return signer


def share_class_tables(clients: Iterable[str], signer: Any) -> None:
    """Merges the SDK's tables of model classes once for these clients (``package.Class``).

    The SDK merges them for each client that is made, which touches every class of a service: in a worker each touched
    page of the parent's memory is copied.

    Gain: 2.3 ms and 720 page faults a task.
    """
    if not (enabled() and HAS_OCI):
        return
    plain = oci.base_client.merge_type_mappings
    merged: dict[tuple[int, ...], tuple[dict[str, Any], tuple[dict[str, Any], ...]]] = {}

    def shared(*tables: dict[str, Any]) -> dict[str, Any]:
        key = tuple(id(table) for table in tables)
        if key not in merged:
            merged[key] = (plain(*tables), tables)  # the tables too, so that their ids are not given to others
        return merged[key][0]

    oci.base_client.merge_type_mappings = shared
    for name in clients:
        package, _dot, class_name = name.partition(".")
        made = getattr(importlib.import_module(f"oci.{package}"), class_name)
        made({"region": "eu-frankfurt-1"}, signer=signer, service_endpoint="http://localhost")


def freeze() -> None:
    """Takes what is imported out of the garbage collector's sight: a full collection in a worker would touch all of it.

    Gain: 54 ms and 9,500 page faults a full collection.
    """
    if enabled():
        gc.collect()
        gc.freeze()


_places: dict[Any, Any] = {}


def keep_place(wanted: Any, sign_in: Callable[[], Any]) -> None:
    """Signs in as the place that Ansible runs in (instance, pod), once for all tasks. ``sign_in`` may return None.

    Gain: 60 ms for a session key, the exchange for its token and five requests to the metadata service, each task.
    """
    if enabled() and (made := sign_in()) is not None:
        _places[wanted] = made


def kept_place(wanted: Any) -> Any:
    """The credential kept for an equal wish; None where there is none."""
    return _places.get(wanted)


def forget_places() -> None:
    """Drops what `keep_place` kept."""
    _places.clear()


# --- in each task ------------------------------------------------------------------------------------------------


def key_options() -> Mapping[str, Any]:
    """Arguments with which `load_pem_private_key` skips its checks of an RSA key (services refuse a wrong one).

    Gain: 28 ms a task that signs with a key of 2,048 bits.
    """
    return {"unsafe_skip_rsa_key_validation": True} if enabled() else {}


def keeps_first_key() -> bool:
    """Whether the session key that the SDK makes at the start is used, instead of being replaced before its first use.

    Gain: 60 ms a sign-in of an instance or a workload.
    """
    return enabled()
