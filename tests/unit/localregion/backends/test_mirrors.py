"""VTAPs as a table of nftables: what is copied, of whom, and where to."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.backends.mirrors import Mirror, compile_mirrors

PORTS = {"a": "va", "b": "vb"}


def mirror(*rules: dict[str, Any], sources: tuple[str, ...] = ("a",)) -> Mirror:
    return Mirror("ocid1.vtap.x", 7, "10.7.1.9", "10.7.1.1", sources, rules)


def rule(**values: Any) -> dict[str, Any]:
    return {"trafficDirection": "INGRESS", "ruleAction": "INCLUDE", **values}


SPAN = {"destinationPortRange": {"min": 80, "max": 90}, "sourcePortRange": {"min": 5, "max": 5}}


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (rule(), "meta protocol ip COPY return"),
        (rule(ruleAction="EXCLUDE", sourceCidr="10.0.0.0/8"), "meta protocol ip ip saddr 10.0.0.0/8 return"),
        (
            rule(protocol="6", tcpOptions=SPAN, destinationCidr="0.0.0.0/0"),
            "meta protocol ip meta l4proto 6 tcp sport 5-5 tcp dport 80-90 COPY return",
        ),
        (rule(protocol="1", icmpOptions={"type": 8}), "meta protocol ip meta l4proto 1 icmp type 8 COPY return"),
        (rule(protocol="58"), ""),
        (rule(sourceCidr="2001:db8::/32"), ""),
        (rule(trafficDirection="EGRESS"), ""),
    ],
)
def test_a_rule(one: dict[str, Any], line: str) -> None:
    made = mirror(one)
    lines = [each.strip() for each in compile_mirrors([made], PORTS).splitlines()]
    at = lines.index(f"chain {made.link}i {{")
    assert lines[at + 1 : lines.index("}", at)] == ([line.replace("COPY", f'dup to "{made.link}"')] if line else [])


def test_both_ways_of_each_source_that_has_a_link() -> None:
    table = compile_mirrors([mirror(rule(), sources=("a", "gone"))], PORTS)
    assert 'chain eva { type filter hook ingress device "va"' in table
    assert 'chain iva { type filter hook egress device "va"' in table
    assert "vb" not in table
    assert compile_mirrors([], PORTS).splitlines() == ["table netdev okestack {}", "delete table netdev okestack"]
