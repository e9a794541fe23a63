"""Flows out of connections and dropped packets: what is counted, for whom, and what a capture filter leaves of it."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.backends.flow_records import Flow, Window, chosen
from localregion.host.netfilter import Connection, Logged, Tuple

POD, DB, CLIENT = "10.7.2.10", "10.7.3.10", "203.0.113.1"
HERE = {POD, DB}


def connection(number: int, sent: Tuple, answered: Tuple, *counts: tuple[int, int]) -> Connection:
    return Connection(number, sent, answered, *counts)


def there(number: int, *counts: tuple[int, int]) -> Connection:
    return connection(number, Tuple(POD, DB, 6, 40000, 3306), Tuple(DB, POD, 6, 3306, 40000), *counts)


def shown(window: Window) -> set[tuple[Any, ...]]:
    return {
        (f.address, f.packet.source, f.packet.destination, f.packet.port, f.action, f.packets, f.size)
        for f in window.flows()
    }


def test_connections_are_counted_by_what_they_had_before() -> None:
    window = Window()
    window.begin([there(1, (5, 500), (4, 400))])
    window.look([there(1, (7, 650), (4, 400)), there(2, (1, 60), (0, 0))], HERE, 10.0)
    assert shown(window) == {
        (POD, POD, DB, 3306, "ACCEPT", 3, 210),
        (DB, POD, DB, 3306, "ACCEPT", 3, 210),
    }
    window.ended(there(1, (9, 800), (5, 480)), HERE, 11.0)
    assert shown(window) == {
        (POD, POD, DB, 3306, "ACCEPT", 2, 150),
        (DB, POD, DB, 3306, "ACCEPT", 2, 150),
        (POD, DB, POD, 40000, "ACCEPT", 1, 80),
        (DB, DB, POD, 40000, "ACCEPT", 1, 80),
    }
    window.look([], HERE, 12.0)
    assert shown(window) == set()


@pytest.mark.parametrize(
    ("sent", "answered", "target", "port"),
    [
        (Tuple(POD, "10.96.0.5", 6, 4000, 80), Tuple(DB, POD, 6, 8080, 4000), DB, 8080),  # a Service
        (Tuple(POD, DB, 6, 4000, 31000), Tuple(DB, POD, 6, 8080, 4000), DB, 31000),  # a node port
    ],
)
def test_rewritten_addresses_are_told_as_the_cloud_sees_them(
    sent: Tuple, answered: Tuple, target: str, port: int
) -> None:
    window = Window()
    window.look([connection(1, sent, answered, (1, 60), (0, 0))], HERE, 1.0)
    assert {flow[:4] for flow in shown(window)} == {(POD, POD, target, port), (DB, POD, target, port)}


def test_dropped_packets() -> None:
    window = Window()
    packet = Tuple(POD, DB, 6, 40000, 22)
    window.dropped(Logged("e", packet, 60), HERE, 1.0)
    assert shown(window) == {(POD, POD, DB, 22, "REJECT", 1, 60)}
    for _ in range(2):
        window.dropped(Logged("i", packet, 60), HERE, 1.0)
    assert shown(window) == {(DB, POD, DB, 22, "REJECT", 2, 120), (POD, POD, DB, 22, "ACCEPT", 2, 120)}
    window.dropped(Logged("i", Tuple(CLIENT, POD, 6, 5, 22), 60), HERE, 1.0)
    assert shown(window) == {(POD, CLIENT, POD, 22, "REJECT", 1, 60)}
    window.dropped(Logged("e", Tuple(POD, "169.254.169.254", 17, 5, 53), 60), HERE, 1.0)
    assert shown(window) == set()


def rule(**values: Any) -> dict[str, Any]:
    base = {"isEnabled": True, "priority": 1, "samplingRate": 1, "flowLogType": "ALL", "ruleAction": "INCLUDE"}
    return {**base, **values}


@pytest.mark.parametrize(
    ("rules", "logged"),
    [
        ([], False),
        ([rule()], True),
        ([rule(isEnabled=False)], False),
        ([rule(flowLogType="REJECT")], False),
        ([rule(protocol="17")], False),
        ([rule(sourceCidr="10.7.2.0/24", destinationCidr="10.7.3.0/24")], True),
        ([rule(sourceCidr="2001:db8::/32")], False),
        ([rule(protocol="6", tcpOptions={"destinationPortRange": {"min": 3306, "max": 3306}})], True),
        ([rule(protocol="6", tcpOptions={"sourcePortRange": {"min": 1, "max": 2}})], False),
        ([rule(priority=2), rule(ruleAction="EXCLUDE", priority=1)], False),
        ([rule(ruleAction="EXCLUDE", priority=2), rule(priority=1)], True),
        ([rule(samplingRate=100_000)], False),
    ],
)
def test_a_capture_filter_chooses(rules: list[dict[str, Any]], logged: bool) -> None:
    assert chosen(Flow(POD, Tuple(POD, DB, 6, 40000, 3306), "ACCEPT", 1, 60, 1.0, 1.0), rules) == logged
