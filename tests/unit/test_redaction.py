# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody may see: found in options and URLs, blanked out of results."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.redaction import (
    looks_secret,
    passwords,
    scrub,
    secret_values,
    shown_url,
    texts,
)

SPEC: dict[str, Any] = {
    "name": {"type": "str"},
    "content": {"type": "str", "no_log": True},
    "rows": {"type": "list", "options": {"word": {"no_log": True}, "name": {}}},
    "one": {"type": "dict", "options": {"words": {"no_log": True}}},
}


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"name": "shop"}, set()),
        ({"name": "shop", "content": "alpha"}, {"alpha"}),
        ({"rows": [{"word": "alpha", "name": "shop"}, {"word": "beta"}, "no row"]}, {"alpha", "beta"}),
        ({"one": {"words": {"a": ["alpha", 7, "", None]}}}, {"alpha", "7"}),
        ({"content": None, "rows": None, "one": "no dict"}, set()),
    ],
)
def test_secret_values_are_found_wherever_an_option_is_secret(args: dict[str, Any], found: set[str]) -> None:
    assert secret_values(SPEC, args) == found


@pytest.mark.parametrize(
    ("name", "secret"), [("admin_password", True), ("key_id", True), ("token", True), ("display_name", False)]
)
def test_names_that_ansible_takes_for_secrets(name: str, secret: bool) -> None:
    assert looks_secret(name) is secret


def test_texts_are_all_single_values() -> None:
    assert texts({"a": [1, ("b", {"c": True})], "d": None, "e": ""}) == ["1", "b", "True"]


@pytest.mark.parametrize(
    ("value", "secrets", "expected"),
    [
        ("a secret b", {"secret"}, "a ******** b"),
        ("secret secret-and-more", {"secret", "secret-and-more"}, "******** ********"),
        ({"secret": ["secret", 1, None, True]}, {"secret"}, {"********": ["********", 1, None, True]}),
        ("yes no a", {"a", "no", "yes"}, "yes no a"),
        ("untouched", set(), "untouched"),
    ],
)
def test_scrub(value: Any, secrets: set[str], expected: Any) -> None:
    """Texts of less than four characters are not secrets, and would blank out half of a result."""
    assert scrub(value, secrets) == expected


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("http://u:pass%40word@host:80/", {"pass%40word", "pass@word"}),
        ("http://u:word@[::1", {"word"}),
        ("http://u@host/a:b@c", set()),
        ("nowhere", set()),
        (None, set()),
        ({"a": 1}, set()),
    ],
)
def test_passwords_of_urls(url: Any, hidden: set[str]) -> None:
    assert passwords(url) == hidden


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:word@host:80/a@b?c", "https://host:80/a@b?c"),
        ("https://host/", "https://host/"),
        ("nowhere", "nowhere"),
    ],
)
def test_urls_are_shown_without_who_asks(url: str, shown: str) -> None:
    assert shown_url(url) == shown
