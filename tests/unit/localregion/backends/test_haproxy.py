# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load balancer's next worker learns about the servers."""

from __future__ import annotations

import pytest

from localregion.backends.haproxy import for_next_worker

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_check_port srv_check_addr
3 set:TCP-80 1 10.0.32.2:30080 10.0.32.2 10256 -
5 listener:80 1 10.0.32.2:30080 10.0.32.2 0 -
7 set:gone 1 10.0.32.9:30080 10.0.32.9 10256 -
"""


@pytest.mark.parametrize(("checker", "port"), [({"port": 31000}, 31000), ({"port": 0}, 0), ({}, 0)])
def test_the_port_of_health_is_that_of_the_document(checker: dict[str, int], port: int) -> None:
    told = for_next_worker(STATE, {"backendSets": {"TCP-80": {"healthChecker": checker}}})
    assert told == STATE.replace("10.0.32.2 10256", f"10.0.32.2 {port}")


def test_a_state_of_another_form_is_left_alone() -> None:
    assert for_next_worker("1\n", {"backendSets": {}}) == "1\n"
    assert for_next_worker("0\n3 set:a 1\n", {"backendSets": {"a": {"healthChecker": {"port": 1}}}}) == "0\n3 set:a 1\n"
