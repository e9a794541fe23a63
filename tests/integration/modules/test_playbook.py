"""Modules through ansible-playbook: in Ansible's own process, and as a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from localregion.testing import Region

from .playbook import ROOT, play


def _vcn(region: Region, name: str) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, "display_name": name, "cidr_blocks": ["10.61.0.0/16"]}


def test_what_is_under_way_is_told(region: Region, tmp_path: Path) -> None:
    assert "  vcn played: creating" in play(region, tmp_path, [{"okestack.oci.vcn": _vcn(region, "played")}])


def test_a_module_as_a_process_of_its_own(region: Region, tmp_path: Path) -> None:
    task = {"okestack.oci.vcn": _vcn(region, "apart"), "async": 60, "poll": 1, "register": "made"}
    check = {"ansible.builtin.assert": {"that": ["made.vcn.id.startswith('ocid1.vcn.')", "made is changed"]}}
    play(region, tmp_path, [task, check])


def test_a_process_on_this_machine_has_the_python_that_runs_ansible(region: Region, tmp_path: Path) -> None:
    discovered = {
        "ansible_python_interpreter": "auto_silent",
        "ansible_interpreter_python_fallback": ["/usr/bin/python3"],
    }
    task = {"okestack.oci.vcn": _vcn(region, "discovered"), "async": 60, "poll": 1, "vars": discovered}
    play(region, tmp_path, [task])  # Debian's own Python has no SDK


def test_defaults_of_one_module_are_that_modules_alone(region: Region, tmp_path: Path) -> None:
    """Those of the group, which sign all tasks here, hold beside them."""
    found = {"okestack.oci.vcn_info": {"compartment_id": region.compartment_id}, "register": "found"}
    tasks = [
        {"okestack.oci.vcn": _vcn(region, "by-default"), "register": "made"},
        {"okestack.oci.log_group": {"compartment_id": region.compartment_id, "display_name": "x"}, "register": "other"},
        {
            "okestack.oci.vcn": {**_vcn(region, "by-default-2"), "freeform_tags": {"from": "task"}},
            "register": "second",
        },
        found,
    ]
    defaults = {
        "okestack.oci.vcn": {"freeform_tags": {"from": "defaults"}},
        "okestack.oci.vcn_info": {"display_name": "by-default"},
    }
    told = [
        "made.vcn.freeform_tags == {'from': 'defaults'}",
        "not other.log_group.freeform_tags",
        "second.vcn.freeform_tags == {'from': 'task'}",
        "found.vcns | map(attribute='id') == [made.vcn.id]",
    ]
    play(region, tmp_path, [{"block": tasks, "module_defaults": defaults}, {"ansible.builtin.assert": {"that": told}}])


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_progress_is_seen_in_a_pipe_while_it_lasts(tmp_path: Path) -> None:
    """The server that the task waits for starts when its progress line has come through the pipe."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    waits = {"okestack.oci.url_wait": {"url": f"http://127.0.0.1:{port}/", "wait_timeout": 120, "wait_interval": 0.2}}
    path = tmp_path / "play.yml"
    path.write_text(
        json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [waits]}])
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(path)],
        cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env=environment | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
    ) as playing:  # fmt: skip
        assert playing.stdout is not None
        seen = next((line for line in playing.stdout if "no answer" in line), "")
        assert seen.startswith(f"  http://127.0.0.1:{port}/: no answer"), seen
        with HTTPServer(("127.0.0.1", port), _Hello) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            rest = playing.stdout.read()
            server.shutdown()
    assert playing.returncode == 0, rest
