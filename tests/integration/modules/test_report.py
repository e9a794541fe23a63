"""playbooks/report.yml on the API alone: what its page shows and does not, and how a browser shows it."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door
from .playbook import ROOT, ansible, inventory, play, site_variables
from .test_verify import SHOWN

NAME = "drawn"
CANARY = "canary-of-the-report"
GROUNDS = {"light": (0xF6, 0xF7, 0xF9), "dark": (0x0E, 0x11, 0x16)}


class Drawn:
    """What one run of the playbook made."""

    def __init__(self, path: Path, summary: dict[str, Any], text: str) -> None:
        self.path, self.summary, self.text = path, summary, text
        self.page = path.read_text()


@pytest.fixture(scope="module")
def drawn(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """The page of a site that has all but pods; a person changed the NAT gateway."""
    folder = tmp_path_factory.mktemp("report")
    given = site_variables(
        region,
        NAME,
        oke_virtual_pool_kubernetes_version="v1.36.1",
        external_secrets_helm_path="/bin/false",
        report_directory=str(folder),
    )
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{n}"}} for n in ("network", "vault_secret")]
    roles += [
        {"ansible.builtin.import_role": {"name": f"okestack.oci.{n}", "tasks_from": "begin"}}
        for n in ("mysql", "oke_virtual_pool")
    ]
    play(region, folder, roles, "-e", json.dumps(given))
    region.settle()
    network = region.client(oci.core.VirtualNetworkClient)
    (nat,) = network.list_nat_gateways(region.compartment_id).data
    network.update_nat_gateway(nat.id, oci.core.models.UpdateNatGatewayDetails(block_traffic=True))
    vaults = Door(region)("vault_info", compartment_id=region.compartment_id)["vaults"]
    keys = Door(region)("vault_key_info", compartment_id=region.compartment_id,
                        management_endpoint=vaults[0]["management_endpoint"])["vault_keys"]  # fmt: skip
    Door(region)("vault_secret", compartment_id=region.compartment_id, vault_id=vaults[0]["id"], key_id=keys[0]["id"],
                 secret_name="other", description=CANARY, content=CANARY,
                 freeform_tags={"okestack-deployment": NAME, "note": CANARY})  # fmt: skip
    region.settle()
    hosts = inventory(folder)
    arguments = ("-i", hosts, "playbooks/report.yml", "-e", json.dumps(given))
    region.forget_calls()
    done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=SHOWN)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert {call.operation for call in region.writes()} <= {"container_engine.create_kubeconfig"}
    shown = re.search(r"^\s*RUN: (\{.*)", done.stdout, re.S | re.M)
    assert shown, done.stdout[-3000:]
    summary = json.JSONDecoder().raw_decode(shown[1])[0]["okestack_report"]
    return Drawn(Path(summary["file"]), summary, done.stdout)


def test_the_page_shows_the_site(drawn: Drawn) -> None:
    ET.fromstring(drawn.page)
    words = ["lb", "api", "nodes", "pods", "mysql", "NAT gateway", "DB system", "cluster", "vault", "secret"]
    words += [f"{NAME}-mysql-admin", "addresses free", "application to database", "Kubernetes API did not answer"]
    for word in words:
        assert word in drawn.page, word
    assert drawn.summary["flows_not_as_they_should_be"] >= 1, "the NAT gateway lets nothing through"
    assert set(drawn.summary["free_addresses"]) == {"lb", "api", "nodes", "pods", "mysql"}
    assert "free addresses" in drawn.text


def test_drift_is_marked(drawn: Drawn) -> None:
    assert "◆ block_traffic is True, not False" in drawn.page
    assert drawn.summary["not_as_declared"] >= 1


def test_it_holds_no_secret(drawn: Drawn, region: Region) -> None:
    assert CANARY not in drawn.page + drawn.text
    secrets = region.client(oci.vault.VaultsClient).list_secrets(region.compartment_id).data
    bundles = region.client(oci.secrets.SecretsClient)
    for secret in secrets:
        content = bundles.get_secret_bundle(secret.id).data.secret_bundle_content.content
        assert content not in drawn.page


def first_pixel(picture: Path) -> tuple[int, ...]:
    """The upper left pixel of a PNG of 8 bits a channel: no filter of its row changes it."""
    data, place, pixels = picture.read_bytes(), 8, b""
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if data[place + 4 : place + 8] == b"IDAT":
            pixels += data[place + 8 : place + 8 + length]
        place += length + 12
    return tuple(zlib.decompress(pixels)[1:4])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it(drawn: Drawn, tmp_path: Path, width: int, scheme: str) -> None:
    """The pictures stay beside the test's other files."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser, "install chromium (make test does)"
    picture = tmp_path / f"report-{width}-{scheme}.png"
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}/profile",
        f"--window-size={width},1400", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
        f"--screenshot={picture}", drawn.path.as_uri(),
    ]  # fmt: skip
    env = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()} | {"HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert picture.exists(), done.stderr[-2000:]
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (width, 1400)
    assert picture.stat().st_size > 20_000
    assert first_pixel(picture) == GROUNDS[scheme]
