"""Each role's README, and what Galaxy shows, say what its argument specs say; each default is documented."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.parents[1] for path in ROOT.glob("roles/*/meta/argument_specs.yml"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_readme_is_current(role: Path) -> None:
    maker = runpy.run_path(str(ROOT / "docs" / "make_role_readmes.py"))
    text = (role / "README.md").read_text()
    if text.startswith(maker["HEAD"]):
        assert text == maker["readme"](role), "run docs/make_role_readmes.py"
    else:
        assert text.startswith(f"# {role.name}\n")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_what_galaxy_shows_is_current(role: Path) -> None:
    maker = runpy.run_path(str(ROOT / "docs" / "make_role_readmes.py"))
    assert (role / "meta" / "main.yml").read_text() == maker["galaxy"](role), "run docs/make_role_readmes.py"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_documented(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    documented = {name for spec in specs.values() for name in spec.get("options", {})}
    assert sorted(set(defaults) - documented) == []
