# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for vaults, keys and secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..case import Case, Leaf


def _ahead(days: int, form: str = "%Y-%m-%dT00:00:00Z") -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime(form)


REUSE: dict[str, Any] = {"secret_rules": [{"rule_type": "SECRET_REUSE_RULE"}]}
GENERATED: dict[str, Any] = {
    "content": None,
    "enable_auto_generation": True,
    "secret_generation_context": {
        "generation_type": "PASSPHRASE",
        "generation_template": "SECRETS_DEFAULT_PASSWORD",
    },
}
GIVEN = "the walk gives it with `beside`, where it has no value that is not given"
ROTATION = "auto_key_rotation_details"

CASES = {
    "vault": Case(leaves={"vault_type": Leaf("DEFAULT", "VIRTUAL_PRIVATE")}),
    "vault_key": Case(
        options={"management_endpoint": lambda g: g.private_vault["management_endpoint"]},
        leaves={
            "key_shape.algorithm": Leaf("AES", "ECDSA"),
            "key_shape.length": Leaf(32, 16),
            "key_shape.curve_id": Leaf(
                second="NIST_P384",
                beside={"key_shape": {"algorithm": "ECDSA", "length": 32}},
                irreplaceable="another curve has another length",
            ),
            "protection_mode": Leaf("SOFTWARE", "HSM"),
            "is_auto_rotation_enabled": Leaf(
                True, False, along={ROTATION: None}, kept="switched on again, it uses the interval again"
            ),
            f"{ROTATION}.rotation_interval_in_days": Leaf(90, 120),
            f"{ROTATION}.time_of_schedule_start": Leaf(
                "2027-01-31", "2027-02-28", spellings=("2027-01-31T00:00:00Z", "2027-01-31T16:45:10+01:00")
            ),
        },
    ),
    "vault_secret": Case(
        leaves={
            "vault_id": Leaf(lambda g: g.vault_id, lambda g: g.private_vault["id"]),
            "key_id": Leaf(lambda g: g.key_id, lambda g: g.other_key_id),
            "description": Leaf("the mail's token", "The mail's token"),
            "metadata": Leaf({"host": "mail1"}, {"host": "MAIL1", "port": "25"}),
            "content": Leaf("canary one", "Canary one", by=("update_secret",)),
            "current_version_number": Leaf(
                second=1,
                beside={"content": "canary two"},
                along={"content": None},
                kept="content says which version is current",
            ),
            "secret_rules": Leaf([{"rule_type": "SECRET_EXPIRY_RULE"}], REUSE["secret_rules"]),
            "secret_rules[].rule_type": Leaf(
                second="SECRET_EXPIRY_RULE",
                beside=REUSE,
                along={"secret_rules[].secret_version_expiry_interval": "P30D"},
                kept=GIVEN,
                implied="a rule that expires says when",
            ),
            "secret_rules[].secret_version_expiry_interval": Leaf("P30D", "P60D"),
            "secret_rules[].time_of_absolute_expiry": Leaf(
                _ahead(100),
                _ahead(200),
                spellings=(_ahead(100, "%Y-%m-%d"), _ahead(100, "%Y-%m-%dT02:00:00.000+02:00")),
            ),
            "secret_rules[].is_secret_content_retrieval_blocked_on_expiry": Leaf(second=True),
            "secret_rules[].is_enforced_on_deleted_secret_versions": Leaf(second=True, beside=REUSE, spellings=(None,)),
            "enable_auto_generation": Leaf(
                False,
                True,
                along={"content": None, "secret_generation_context": GENERATED["secret_generation_context"]},
                kept="what another client had generated is another content",
            ),
            "secret_generation_context.generation_type": Leaf(
                second="BYTES",
                beside=GENERATED,
                along={"secret_generation_context.generation_template": "BYTES_512"},
                kept=GIVEN,
                implied="each kind has templates of its own",
            ),
            "secret_generation_context.generation_template": Leaf(
                second="DBAAS_DEFAULT_PASSWORD", beside=GENERATED, kept=GIVEN
            ),
            "secret_generation_context.passphrase_length": Leaf(
                second=30, beside={**GENERATED, "secret_generation_context.passphrase_length": 24}, kept=GIVEN
            ),
            "secret_generation_context.secret_template": Leaf(
                second='{"Password": "%GENERATED_PASSPHRASE%"}',
                beside={
                    **GENERATED,
                    "secret_generation_context.secret_template": '{"password": "%GENERATED_PASSPHRASE%"}',
                },
                kept=GIVEN,
            ),
        },
    ),
}
