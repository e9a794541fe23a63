"""What AWX (24.6) does with `awx/vars`, as far as jobs depend on it, for tests where no AWX is.

    controller = Controller(folder, awx_deployment="local")
    job = controller.launch("okestack local site", {"app_ingress_replicas": 2})
    assert job.status == "successful" and job.artifacts["okestack_url"]

A job is played by ansible-runner in the three steps that receptor carries between AWX and its execution nodes:
`transmit`, `worker`, `process`. The worker sees what was transmitted and a home that is empty.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2.sandbox
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
Item = dict[str, Any]


def data(**settings: Any) -> dict[str, Any]:
    """All variables of `awx/vars`, templated; ``settings`` take the place of those of `settings.yml`."""
    loader = DataLoader()
    given: dict[str, Any] = {}
    (play,) = yaml.safe_load((ROOT / "awx/configure.yml").read_text())
    for name in play["vars_files"]:
        given |= loader.load_from_file(str(ROOT / "awx" / name), trusted_as_template=True)
    given |= settings
    templar = Templar(loader=loader, variables=given)
    made: dict[str, Any] = json.loads(json.dumps({name: templar.template(value) for name, value in given.items()}))
    # As infra.aap_configuration does with what is a template for AWX.
    for one in made["controller_credential_types"]:
        one["injectors"] = json.loads(json.dumps(one["injectors"]).replace("{  {", "{{"))
    return made


def sources() -> list[str]:
    """The files that git holds or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in listed if name and os.path.lexists(ROOT / name)]


# --- what AWX offers to choose from --------------------------------------------------------------------------------


def _listed(files: Iterable[str]) -> Iterator[str]:
    for name in files:
        folders = name.split("/")[:-1]
        if not {"roles", "tasks", "group_vars", "host_vars"} & set(folders) and not any(f[0] == "." for f in folders):
            yield name


def offered_playbooks(files: Iterable[str]) -> list[str]:
    """The files of a project that AWX takes for playbooks: YAML with a line that begins as a play does."""
    play = re.compile(r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):")
    found = []
    for name in _listed(files):
        lines = (ROOT / name).read_text(errors="replace").splitlines() if name.endswith((".yml", ".yaml")) else []
        if any(play.match(line) for line in lines):
            found.append(name)
    return sorted(found)


def offered_inventories(files: Iterable[str]) -> list[str]:
    """The files of a project that AWX takes for inventories, by their names and first lines."""
    found = []
    for name in _listed(files):
        path = ROOT / name
        if path.name in ("inventory", "hosts") or (
            path.is_file() and (path.suffix == ".ini" or os.access(path, os.X_OK))
        ):
            found.append(name)
        elif path.is_file() and not path.suffix:
            lines = path.read_text(errors="replace").splitlines()[:11]
            if any(re.match(r"[a-zA-Z0-9_.=\[\]]", line) for line in lines):
                found.append(name)
    return sorted(found)


# --- surveys -----------------------------------------------------------------------------------------------------


def refusal(question: Item, value: Any) -> str | None:
    """Why AWX itself refuses an answer; None: it sends it."""
    kind, low, high = question["type"], question.get("min"), question.get("max")
    if kind in ("text", "textarea", "password"):
        if not isinstance(value, str):
            return "expected to be a string"
        size: float = len(value)
    elif kind in ("integer", "float"):
        if type(value) is not int and not (kind == "float" and type(value) is float):
            return "expected to be a number"
        size = value
    else:
        values = value if kind == "multiselect" else [value]
        if not isinstance(values, list) or any(one not in question["choices"] for one in values):
            return f"expected to be one of {question['choices']}"
        return None
    if low not in ("", None) and size < int(str(low)):
        return "too small"
    return "too large" if high not in ("", None) and size > int(str(high)) else None


def answers(spec: Item, given: Mapping[str, Any]) -> dict[str, Any]:
    """The extra variables of a launch: defaults that would be accepted, then what was answered.

    Raises AssertionError where AWX would refuse the launch.
    """
    sent: dict[str, Any] = {}
    for question in spec["spec"]:
        default, name = question.get("default"), question["variable"]
        if default is not None and refusal(question, default) is None:
            sent[name] = default
        if name in given:
            assert refusal(question, given[name]) is None, (name, given[name], refusal(question, given[name]))
            sent[name] = given[name]
        assert name in sent or not question["required"], f"{name}: value missing"
    assert set(given) <= {question["variable"] for question in spec["spec"]}, "variables are not allowed on launch"
    return sent


# --- credentials ---------------------------------------------------------------------------------------------------


