#!/usr/bin/env python
"""Write meta/runtime.yml from the modules there are: `python docs/make_runtime.py`. A test compares."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def runtime() -> str:
    """The file: every module in the one action group, and routed to the door."""
    plugins = ROOT / "plugins"
    modules = sorted({p.stem for p in plugins.glob("modules/*.py")} - {p.stem for p in plugins.glob("action/*.py")})
    group = "\n".join(f"    - {name}" for name in modules)
    routes = "\n".join(f"    {name}: {{action_plugin: okestack.oci.door}}" for name in modules)
    return f"""---
# Made from plugins/modules by docs/make_runtime.py.
requires_ansible: ">=2.19.0"

# Every module: `module_defaults: group/okestack.oci.all` sets options of them all.
action_groups:
  all:
{group}

# Every module runs in Ansible's own process, through the door (plugins/action/door.py). To linters a redirect would be
# a new name, and module_defaults would know one action alone.
plugin_routing:
  modules:
{routes}
"""


if __name__ == "__main__":
    (ROOT / "meta" / "runtime.yml").write_text(runtime())
