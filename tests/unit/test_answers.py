"""What is an answer of the API, and what somebody else's."""

from __future__ import annotations

from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.answers import fault_of

MODELS: dict[str, Any] = {
    **oci.core.models.core_type_mapping,
    **oci.logging.models.logging_type_mapping,
    **oci.container_engine.models.container_engine_type_mapping,
}


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        ("list[Vcn]", "[]"),
        ("list[Vcn]", '[{"id": "ocid1.vcn"}]'),
        ("Vcn", '{"id": "ocid1.vcn", "aNewerField": 1}'),
        ("LogGroupSummaryCollection", '{"items": []}') if "LogGroupSummaryCollection" in MODELS else ("str", "x"),
        ("ClusterOptions", '{"kubernetesVersions": []}'),
        ("str", '"text"'),
        ("str", "plain text"),
        ("dict(str, str)", "{}"),
        ("list[SecurityRule]", '[{"direction": "INGRESS", "protocol": "all"}]'),  # its id is not promised
    ],
)
def test_an_answer_of_the_declared_type_is_one(declared: str, content: str) -> None:
    assert fault_of(content.encode(), declared, MODELS) is None


@pytest.mark.parametrize(
    ("declared", "content", "told"),
    [
        ("list[Vcn]", "", "not a list of Vcn but empty"),
        ("list[Vcn]", "{}", "not a list of Vcn but an object"),
        ("list[Vcn]", '[{"id": "ocid1', "not a list of Vcn but JSON that breaks off"),
        ("list[Vcn]", "[{}]", "not a list of Vcn but a list whose row 0 is an object without id"),
        ("list[Vcn]", "[1]", "not a list of Vcn but a list whose row 0 is a number"),
        ("list[Vcn]", "null", "not a list of Vcn but null"),
        ("Vcn", "[]", "not a Vcn but a list"),
        ("Vcn", "{}", "not a Vcn but an object without id"),
        ("Cluster", '{"name": "c"}', "not a Cluster but an object without id"),
        ("Vcn", "<html><title>Proxy  sign-in</title>", "not a Vcn but a web page (Proxy sign-in)"),
        ("Vcn", "upstream error", "not a Vcn but text that is not JSON"),
        ("ClusterOptions", "{}", "not a ClusterOptions but an empty object"),
        ("ClusterOptions", '{"error": 1}', "not a ClusterOptions but an object with error"),
        ("str", "<html>", "not a str but a web page"),
        ("Vcn", "[" * 100_000, "not a Vcn but JSON that breaks off"),
    ],
)
def test_another_answer_is_told_as_what_it_is(declared: str, content: str, told: str) -> None:
    assert fault_of(content.encode(), declared, MODELS) == told
