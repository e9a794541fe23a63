"""A local region and a site on it, as a person runs them: by their commands, from outside."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import kubernetes
import oci
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.kube.oke_token import make_token

from localregion.host.mysql_programs import MysqlPrograms
from localregion.settings import OPERATOR_ID

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PASSWORD_SECRETS = ("mysql-admin", "mysql-app")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def eventually(check: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """Wait until `check()` gives something true; that. An error of the network means not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = check()
            if found:
                return found
            reason = repr(found)
        except (OSError, httpx.HTTPError, kubernetes.client.ApiException, oci.exceptions.ServiceError) as error:
            reason = str(error)
        assert time.monotonic() < deadline, f"{what}: not after {seconds:.0f} s: {reason[:2000]}"
        time.sleep(0.5)


class Run:
    """One ansible-playbook, its output read as it comes."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        self.lines: list[str] = []
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.log.open("w") as file:
            for line in self.process.stdout:
                file.write(line)
                file.flush()
                self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        """All that was printed."""
        return "\n".join(self.lines)

    def wait(self, seconds: float = 900) -> Run:
        """Until it ends; it must end well."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"ansible-playbook did not end in {seconds:.0f} s:\n{self.end}") from None
        self._reader.join(10)
        assert code == 0, f"ansible-playbook ended with {code}:\n{self.end}"
        return self

    def fails(self, seconds: float = 300) -> Run:
        """Until it ends; it must fail."""
        assert self.process.wait(seconds) != 0, self.end
        self._reader.join(10)
        return self

    @property
    def end(self) -> str:
        """The last lines."""
        return "\n".join(self.lines[-60:])

    def until(self, part: str, seconds: float = 600) -> None:
        """Until a line with this part was printed."""
        deadline = time.monotonic() + seconds
        while not any(part in line for line in self.lines):
            assert self.process.poll() is None, f"ended before {part!r}:\n{self.end}"
            assert time.monotonic() < deadline, f"no {part!r} in {seconds:.0f} s:\n{self.end}"
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9, of ansible-playbook itself only."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def recap(self) -> dict[str, int]:
        """The numbers in the last line of the recap."""
        rows = [line for line in self.lines if " ok=" in line and " changed=" in line]
        assert rows, self.end
        return {key: int(value) for key, value in (part.split("=") for part in rows[-1].split() if "=" in part)}

    def summary(self) -> dict[str, list[str]]:
        """What the screen at the end says: `made`, `to make` and the like, to names."""
        found: dict[str, list[str]] = {}
        names: list[str] = []
        for line in self.lines:
            head = re.fullmatch(r"((?:to )?[a-z]+) \((\d+)\):", line)
            if head:
                names = found.setdefault(head[1], [])
            elif found and line.startswith("  "):
                names.append(line[2:])
        return found

    def diff_lines(self) -> list[str]:
        """The lines of all diffs."""
        return [line for line in self.lines if re.match(r"(---|\+\+\+|@@|[-+]) ?", line)]


