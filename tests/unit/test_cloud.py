# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections from options and environment, and how long signing in is tried: without a service."""

from __future__ import annotations

import email.utils
import threading
import time
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import cloud
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, SignInError
from ansible_collections.okestack.oci.plugins.module_utils.signers import Credential


@pytest.mark.parametrize(
    ("options", "environment", "field", "value"),
    [
        ({}, {}, "auth_type", "api_key"),
        ({}, {"OCI_CLI_AUTH": "security_token"}, "auth_type", "security_token"),
        ({"auth_type": "resource_principal"}, {"OCI_CLI_AUTH": "security_token"}, "auth_type", "resource_principal"),
        ({}, {"OCI_CLI_PROFILE": "cli"}, "profile", "cli"),
        ({}, {"OCI_CONFIG_PROFILE": "own", "OCI_CLI_PROFILE": "cli"}, "profile", "own"),
        ({}, {"OCI_ENDPOINT": "http://e"}, "endpoints", {"default": "http://e"}),
        ({"endpoints": {"core": "http://c"}}, {"OCI_ENDPOINT": "http://e"}, "endpoints", {"core": "http://c"}),
        ({"retry_timeout": 0}, {}, "retry_timeout", 0.0),
        ({"retry_timeout": None}, {}, "retry_timeout", 300.0),
        ({}, {"OCI_RESOURCE_PRINCIPAL_VERSION": "2.2", "HOME_OF": "x"}, "environment",
         (("OCI_RESOURCE_PRINCIPAL_VERSION", "2.2"),)),
    ],
)  # fmt: skip
def test_options_go_before_the_environment_and_that_before_defaults(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], environment: dict[str, str], field: str, value: Any
) -> None:
    monkeypatch.setattr(cloud.os, "environ", {})
    assert getattr(Connection.from_options(options, environment), field) == value


def test_endpoints_hide_their_passwords() -> None:
    connection = Connection(endpoints={"default": "http://u:one1@host"}, proxy_url="http://u:two2@host")
    assert connection.secrets == {"one1", "two2"}


def test_what_a_host_handed_over_is_hidden_but_not_where_it_is() -> None:
    place = {"OCI_RESOURCE_PRINCIPAL_RPST": "a.b.c", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": "/var/key"}
    assert Connection(environment=tuple(place.items())).secrets == {"a.b.c"}


def test_the_most_exact_endpoint_is_used() -> None:
    urls = {"default": "http://d", "core": "http://c/", "home": "http://h", "home/core": "http://hc"}
    connection = Connection(endpoints=urls)
    asked = [("core", "home"), ("vault", "home"), ("core", "away"), ("vault", "away")]
    assert [connection.endpoint(*one) for one in asked] == ["http://hc", "http://h", "http://c", "http://d"]
    assert Connection().endpoint("core", "home") is None


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": "-1"}, 0, 0),
        ({"retry-after": email.utils.formatdate(time.time() + 86400)}, 1, 86400),
        ({"retry-after": email.utils.formatdate(0)}, 0, 0),
    ],
)
def test_retry_after(headers: dict[str, str], low: float, high: float) -> None:
    wanted = cloud._retry_after(headers)
    assert wanted is not None and low <= wanted <= high


@pytest.mark.parametrize("headers", [None, {}, {"retry-after": "soon"}])
def test_no_retry_after(headers: Any) -> None:
    assert cloud._retry_after(headers) is None


class Waits(threading.Event):
    """Waits that take no time, each noted; set at the one of that number."""

    def __init__(self, until: int | None = None) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.until = until

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        if len(self.seconds) == self.until:
            self.set()
        return self.is_set()


@pytest.mark.parametrize(
    ("errors", "stop", "retry_timeout", "asked"),
    [
        ([], None, 300, 1),
        ([True, True], None, 300, 3),  # nobody may be there yet
        ([False], None, 300, None),
        ([True, True], None, 0, None),
        ([True, True], 1, 300, None),  # the task is stopped
    ],
)
def test_signing_in_is_tried_again_while_the_error_may_pass(
    monkeypatch: pytest.MonkeyPatch, errors: list[bool], stop: int | None, retry_timeout: float, asked: int | None
) -> None:
    left, tried, waits = list(errors), [], Waits(stop)

    def sign_in(*_: Any) -> Credential:
        tried.append(1)
        if left:
            raise SignInError("nobody is there", passing=left.pop(0))
        return Credential("signer", "tenancy")

    monkeypatch.setattr(cloud, "sign_in", sign_in)
    session = Session(Connection(retry_timeout=retry_timeout), stop=waits)
    if asked is None:
        with pytest.raises(CloudError, match="nobody is there"):
            _ = session.credential
        assert len(tried) == 1
    else:
        assert session.credential.signer == "signer" and len(tried) == asked
        assert waits.seconds == [0.2, 0.4][: asked - 1]