@dataclass
class Injected:
    """What a credential adds to a job. Paths are those that the job sees."""

    env: dict[str, str] = field(default_factory=dict)
    extra_vars: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def inject(kind: Item, inputs: Mapping[str, str], prefix: str) -> Injected:
    """Render a type's injectors. Files come in the order in which the database keeps their names: by length. A field
    that is required and has no value, or a name that is not known (yet), fails."""
    missing = [name for name in kind["inputs"].get("required", []) if not inputs.get(name)]
    assert not missing, f"{kind['name']}: no value for {missing}"
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    made = Injected()
    named: dict[str, str] = {}
    known: dict[str, Any] = dict(inputs)
    for name, text in sorted(kind["injectors"].get("file", {}).items(), key=lambda pair: (len(pair[0]), pair[0])):
        path = f"{prefix}{name.replace('.', '_')}"
        known["tower"] = {"filename": named or None}
        made.files[path] = environment.from_string(text).render(**known)
        if "." in name:
            named[name.partition(".")[2]] = path
        else:
            known["tower"] = {"filename": path}
    if named:
        known["tower"] = {"filename": named}
    for name, text in kind["injectors"].get("env", {}).items():
        made.env[name] = environment.from_string(text).render(**known)
    for name, text in kind["injectors"].get("extra_vars", {}).items():
        made.extra_vars[name] = environment.from_string(text).render(**known)
    return made


# --- jobs ------------------------------------------------------------------------------------------------------------


class _Unsafe(str):
    """Text that AWX marks, so that Ansible takes no template in it for one."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))


def _unsafe(value: Any) -> Any:
    if isinstance(value, dict):
        return {_unsafe(key): _unsafe(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unsafe(inner) for inner in value]
    return _Unsafe(value) if isinstance(value, str) else value


def _dump(value: Mapping[str, Any]) -> str:
    return yaml.dump(_unsafe(dict(value)), Dumper=_Dumper)


@dataclass
class Job:
    """A job that was played: its folder on the controller's side, and what its worker sent."""

    folder: Path
    worker: Path
    status: str
    stream: bytes
    events: list[Item]
    arrived: dict[str, float]
    """Seconds from the worker's start until an event came, by its uuid."""
    seconds: float

    @property
    def artifacts(self) -> dict[str, Any]:
        """What set_stats said: extra variables of the workflow's next nodes."""
        stats = [one["event_data"].get("artifact_data") for one in self.events if one["event"] == "playbook_on_stats"]
        return dict(stats[-1] or {}) if stats else {}

    @property
    def text(self) -> str:
        """What people read."""
        return "\n".join(plain(one) for one in self.events)

    def results(self, task: str) -> list[Item]:
        """What the tasks of a name returned."""
        ended = ("runner_on_ok", "runner_on_failed", "runner_item_on_ok")
        return [
            one["event_data"]["res"]
            for one in self.events
            if one["event"] in ended and one["event_data"].get("task") == task
        ]


