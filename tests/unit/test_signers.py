# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs, as far as it needs no service: what decides it, and how long the metadata service is asked."""

from __future__ import annotations

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import signers
from ansible_collections.okestack.oci.plugins.module_utils.errors import SignInError

from tests.unit.localregion.support import of_an_unknown_curve


def test_endpoints_that_may_be_the_auth_services() -> None:
    urls = {
        name: f"http://{name}" for name in ("core", "auth", "default", "us-a-1", "us-a-1/auth", "us-a-1/core", "vault")
    }
    assert [name for name, _url in signers.for_auth(urls)] == ["auth", "default", "us-a-1", "us-a-1/auth"]


def test_places_that_differ_in_a_variable_are_not_equal() -> None:
    one, other = (signers.relevant({"OCI_METADATA_BASE_URL": url, "HOME": url}) for url in ("http://a", "http://b "))
    assert one == (("OCI_METADATA_BASE_URL", "http://a"),)
    first, second = signers.SignIn("instance_principal", environment=one), signers.SignIn("instance_principal")
    assert first != second and first.variable("OCI_METADATA_BASE_URL") == "http://a"
    assert signers.SignIn("x", environment=other).variable("OCI_METADATA_BASE_URL") == "http://b"
    assert second.variable("OCI_METADATA_BASE_URL") == "" and "http://a" not in repr(first)


def test_a_key_of_an_unknown_curve_is_refused_as_what_it_is() -> None:
    with pytest.raises(SignInError, match="key_file: cannot be read as a PEM private key"):
        signers.load_key(of_an_unknown_curve("PRIVATE"), None, "key_file")


def test_another_way_to_sign_in_is_refused_with_those_there_are() -> None:
    with pytest.raises(SignInError, match="auth_type none must be one of api_key, security_token, instance_principal"):
        signers.sign_in(signers.SignIn("none"), dict)


@pytest.mark.parametrize(
    ("answers", "seconds", "asked"),
    [
        ([200], 4.0, 1),
        ([404, 200], 60.0, 2),  # certificates come a moment after the start
        ([429, 200], 60.0, 2),
        ([503, 200], 60.0, 2),
        ([401, 200], 60.0, -1),  # another service
        ([404, 404], 0.0, -1),  # time is up
    ],
)
def test_how_often_the_metadata_service_is_asked(
    monkeypatch: pytest.MonkeyPatch, answers: list[int], seconds: float, asked: int
) -> None:
    left = list(answers)
    monkeypatch.setattr(signers, "METADATA_SECONDS", seconds)
    monkeypatch.setattr(signers._Metadata, "_answer", lambda self, path: (left.pop(0), path.encode()))
    metadata = signers._Metadata("http://there/opc/v2/")
    if asked < 0:
        with pytest.raises(SignInError, match=f"http://there/opc/v2/instance/ answers {answers[0]}: this is not"):
            metadata.get("instance/")
        asked = 1
    else:
        assert metadata.get("instance/") == b"instance/"
    assert len(left) == len(answers) - asked
