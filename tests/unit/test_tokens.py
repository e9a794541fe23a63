# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tokens and certificates say of their end, and what is said of those that ended."""

from __future__ import annotations

import base64
import datetime
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import from_kubeconfig, problems_of
from ansible_collections.okestack.oci.plugins.module_utils.tokens import claims_of, end_of, has_ended, time_text


def jwt(claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (jwt({"exp": 1700000000}), 1700000000.0),
        (jwt({"exp": 1700000000.5}), 1700000000.5),
        (jwt({}), None),
        (jwt({"exp": "soon"}), None),
        (jwt({"exp": True}), None),
        (jwt({"exp": 1e300}), None),
        (jwt([1]), None),
        ("not a token", None),
        ("a.b.c", None),
        ("", None),
    ],
)
def test_the_end_of_a_token(token: str, end: float | None) -> None:
    assert end_of(token) == end
    assert has_ended(token) == (end is not None)


def test_times_are_told_in_utc() -> None:
    assert time_text(1700000000) == "2023-11-14 22:13:20Z"
    assert claims_of(jwt({"sub": "me"})) == {"sub": "me"}


def kubeconfig(**user: Any) -> str:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    return yaml.safe_dump(document)


def test_a_kubeconfigs_token_that_has_ended_is_never_sent(tmp_path: Path) -> None:
    old, new = jwt({"exp": 1700000000}), jwt({"exp": time.time() + 60})
    (tmp_path / "token").write_text(old)
    for connection in (
        from_kubeconfig(kubeconfig(token=old)),
        from_kubeconfig(kubeconfig(tokenFile="token"), None, tmp_path),
    ):
        assert connection.token is not None
        with pytest.raises(KubeError, match="expired at 2023-11-14 22:13:20Z") as told:
            connection.token()
        assert old not in str(told.value)
    (tmp_path / "token").write_text(new)
    for user in ({"tokenFile": "token"}, {"token": new}, {"token": "hunter2"}):
        connection = from_kubeconfig(kubeconfig(**user), None, tmp_path)
        assert connection.token is not None and connection.token() in (new, "hunter2")


def test_a_kubeconfigs_certificate_that_has_ended_is_told_before_it_is_tried() -> None:
    now = datetime.datetime.now(datetime.UTC)
    wanted = certificates.Wanted(("me",), (), valid_days=10, renew_before_days=1)

    def told(made: datetime.datetime) -> list[str]:
        texts = [base64.b64encode(text.encode()).decode() for text in certificates.make(wanted, made)]
        user = dict(zip(("client-certificate-data", "client-key-data"), texts, strict=True))
        return list(problems_of(from_kubeconfig(kubeconfig(**user))))

    assert told(now) == []
    assert "client certificate of the kubeconfig expired" in told(now - datetime.timedelta(days=20))[0]
