# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody may see, and how it is kept out of results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit


def looks_secret(name: str) -> bool:
    """Whether Ansible takes an option of this name for a secret unless the option says otherwise."""
    return any(word in name for word in ("secret", "pass", "token", "key"))


def secret_values(spec: Mapping[str, Mapping[str, Any]], args: Mapping[str, Any]) -> set[str]:
    """The values of the secret options of an argument spec, wherever they stand."""
    found: set[str] = set()
    for name, option in spec.items():
        value = args.get(name)
        if option.get("no_log"):
            found.update(texts(value))
        elif option.get("options"):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Mapping):
                    found |= secret_values(option["options"], item)
    return found


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """A copy in which the given texts are blanked out wherever they stand."""
    secrets = sorted((s for s in tuple(secrets) if len(s) >= 4), key=len, reverse=True)
    if not secrets:
        return value
    if isinstance(value, Mapping):
        return {scrub(k, secrets): scrub(v, secrets) for k, v in value.items()}
    if isinstance(value, list):
        return [scrub(v, secrets) for v in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "********")
    return value


def texts(value: Any) -> list[str]:
    """All single values in a value, as text."""
    if isinstance(value, Mapping):
        return [t for v in value.values() for t in texts(v)]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in texts(v)]
    return [str(value)] if value not in (None, "") else []


def passwords(url: Any) -> set[str]:
    """The password that a URL may hold, as it is written there and as it is meant."""
    try:
        password = urlsplit(url).password if isinstance(url, str) else None
    except ValueError:  # no URL: whoever uses it says so
        password = (re.findall(r"//[^/?#@]*:([^/?#]*)@", url) or [None])[0]
    return {password, unquote(password)} if password else set()


def shown_url(url: str) -> str:
    """A URL for people's eyes: without the name and password that it may hold."""
    return re.sub(r"(?<=//)[^/?#]*@", "", url)
