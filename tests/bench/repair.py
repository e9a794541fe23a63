#!/usr/bin/env python
"""How long it takes from a change made by hand to its repair, by ansible-rulebook with the collection's rulebook.

    python tests/bench/repair.py PROGRAM [CHANGES]

PROGRAM is ansible-rulebook, in an environment of its own (`make repair`; it needs Java). The rulebook, the event source
and site.yml are the collection's own, the region its API alone. Two things are played here: the Events service, which
the region has not (each write that the region answered is posted as Oracle documents events), and the controller, which
plays site.yml with the tags that the rulebook asks for. It fails where a change is not repaired.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

import oci  # noqa: E402

from localregion.testing import Region  # noqa: E402
from tests.integration.modules.playbook import ansible, inventory, site_variables  # noqa: E402

ROOT = Path(__file__).parents[2]
NAME, TOKEN = "mended", "of-the-bench"
LIMIT = 300.0
"""Seconds until a change that is not repaired counts as not seen."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Controller(ThreadingHTTPServer):
    """What of AWX's API a rulebook asks: one job template, launched with tags."""

    def __init__(self, run: Callable[[str], int]) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.run = run
        self.jobs: list[dict[str, Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def launch(self, tags: str) -> dict[str, Any]:
        """Start the job; what the controller says of it."""
        job = {"id": len(self.jobs) + 1, "status": "running", "tags": tags, "artifacts": {}}
        job["url"] = f"/api/v2/jobs/{job['id']}/"
        self.jobs.append(job)

        def play() -> None:
            job["status"] = "failed" if self.run(tags) else "successful"

        threading.Thread(target=play, daemon=True).start()
        return job

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return all(job["status"] != "running" for job in self.jobs)


class Answers(BaseHTTPRequestHandler):
    """One request to the controller."""

    server: Controller

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def answer(self, document: Any) -> None:
        """JSON."""
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """The template, or jobs and how they stand."""
        asked = ("limit", "labels", "inventory", "variables")
        template = {
            "id": 1, "type": "job_template", "name": f"okestack {NAME} site",
            "summary_fields": {"organization": {"name": "Default"}}, "related": {"launch": "/api/v2/launch/"},
            **{f"ask_{what}_on_launch": False for what in asked},
        }  # fmt: skip
        rows = [template] if "unified_job_templates" in self.path else self.server.jobs
        self.answer({"version": "4.7.0", "count": len(rows), "next": None, "results": rows})

    def do_POST(self) -> None:
        """The launch."""
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(self.server.launch(given.get("job_tags", "")))


def tell(region: Region, url: str, until: threading.Event) -> None:
    """The Events service and its topic: each write of the network that the region answered is posted, as they come."""
    told = 0
    while not until.wait(0.05):
        calls = list(region.inner.calls)
        for call in calls[told:]:
            package, _, operation = call.operation.partition(".")
            if call.method == "GET" or not 200 <= call.status < 300 or package != "core":
                continue
            kind = f"com.oraclecloud.virtualnetwork.{operation.replace('_', '')}"
            event = {
                "eventType": kind, "cloudEventsVersion": "0.1", "source": "virtualnetwork", "eventID": call.request_id,
                "eventTime": call.time, "data": {"compartmentId": region.compartment_id,
                                                 "freeformTags": {"okestack-deployment": NAME}},
            }  # fmt: skip
            try:
                urllib.request.urlopen(urllib.request.Request(url, json.dumps(event).encode()), timeout=10).close()
            except OSError:
                break  # nobody listens yet: the topic tries again
            told = calls.index(call) + 1
        else:
            told = len(calls)


def wait(check: Callable[[], Any], what: str) -> None:
    """Until it is so. Raises SystemExit after LIMIT."""
    deadline = time.monotonic() + LIMIT
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {LIMIT:.0f} s: {what}")
        time.sleep(0.02)


def main(program: Path, changes: int) -> None:
    """Build, change and measure."""
    with (
        tempfile.TemporaryDirectory(prefix="okestack-repair-") as name,
        Region.started(Path(name) / "region") as region,
    ):
        folder = Path(name)
        given = json.dumps(site_variables(region, NAME, oke_virtual_pool_kubernetes_version="v1.36.1"))
        hosts = inventory(folder)

        def site(tags: str) -> int:
            done = ansible("ansible-playbook", "-i", hosts, "site.yml", "--tags", tags, "-e", given)
            if done.returncode:
                print(done.stdout[-3000:], done.stderr[-2000:])
            return done.returncode

        assert site("network") == 0
        network = region.client(oci.core.VirtualNetworkClient)
        (gateway,) = network.list_nat_gateways(region.compartment_id).data
        controller, port, stopped = Controller(site), free_port(), threading.Event()
        rulebook = (ROOT / "extensions/eda/rulebooks/repair.yml").read_text()
        assert rulebook.count("port: 5000") == 1
        (folder / "repair.yml").write_text(rulebook.replace("port: 5000", f"port: {port}"))
        environment = os.environ | {
            "PATH": f"{program.parent}:{os.environ['PATH']}", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "OKESTACK_EVENTS_TOKEN": TOKEN, "OKESTACK_DEPLOYMENT": NAME, "EDA_JOB_TEMPLATE_REFRESH_DELAY": "1",
        }  # fmt: skip
        command = [
            str(program), "-r", str(folder / "repair.yml"), "--env-vars", "OKESTACK_EVENTS_TOKEN,OKESTACK_DEPLOYMENT",
            "--controller-url", f"http://127.0.0.1:{controller.server_port}/", "--controller-token", "x",
        ]  # fmt: skip
        log = (folder / "rulebook.log").open("w")
        listening = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            region.forget_calls()
            url = f"http://127.0.0.1:{port}/events?token={TOKEN}"
            threading.Thread(target=tell, args=(region, url, stopped), daemon=True).start()

            def open_again() -> bool:
                return not network.get_nat_gateway(gateway.id).data.block_traffic

            took = []
            for number in range(changes + 1):
                began = time.monotonic()
                details = oci.core.models.UpdateNatGatewayDetails(block_traffic=True)
                network.update_nat_gateway(gateway.id, details)
                wait(lambda: listening.poll() is not None or open_again(), "the NAT gateway is open again")
                assert listening.poll() is None, (folder / "rulebook.log").read_text()
                seconds = time.monotonic() - began
                if number:  # the first waits for the rulebook's own start
                    took.append(seconds)
                # The repair is an event too; the run that it starts finds nothing to do.
                runs = len(controller.jobs)

                def echoed(least: int = runs) -> bool:
                    return len(controller.jobs) > least and controller.idle

                wait(echoed, "the repair's own run")
                time.sleep(2)  # twice the delay with which the rulebook looks for the end of its job
        except SystemExit:
            print((folder / "rulebook.log").read_text()[-4000:])
            raise
        finally:
            stopped.set()
            listening.terminate()
            listening.wait(timeout=60)
            controller.shutdown()
        assert all(job["status"] == "successful" and job["tags"] == "network" for job in controller.jobs)
        p95 = sorted(took)[-max(1, round(len(took) * 0.05))]
        print(f"{'from a change made by hand to its repair, median':<58} {statistics.median(took):>10.1f} s")
        print(f"{f'the slowest 5 % of {len(took)} changes':<58} {p95:>10.1f} s  aim 10 s")
        print(f"{'jobs launched, those that found nothing to do included':<58} {len(controller.jobs):>12}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]) if sys.argv[2:] else 20)
