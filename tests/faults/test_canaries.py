"""Secrets planted in every module: in each option that holds one by its spec, in the password of each URL, in the
kubeconfig, the key's pass phrase, a Secret's values, and in the files that options name. Nobody else sees one: not who
reads what a run printed at -vvv with --diff, its log, the system's log, the region's log and store, the list of
processes, a file that others can read; not when a task fails either, nor when a server repeats all that it was sent.

What is planted follows from the argument specs, so a new module is included. A sample runs as modules too (in a
process of their own) with the other tests, the same one each time; `make campaign` runs all of them.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.run import full_spec
from cryptography.hazmat.primitives import serialization

from localregion.testing import Region

from ..campaign import chosen
from ..integration.modules.playbook import ROOT, ansible

STEM = b"Kanarie7"
CANARY = f'{STEM.decode()} "x\\y\u00e9'
"""Changed by whatever quotes or encodes it, but for its stem."""
IN_URL = f"{STEM.decode()}%40x"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if registry.task(path.stem))
FULL = ("kubernetes_manifest", "kubernetes_secret", "url_wait", "vault_secret")
OPENED = ("secret", "pass", "token", "key")


def forms(stem: bytes) -> list[bytes]:
    """A text as it is, and what of its base64 does not depend on what is around it."""
    shifted = [base64.b64encode(b"." * before + stem)[4 if before else 0 : -4] for before in (0, 1, 2)]
    return [stem, *(form for form in shifted if len(form) >= 7)]


class Echo(http.server.BaseHTTPRequestHandler):
    """An API server, a service and a web server that refuses, and repeats all that it was sent."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
        said = f"{self.requestline} {dict(self.headers)} {body}"
        status = 422
        doc: dict[str, Any] = {"kind": "Status", "status": "Failure", "reason": "Invalid", "message": said}
        if self.path.startswith("/api/v1") and "/namespaces/" not in self.path:
            row = {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get", "patch"]}
            status, doc = 200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": [row]}
        elif self.command == "GET" and "/secrets/" in self.path:
            status, doc = 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "none"}
        doc.setdefault("code", status)
        data = json.dumps(doc).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


class Watch:
    """Looks, while something runs, for what holds a canary: command lines, and files that others can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    command = (process / "cmdline").read_bytes()
                    if any(form in command for form in forms(STEM)):
                        self.found.add(f"process: {command[:300]!r}")
            for path in _files(self.folder):
                with contextlib.suppress(OSError):
                    if _readable(path, self.folder) and _holds(path):
                        self.found.add(f"others can read {path.relative_to(self.folder)}")


def _files(folder: Path) -> Iterator[Path]:
    for root, _folders, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def _readable(path: Path, top: Path) -> bool:
    """Whether others may read a file, by its mode and those of the folders above it."""
    above = [one for one in path.parents if top in one.parents]
    return bool(path.stat().st_mode & 0o044) and all(one.stat().st_mode & 0o011 for one in above)


def _holds(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    data = path.read_bytes()
    return any(form in data for form in forms(STEM))


class Plants:
    """Files and options with canaries."""

    def __init__(self, region: Region, folder: Path, echo: str) -> None:
        self.region, self.echo = region, echo
        self.folder = folder
        folder.mkdir(mode=0o700)
        key = serialization.load_pem_private_key(Path(region.config["key_file"]).read_bytes(), None)
        phrase = serialization.BestAvailableEncryption(CANARY.encode())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, phrase)
        self.key_file = self._file("key.pem", pem.decode())
        config = {**region.config, "key_file": self.key_file, "pass_phrase": CANARY.replace("%", "%%")}
        lines = [f"{name}={value}" for name, value in config.items() if isinstance(value, str)]
        self.config_file = self._file("config", "\n".join(["[DEFAULT]", *lines, ""]))
        helper = self._file("helper", '#!/bin/sh\necho "no token for $HELPER_TOKEN" >&2\nexit 1\n')
        Path(helper).chmod(0o700)
        self.kubeconfigs = [
            self._kubeconfig("token", {"token": IN_URL}),
            self._kubeconfig(
                "helper", {"exec": {"command": helper, "env": [{"name": "HELPER_TOKEN", "value": IN_URL}]}}
            ),
            self._kubeconfig("password", {"username": "u", "password": CANARY}),
        ]
        self.secret_file = self._file("token", CANARY)

    def _file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    def _kubeconfig(self, name: str, user: Mapping[str, Any]) -> str:
        parts: dict[str, Any] = {
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": self.echo}}],
            "users": [{"name": "u", "user": user}],
        }
        return self._file(f"{name}.kubeconfig", json.dumps({"current-context": "c", **parts}))

    def options(self, module: str) -> Iterator[dict[str, Any]]:
        """Options of a module with a canary in all that may hold a secret: with no proxy, and with one."""
        task = registry.task(module)
        assert task is not None
        spec = full_spec(task)
        made = {name: self._value(name, option) for name, option in spec.items()}
        # Of what excludes each other, one; the connection's own are the run's.
        made = {name: value for name, value in made.items() if value is not None}
        soon = {"request_timeout": 2.0, "retry_timeout": 0.1, "wait_timeout": 1, "wait_interval": 0.1}
        made |= {name: value for name, value in soon.items() if name in spec}
        if "compartment_id" in spec:
            made["compartment_id"] = self.region.compartment_id
        if "kubeconfig" in spec:
            for kubeconfig in self.kubeconfigs:
                yield {**made, "kubeconfig": kubeconfig}
                yield {**made, "kubeconfig": kubeconfig, "no_such_option": 1}
            return
        yield made
        yield {**made, "no_such_option": 1}
        yield {**made, "proxy_url": f"{self.echo.replace('//', f'//u:{IN_URL}@')}"}
        yield {**made, "endpoints": {"default": self.echo.replace("//", f"//u:{IN_URL}@")}}
        yield {**made, "config_file": self.config_file, "endpoints": {"default": self.echo}}

    def _value(self, name: str, option: Mapping[str, Any], below: bool = False) -> Any:
        kind = option.get("type", "str")
        if option.get("no_log"):
            return CANARY
        if name in ("proxy_url", "endpoints", "config_file", "kubeconfig", "ca_file"):
            return None
        if name.endswith("url") and kind == "str":
            return self.echo.replace("//", f"//u:{IN_URL}@")
        if name in ("definition",):
            return {
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"},
                "stringData": {"word": CANARY}, "data": {"other": base64.b64encode(CANARY.encode()).decode()},
            }  # fmt: skip
        if kind == "path" and any(word in name for word in OPENED):
            return self.secret_file
        if option.get("options") and (below or option.get("required") or _holds_secret(option["options"])):
            inner = {n: self._value(n, o, True) for n, o in option["options"].items()}
            row = {n: v for n, v in inner.items() if v is not None}
            return [row] if kind == "list" else row
        if not option.get("required"):
            return None
        if option.get("choices"):
            return [option["choices"][0]] if kind == "list" else option["choices"][0]
        return {"int": 5, "float": 1.0, "bool": True, "list": ["example"], "dict": {}, "raw": "example"}.get(
            kind, "example"
        )


def _holds_secret(options: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(
        option.get("no_log")
        or (option.get("type") == "path" and any(word in name for word in OPENED))
        or _holds_secret(option.get("options") or {})
        for name, option in options.items()
    )


SYSLOG = """
import os, syslog
def written(*what):
    with open(os.environ["OKESTACK_SYSLOG"], "a") as file:
        file.write(repr(what) + "\\n")