class Region:
    """One local region with a name, a state folder and addresses of its own."""

    def __init__(self, name: str, network: str, folder: Path) -> None:
        self.name = name
        self.state = folder / "state"
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.address = network.partition("/")[0][:-1] + "1"
        self.other_address = network.partition("/")[0][:-1] + "2"
        self.endpoint = f"http://{self.address}:14000"
        cache = os.environ.get("OKESTACK_CACHE") or str(Path.home() / ".cache" / "okestack")
        tmp = folder / "tmp"
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(tmp),
            "OKESTACK_REGION": name,
            "OKESTACK_STATE": str(self.state),
            "OKESTACK_NETWORK": network,
            "OKESTACK_CACHE": cache,
            # Everything Ansible could write a secret to.
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
            "ANSIBLE_LOCAL_TEMP": str(tmp / "ansible"),
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_NOCOLOR": "1",
        }
        (folder / "tmp").mkdir()
        self.runs = 0
        self.planned: dict[str, list[str]] = {}
        self.config_file = self.state / "operator" / "config"
        self.user_id = OPERATOR_ID
        """Whose calls the playbooks' are."""

    def localregion(self, *arguments: str, seconds: float = 300) -> str:
        """The command `localregion`; its output."""
        ended = subprocess.run(
            [sys.executable, "-m", "localregion", *arguments], cwd=ROOT, env=self.env, text=True, timeout=seconds,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert ended.returncode == 0, f"localregion {' '.join(arguments)}:\n{ended.stdout}\n{self.daemon_log()}"
        return ended.stdout

    def daemon_log(self) -> str:
        """The end of the daemon's log."""
        path = self.state / "logs" / "daemon.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-40:]) if path.exists() else ""

    def playbook(self, *arguments: str, inventory: str = "inventories/local", playbook: str = "site.yml") -> Run:
        """Start `ansible-playbook site.yml` with the inventory local, aimed at this region's addresses."""
        self.runs += 1
        aim = {"okestack_endpoints": {"default": self.endpoint, "local-2": f"http://{self.other_address}:14000"}}
        command = ["ansible-playbook", "-i", inventory, playbook, "-e", json.dumps(aim), *arguments]
        return Run(command, self.env, self.folder / f"run-{self.runs}.log")

    def client(self, kind: Any, endpoint: str | None = None) -> Any:
        """A client of the unmodified SDK, with the operator's file."""
        config = oci.config.from_file(str(self.config_file))
        return kind(config, service_endpoint=endpoint or self.endpoint, retry_strategy=oci.retry.NoneRetryStrategy())

    @property
    def compartment_id(self) -> str:
        """The operator's compartment."""
        return str(
            yaml.safe_load((ROOT / "inventories/local/group_vars/all/main.yml").read_text())["okestack_compartment_id"]
        )

    def calls(self) -> list[dict[str, Any]]:
        """The API's log."""
        return [json.loads(line) for line in (self.state / "logs" / "api.jsonl").read_text().splitlines()]

    def operators_calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Those of the playbooks' user since the `since`th of all."""
        return [call for call in self.calls()[since:] if call["principal"] == self.user_id]

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """The calls of the playbooks' user since the `since`th of all that would change something."""
        return [
            call
            for call in self.operators_calls(since)
            if call["method"] in WRITES
            and not call["operation"].endswith(("create_kubeconfig", "get_secret_bundle_by_name"))
        ]

    def remove(self) -> None:
        """Stop it and forget it."""
        self.localregion("reset")
        shutil.rmtree(self.folder, ignore_errors=True)


class Site:
    """What is in a region after site.yml."""

    def __init__(self, region: Region, url: str, done: dict[str, list[str]] | None = None) -> None:
        self.region = region
        self.url = url
        self.done = done or {}

    @property
    def http(self) -> httpx.Client:
        """A client over TLS that takes any certificate; the playbook itself has checked it."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return httpx.Client(base_url=self.url, verify=context, timeout=20, trust_env=False)

    def cluster_id(self) -> str:
        """OCID of the cluster that lives."""
        engine = self.region.client(oci.container_engine.ContainerEngineClient)
        (found,) = engine.list_clusters(self.region.compartment_id, lifecycle_state=["ACTIVE"]).data
        return str(found.id)

    def kubernetes(self) -> kubernetes.client.ApiClient:
        """A client of the cluster with a token of now."""
        engine = self.region.client(oci.container_engine.ContainerEngineClient)
        cluster_id = self.cluster_id()
        shown = yaml.safe_load(engine.create_kubeconfig(cluster_id).data.text)["clusters"][0]["cluster"]
        ca = self.region.folder / "cluster-ca.pem"
        ca.write_bytes(base64.b64decode(shown["certificate-authority-data"]))
        configuration = kubernetes.client.Configuration(host=shown["server"])
        configuration.ssl_ca_cert = str(ca)
        configuration.api_key["authorization"] = "Bearer " + make_token(
            engine.base_client.signer, "local-1", cluster_id
        )
        return kubernetes.client.ApiClient(configuration)

    def core(self) -> Any:
        """The core API."""
        return kubernetes.client.CoreV1Api(self.kubernetes())

    def pods(self, namespace: str, name: str) -> list[Any]:
        """Running pods with this name label that are not going away."""
        found = self.core().list_namespaced_pod(namespace, label_selector=f"app.kubernetes.io/name={name}").items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None and pod.status.phase == "Running"]

    def secret_holds(self, namespace: str, key: str, text: str) -> bool:
        """Whether the Secret `database` has this text under the key."""
        held = self.core().read_namespaced_secret("database", namespace).data[key]
        return base64.b64decode(held).decode() == text

    def external_secret(self, namespace: str = "crud") -> dict[str, Any]:
        """The condition Ready of the ExternalSecret with the application's password."""
        api = kubernetes.client.CustomObjectsApi(self.kubernetes())
        found = api.get_namespaced_custom_object("external-secrets.io", "v1", namespace, "externalsecrets", "database")
        (ready,) = [row for row in found.get("status", {}).get("conditions", []) if row["type"] == "Ready"]
        return dict(ready)

    def secret_id(self, name: str) -> str:
        """OCID of a secret of the vault by the last part of its name."""
        vaults = self.region.client(oci.vault.VaultsClient)
        (found,) = vaults.list_secrets(self.region.compartment_id, name=f"okestack-{name}").data
        return str(found.id)

    def password(self, name: str) -> str:
        """The current content of a secret of the vault."""
        bundles = self.region.client(oci.secrets.SecretsClient)
        content = bundles.get_secret_bundle(self.secret_id(name)).data.secret_bundle_content.content
        return base64.b64decode(content).decode()

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of the DB system's schema, read by root at the server's own socket."""
        (socket_,) = self.region.state.glob("mysql/*/s")
        # A path may be longer than what a socket's address holds.
        link = Path("/tmp") / f"okestack-{os.getpid()}.sock"  # noqa: S108
        link.unlink(missing_ok=True)
        link.symlink_to(socket_)
        client = MysqlPrograms(Path(self.region.env["OKESTACK_CACHE"])).find()
        assert client is not None
        try:
            out = subprocess.run(
                [*client.command("mysql"), "--no-defaults", "-uroot", f"-S{link}", "-N", "-B", "crud", "-e", statement],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
        finally:
            link.unlink()
        return [line.split("\t") for line in out.splitlines()]


def processes() -> Iterator[tuple[str, bytes, bytes]]:
    """(id, command line, environment) of every process but this one."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                yield entry.name, (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