def plain(event: Item) -> str:
    """What an event prints, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(event.get("stdout", "")))


class Controller:
    """An AWX with one deployment: a project, its inventories, credentials with what was typed into them."""

    def __init__(self, folder: Path, typed: Mapping[str, Mapping[str, str]], **settings: Any) -> None:
        """``typed``: the inputs of credentials by the last word of their names. ``settings``: see `data`."""
        self.folder = folder
        self.data = data(**settings)
        self.typed = typed
        self.jobs = 0
        self.project = folder / "checkout"
        for name in sources():
            target = self.project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)
        self.environment: dict[str, str] = {}
        """What the execution environment sets."""
        self.enter: list[str] = []
        """What the worker's command begins with, where it runs elsewhere."""

    def commit(self, files: Mapping[str, str]) -> None:
        """Write files of the project, as people do by git."""
        for name, text in files.items():
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            (self.project / name).write_text(text)

    def _one(self, variable: str, name: str) -> Item:
        return next(one for one in self.data[variable] if one["name"] == name)

    def _prepare(self, credentials: Iterable[str], extra: Mapping[str, Any]) -> tuple[Path, Path, list[str]]:
        """The folders of a job on both sides, and its arguments for credentials."""
        self.jobs += 1
        job, worker = self.folder / f"job-{self.jobs}", self.folder / f"runner-{self.jobs}"
        for name in ("env", "inventory", "cp"):
            (job / name).mkdir(parents=True, mode=0o700)
        worker.mkdir(mode=0o700)
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.project), str(job / "project")], check=True)
        there = str(worker)
        env = {
            "ANSIBLE_FORCE_COLOR": "True", "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True", "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
            "AWX_PRIVATE_DATA_DIR": there, "JOB_ID": str(self.jobs), "INVENTORY_ID": "1", "MAX_EVENT_RES": "700000",
            "PROJECT_REVISION": "0" * 40, "AWX_HOST": "https://awx.example",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{there}/cp",
            "ANSIBLE_COLLECTIONS_PATH": f"{there}/requirements_collections:./collections:~/.ansible/collections",
            "ANSIBLE_ROLES_PATH": f"{there}/requirements_roles:~/.ansible/roles",
        }  # fmt: skip
        arguments = []
        for number, name in enumerate(credentials):
            one = self._one("controller_credentials", name)
            kind = self._one("controller_credential_types", one["credential_type"])
            made = inject(kind, {**one["inputs"], **self.typed[name.split()[-1]]}, f"{there}/env/tmp_{number}_")
            env |= made.env
            made.files[f"{there}/env/tmp_{number}_vars"] = _dump(made.extra_vars)
            for path, text in made.files.items():
                (job / path[len(there) + 1 :]).write_text(text)
                (job / path[len(there) + 1 :]).chmod(stat.S_IRUSR | stat.S_IWUSR)
            arguments += ["-e", f"@{there}/env/tmp_{number}_vars"]
        (job / "env/envvars").write_text(json.dumps(env))
        (job / "env/extravars").write_text(_dump(extra))
        return job, worker, arguments

    def _environment(self, home: Path) -> dict[str, str]:
        """Of a container: nothing of who runs the tests."""
        home.mkdir(exist_ok=True)
        path = f"{BIN}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", **self.environment}

    def update(self, name: str) -> dict[str, Any]:
        """What an inventory source brings: groups, and `_meta.hostvars`. It has a credential's environment alone."""
        source = self._one("controller_inventory_sources", name)
        job, _worker, _arguments = self._prepare([source["credential"]] if "credential" in source else [], {})
        moved = {str(_worker): str(job)}
        env = {n: _moved(v, moved) for n, v in json.loads((job / "env/envvars").read_text()).items()}
        for path in (job / "env").glob("tmp_*"):
            path.write_text(_moved(path.read_text(), moved))
        env |= {n: str(v) for n, v in source.get("source_vars", {}).items()}
        command = ["ansible-inventory", "--list", "--export", "-i", str(job / "project" / source["source_path"])]
        done = subprocess.run(
            [*command, "--output", str(job / "output.json"), "--playbook-dir", str(job / "project/inventories")],
            cwd=job / "project", env={**self._environment(job / "home"), **env}, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads((job / "output.json").read_text())
        return found

    def launch(
        self,
        name: str,
        given: Mapping[str, Any] | None = None,
        *,
        inventory: Mapping[str, Any],
        job_type: str | None = None,
        job_tags: str | None = None,
        artifacts: Mapping[str, Any] | None = None,
        playbook: str | None = None,
        watch: Callable[[Item], bool] | None = None,
    ) -> Job:
        """Play a template. ``given``: the survey's answers. ``artifacts``: those of earlier nodes of a workflow.
        ``playbook``: another than the template's. ``watch`` sees each event as it comes; where it says true, the worker
        and all that it started are killed."""
        import ansible_runner

        template = self._one("controller_templates", name)
        extra = dict(template.get("extra_vars") or {})
        extra |= answers(template["survey_spec"], given or {}) | dict(artifacts or {})
        extra |= {"awx_job_id": self.jobs + 1, "awx_job_template_name": name, "awx_user_name": "admin"}
        job, worker, arguments = self._prepare(template["credentials"], extra)
        arguments += ["-u", "root"]
        arguments += ["--check"] if (job_type or template["job_type"]) == "check" else []
        arguments += ["--diff"] if template.get("diff_mode") else []
        arguments += ["-t", job_tags] if job_tags else []
        (job / "env/cmdline").write_text(" ".join(arguments))
        script = job / "inventory/hosts"
        script.write_text(f"#! /usr/bin/env python3\nprint({json.dumps(inventory)!r})\n")
        script.chmod(0o700)
        with (job / "stream").open("wb") as stream:
            options = {"private_data_dir": str(job), "playbook": playbook or template["playbook"], "ident": "1"}
            ansible_runner.run(streamer="transmit", _output=stream, **options)
        began = time.monotonic()
        received, arrived, killed = [], {}, False
        with (job / "stream").open("rb") as stream:
            process = subprocess.Popen(
                [*self.enter, str(BIN / "ansible-runner"), "worker", "--private-data-dir", str(worker)],
                stdin=stream, stdout=subprocess.PIPE, cwd=worker, env=self._environment(worker / "home"),
                start_new_session=True,
            )  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            received.append(line)
            if line.startswith(b"{") and b'"uuid"' in line:
                event = json.loads(line)
                arrived[event["uuid"]] = time.monotonic() - began
                if watch and not killed and watch(event):
                    killed = True
                    kill_tree(process.pid)
        process.wait()
        (job / "received").write_bytes(b"".join(received))
        if killed:
            return Job(job, worker, "killed", b"".join(received), [], arrived, time.monotonic() - began)
        with (job / "received").open("rb") as came:
            done = ansible_runner.run(streamer="process", _input=came, quiet=True, private_data_dir=str(job), ident="1")
        events = [json.loads(path.read_text()) for path in (job / "artifacts/1/job_events").glob("*.json")]
        events.sort(key=lambda one: one["counter"])
        seconds = time.monotonic() - began
        return Job(job, worker, done.status, b"".join(received), events, arrived, seconds)


def _moved(text: str, paths: Mapping[str, str]) -> str:
    for old, new in paths.items():
        text = text.replace(old, new)
    return text


def kill_tree(pid: int) -> None:
    """Kill -9 a process and all below it, whatever sessions they made: what the end of a container does."""
    below = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with_parent = _stat(path)
        if with_parent and with_parent[1] == pid:
            below.append(with_parent[0])
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return
    for one in below:
        kill_tree(one)
    os.kill(pid, signal.SIGKILL)


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    return int(text.split(" ", 1)[0]), int(text.rpartition(")")[2].split()[1])
