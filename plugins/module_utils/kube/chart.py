# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a Helm chart, by `helm template`: no release is kept, the objects are applied like all others."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.redaction import looks_secret, scrub, shown_url

from .objects import Item, items_of, parse_documents

RELEASE_LENGTH = 53
"""Helm's own limit."""


@dataclass(frozen=True)
class Chart:
    """What to render."""

    path: str
    """A folder or .tgz, or a reference that helm resolves (`oci://...`, a name in `repo`)."""
    release: str
    namespace: str
    repo: str | None = None
    version: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    crds: bool = True
    """Whether definitions in the chart's folder crds/ belong to it."""
    kube_version: str | None = None
    api_versions: tuple[str, ...] = ()


def find_helm(path: str | None) -> str:
    """:raises KubeError: there is no helm."""
    found = shutil.which(Path(path or "helm").expanduser())
    if not found:
        raise KubeError(
            f"{path} is not a program" if path else "helm is not on PATH: install Helm 3, or set the option helm_path"
        )
    return found


def render(chart: Chart, helm: str, warn: Callable[[str], None] = lambda text: None) -> list[Item]:
    """Run `helm template`. Values go in by standard input: they may hold what no process list should show.

    Warns of hooks, which are left out, and of objects that are others at each rendering.

    :raises KubeError: helm failed, with what it said; an invalid name.
    """
    _check(chart)
    with tempfile.TemporaryDirectory(prefix="okestack-chart-") as scratch:
        documents = _rendered(chart, helm, scratch)
        again = _rendered(chart, helm, scratch) if _may_differ(chart, Path(scratch)) else documents
    hooks = [
        f"{document.get('kind')} {_name(document)} ({_hook(document)})" for document in documents if _hook(document)
    ]
    if hooks:
        warn(f"chart {chart.release}: hooks are left out, there is no release to hook on: {', '.join(hooks)}")
    others = [f"{one.get('kind')} {_name(one)}" for one, other in zip(documents, again, strict=False) if one != other]
    if others or len(documents) != len(again):
        warn(
            f"chart {chart.release}: {', '.join(others) or 'the set of objects'} differs at each rendering (a password "
            "made by the chart, for example), so each run changes it: give it by the chart's values, or keep it in a "
            "Secret of your own"
        )
    return items_of([document for document in documents if not _hook(document)], f"chart {chart.release}")


_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def _check(chart: Chart) -> None:
    problems = []
    if not _NAME.fullmatch(chart.release) or len(chart.release) > RELEASE_LENGTH:
        problems.append(
            f"chart.release: {chart.release!r} is not a name of a release: lower case letters, digits and - between "
            f"them, at most {RELEASE_LENGTH}"
        )
    for option, value in (("path", chart.path), ("repo", chart.repo), ("version", chart.version)):
        if value and (value.startswith("-") or not value.isprintable()):
            problems.append(f"chart.{option}: {value!r} is not a {option} of a chart")
        elif value and shown_url(value) != value:
            problems.append(
                f"chart.{option}: {shown_url(value)} was given with a log-in, which every process list would show: log "
                "in with helm (helm repo add, helm registry login), and write the address without it"
            )
    if problems:
        raise KubeError("\n".join(problems))


def _rendered(chart: Chart, helm: str, scratch: str) -> list[dict[str, Any]]:
    """All objects, those of hooks included."""
    path = chart.path if chart.repo or "://" in chart.path else str(Path(chart.path).expanduser())
    # Each option with its value in one word, and names after `--`: no value is taken for an option.
    command = [helm, "template", f"--namespace={chart.namespace}", "--skip-tests", "--values=-"]
    if chart.crds:
        command.append("--include-crds")
    for option, value in (("repo", chart.repo), ("version", chart.version), ("kube-version", chart.kube_version)):
        if value:
            command.append(f"--{option}={value}")
    command += [f"--api-versions={api_version}" for api_version in chart.api_versions]
    # Helm's own caches in a folder of this run: nothing of a person's helm is used or changed but its log-ins.
    environment = dict(os.environ, HELM_CACHE_HOME=f"{scratch}/cache", HELM_DATA_HOME=f"{scratch}/data")
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            [*command, "--", chart.release, path],
            input=json.dumps(chart.values, default=str).encode(),
            env=environment,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise KubeError(f"{helm}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        said = said.replace("\n\nUse --debug flag to render out invalid YAML", "")
        raise KubeError(f"helm template {chart.release} {chart.path}: {scrub(said, _secrets(chart.values))[-2000:]}")
    documents = parse_documents(done.stdout.decode(errors="replace"), f"chart {chart.release}")
    return [document for document in documents if isinstance(document, dict)]


def _secrets(values: Any, secret: bool = False) -> set[str]:
    """Values of a chart that have the name of a secret."""
    if isinstance(values, Mapping):
        pairs = [(secret or looks_secret(str(key).lower()), value) for key, value in values.items()]
        return {text for inner, value in pairs for text in _secrets(value, inner)}
    if isinstance(values, list):
        return {text for value in values for text in _secrets(value, secret)}
    return {str(values)} if secret else set()


def _annotations(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _hook(document: Mapping[str, Any]) -> str:
    return str(_annotations(document).get("helm.sh/hook") or "")


def _name(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, Mapping) else ""


_CHANCE = re.compile(
    rb"rand(?:A[ls]|Int|Num|Bytes)|gen(?:CA|PrivateKey|Self|Signed)|uuidv4|bcrypt|htpasswd|encryptAES|\bshuffle\s*[|})]"
    rb"|\blookup\s+[\"(.$]|\bnow\s*[|})]"
)
"""Functions of templates whose result is another at each rendering, or depends on what Helm alone looks up."""


def _may_differ(chart: Chart, scratch: Path) -> bool:
    """Whether a second rendering may differ, as far as the chart's files tell; yes where they are not at hand."""
    if _CHANCE.search(json.dumps(chart.values, default=str).encode()):
        return True
    place = Path(chart.path).expanduser()
    archives = [place] if os.path.isfile(place) else list(scratch.rglob("*.tgz"))  # noqa: PTH113
    try:
        if not chart.repo and place.is_dir():
            files = [file for file in place.rglob("*") if file.is_file()]
            return any(file.suffix == ".tgz" or _CHANCE.search(file.read_bytes()) for file in files)
        for archive in archives:
            with tarfile.open(archive) as opened:
                for member in opened:
                    content = opened.extractfile(member) if member.isfile() else None
                    if member.name.endswith(".tgz") or (content and _CHANCE.search(content.read())):
                        return True
    except (OSError, tarfile.TarError):
        return True
    return not archives
