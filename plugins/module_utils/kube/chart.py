# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a Helm chart, by `helm template`: no release is kept, the objects are applied like all others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import KubeError
from .objects import Item, items_of, parse_documents


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
            f"{path} is no program" if path else "helm is not on PATH: install Helm 3, or set the option helm_path"
        )
    return found


def render(chart: Chart, helm: str) -> list[Item]:
    """Run `helm template`. Values go in by standard input: they may hold what no process list should show.

    :raises KubeError: helm failed, with what it said.
    """
    with tempfile.TemporaryDirectory(prefix="okestack-chart-") as scratch:
        path = chart.path if chart.repo or "://" in chart.path else str(Path(chart.path).expanduser())
        command = [helm, "template", chart.release, path, "--namespace", chart.namespace, "--no-hooks", "--values", "-"]
        if chart.crds:
            command.append("--include-crds")
        for option, value in (
            ("--repo", chart.repo),
            ("--version", chart.version),
            ("--kube-version", chart.kube_version),
        ):
            if value:
                command += [option, value]
        for api_version in chart.api_versions:
            command += ["--api-versions", api_version]
        # Helm's own caches in a folder of this run: nothing of a person's helm is used or changed but its log-ins.
        environment = dict(os.environ, HELM_CACHE_HOME=f"{scratch}/cache", HELM_DATA_HOME=f"{scratch}/data")
        done = subprocess.run(
            command,
            input=json.dumps(chart.values, default=str).encode(),
            env=environment,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise KubeError(f"helm template {chart.release} {chart.path}: {said[-2000:]}")
    text = done.stdout.decode()
    return items_of(parse_documents(text, f"chart {chart.release}"), f"chart {chart.release}")