syslog.syslog = written
"""
"""Takes the place of the system's log in every Python of the run."""


@pytest.fixture
def echo() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.timeout(3600)
def test_no_secret_of_a_module_is_seen(region: Region, tmp_path: Path, echo: str, whole: bool) -> None:
    plants = Plants(region, tmp_path / "plants", echo)
    every = [(module, options) for module in MODULES for options in plants.options(module)]
    tasks: list[dict[str, Any]] = []
    for module, options in every:
        task = {"name": module, f"okestack.oci.{module}": options, "ignore_errors": True}
        tasks += [task, {**task, "check_mode": True}]
    # Those that hold most are played each time; of the others a sample is.
    always = [task for task in tasks if task["name"] in FULL]
    tasks = always + chosen([task for task in tasks if task not in always], whole, 100)
    run = tmp_path / "run"
    run.mkdir()
    (run / "sitecustomize.py").write_text(SYSLOG)
    connection = {
        "config_file": plants.config_file,
        "endpoints": {"default": region.endpoint, "local-2": region.other_endpoint},
    }
    play = {
        "hosts": "localhost", "connection": "local", "gather_facts": False, "vars": {"okestack_record": "seen"},
        "module_defaults": {"group/okestack.oci.all": connection}, "tasks": tasks,
    }  # fmt: skip
    path = tmp_path / "plants/play.yml"
    path.write_text(json.dumps([play]))
    environment = {
        "TMPDIR": str(run), "ANSIBLE_LOCAL_TEMP": str(run / "local"), "ANSIBLE_LOG_PATH": str(run / "log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(run / "facts"),
        "ANSIBLE_CALLBACKS_ENABLED": "okestack.oci.summary",
        "OKESTACK_SYSLOG": str(run / "syslog"), "PYTHONPATH": os.pathsep.join([str(run), str(ROOT / "collections")]),
    }  # fmt: skip
    with Watch(run) as watch:
        done = ansible("ansible-playbook", "-i", "localhost,", str(path), "-vvv", "--diff", environment=environment)
        (run / "printed").write_text(done.stdout + done.stderr)
        for module, options in chosen(every, whole, 12):
            _as_a_module(module, {**connection, **options}, run / "modules", environment)
    printed = (run / "printed").read_text()
    assert printed.count("\nTASK [") == len(tasks), printed[-3000:]
    seen = [*watch.found]
    for file in [*_files(run), *_files(Path(region.settings.state))]:
        if _holds(file):
            lines = [line for line in file.read_bytes().splitlines() if any(form in line for form in forms(STEM))]
            seen += [f"{file.name}: {line[:300]!r}" for line in lines[:40]]
    assert not seen, f"{len(seen)}:\n" + "\n".join(seen)


def _as_a_module(module: str, options: Mapping[str, Any], told: Path, environment: Mapping[str, str]) -> None:
    """Runs a module in a process of its own, as Ansible does on another host and for async; adds what it tells."""
    name = f"ansible_collections.okestack.oci.plugins.modules.{module}"
    given = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_verbosity": 3, "_ansible_diff": True}}
    done = subprocess.run(
        [sys.executable, "-m", name],
        input=json.dumps(given),
        env={**os.environ, **environment},
        text=True,
        capture_output=True,
    )
    assert '"invocation"' in done.stdout, done.stdout[-500:] + done.stderr[-1500:]
    with told.open("a") as file:
        file.write(f"{module}: {done.stdout}{done.stderr}\n")
