# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes modules through ansible-playbook: by the door, as a module of its own process, in check mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOKEN = "correct-horse-battery-staple"
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/okestack.oci.all:
      kubeconfig: "{{ kube }}"
  tasks:
    - okestack.oci.kubernetes_manifest:
        namespace: "{{ space }}"
        create_namespaces: true
        definition: "{{ lookup('ansible.builtin.template', 'objects.yml.j2') }}"
      register: applied
    - okestack.oci.kubernetes_secret:
        namespace: "{{ space }}"
        name: registry
        registry: {server: r.example, username: me, auth_token_file: "{{ playbook_dir }}/token"}
    - okestack.oci.kubernetes_secret:
        namespace: "{{ space }}"
        name: tls
        self_signed: {dns_names: [a.example]}
      register: tls
    - okestack.oci.kubernetes_info:
        kind: ConfigMap
        name: settings
        namespace: "{{ space }}"
      register: found
    - okestack.oci.kubernetes_wait:
        kind: ConfigMap
        name: never-there
        namespace: "{{ space }}"
        state: absent
    - ansible.builtin.debug:
        msg: "{{ tls.secret.names }} {{ found.resources | map(attribute='data') }} {{ applied.objects | length }}"
    - okestack.oci.kubernetes_manifest:
        namespace: "{{ space }}"
        definition: {apiVersion: v1, kind: ConfigMap, metadata: {name: from-a-process}}
      async: 60
      poll: 1
      when: not ansible_check_mode
"""
OBJECTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: {{ colour | default('green') | to_json }}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "objects.yml.j2").write_text(OBJECTS)
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


def play(folder: Path, kubeconfig: Path, space: str, *arguments: str) -> str:
    """Output of a run that ended well."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(folder / "site.yml"), "-i", "localhost,"]
    command += ["-c", "local", "-e", f"kube={kubeconfig} space={space}-play", *arguments]
    environment = dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), ANSIBLE_NOCOLOR="1")
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")
    environment["ANSIBLE_PYTHON_INTERPRETER"] = sys.executable
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_modules_through_ansible_playbook(folder: Path, kubeconfig: Path, space: str) -> None:
    planned = play(folder, kubeconfig, space, "--check", "--diff")
    assert "colour: green" in planned and "failed=0" in planned
    first = play(folder, kubeconfig, space, "-vvv", "--diff")
    assert "changed=4" in first and "a.example" in first and "colour" in first
    assert f"ConfigMap {space}-play/settings: created" in first
    second = play(folder, kubeconfig, space)
    assert "changed=0" in second
    third = play(folder, kubeconfig, space, "--diff", "-e", "colour=blue")
    assert "changed=1" in third and "-" in third and "blue" in third
    for text in (planned, first, second, third):
        assert TOKEN not in text and "PRIVATE KEY" not in text
