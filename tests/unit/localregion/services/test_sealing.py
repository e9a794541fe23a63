# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Vault service generates, and encryption at rest."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from localregion.services import generation
from localregion.services.mysql import model
from localregion.services.sealing import Sealer, SealError


@pytest.mark.parametrize(
    "context",
    [
        {"generationTemplate": "SECRETS_DEFAULT_PASSWORD"},
        {"generationTemplate": "SECRETS_DEFAULT_PASSWORD", "passphraseLength": 12},
        {"generationTemplate": "SECRETS_DEFAULT_PASSWORD", "passphraseLength": 32},
        {"generationTemplate": "DBAAS_DEFAULT_PASSWORD"},
        {"generationTemplate": "DBAAS_DEFAULT_PASSWORD", "passphraseLength": 9},
    ],
)
def test_every_generated_passphrase_is_good_for_mysql(context: dict[str, object]) -> None:
    context = context | {"generationType": "PASSPHRASE"}
    generation.check(context)
    made = [generation.generate(context).decode() for _ in range(200)]
    assert len(set(made)) == 200
    assert {len(each) for each in made} == {context.get("passphraseLength") or len(made[0])}
    for each in made:
        model.password(each)
        assert each[0].isalpha()


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"generationType": "PASSPHRASE", "generationTemplate": "RSA_2048"}, "generationTemplate"),
        (
            {"generationType": "SSH_KEY", "generationTemplate": "RSA_2048", "secretTemplate": "%GENERATED_PUBLIC_KEY%"},
            "%GENERATED_PRIVATE_KEY%",
        ),
        ({"generationType": "BYTES", "generationTemplate": "BYTES_512", "secretTemplate": "x"}, "%GENERATED_BYTES%"),
    ],
)
def test_a_context_that_cannot_be_is_refused(context: dict[str, object], said: str) -> None:
    with pytest.raises(generation.GenerationError, match=said):
        generation.check(context)


def test_a_structure_holds_what_was_generated() -> None:
    context = {"generationType": "BYTES", "generationTemplate": "BYTES_1024", "secretTemplate": "[%GENERATED_BYTES%]"}
    made = generation.generate(context).decode()
    assert (made[0], made[-1], len(made)) == ("[", "]", 174)  # 128 bytes are 172 characters of base64


def test_sealed_values_open_in_their_own_context_with_their_own_key_only(tmp_path: Path) -> None:
    one = Sealer(tmp_path / "root.key")
    sealed = one.seal(b"words", "a")
    assert one.open(sealed, "a") == b"words"
    assert one.seal(b"words", "a") != sealed
    assert Sealer(tmp_path / "root.key").open(sealed, "a") == b"words"
    assert stat.S_IMODE((tmp_path / "root.key").stat().st_mode) == 0o600
    with pytest.raises(SealError):
        one.open(sealed, "b")
    with pytest.raises(SealError):
        Sealer(tmp_path / "other.key").open(sealed, "a")


def test_digests_tell_equal_contents_of_one_context(tmp_path: Path) -> None:
    one = Sealer(tmp_path / "root.key")
    assert one.digest(b"x", "a") == one.digest(b"x", "a")
    assert len({one.digest(b"x", "a"), one.digest(b"y", "a"), one.digest(b"x", "b")}) == 3
