"""Oracle's clients, unchanged, with nothing set but what `localregion env` prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.clients.journey import CLI, HERE, Region

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="port 443 and /etc/hosts need root")]


def test_the_sdk_for_python(region: Region, tmp_path: Path) -> None:
    region.travel([sys.executable, str(HERE / "python" / "journey.py")], tmp_path)


@pytest.mark.whole
def test_the_sdk_for_go(region: Region, tmp_path: Path, go_journey: Path) -> None:
    region.travel([str(go_journey)], tmp_path)


def test_the_sdk_for_typescript(region: Region, tmp_path: Path, typescript_journey: Path) -> None:
    region.travel([str(CLI / "node"), str(typescript_journey)], tmp_path)


@pytest.mark.whole
def test_the_command_line(region: Region, tmp_path: Path) -> None:
    region.travel([str(HERE / "cli" / "journey.sh"), str(CLI / "oci")], tmp_path)
