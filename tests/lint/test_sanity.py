"""`ansible-test sanity` on the collection as it is installed, with no ignore file; what the tarball holds."""

from __future__ import annotations

import platform
import re
import sys
import tarfile
from pathlib import Path

import pytest
from ansible import release
from ansible_test._internal import python_requirements

from tests.lint.conftest import Collection, run

# ansible-test downloads get-pip. A script in its place that takes Python's own copy of pip does without.
ENSURE_PIP = """
import ensurepip
ensurepip.bootstrap()
"""


def pip_settings() -> str:
    """This machine's settings of pip (a mirror, certificates) as a file: ansible-test hides the environment."""
    listed = run([sys.executable, "-m", "pip", "config", "list"])
    rows = re.findall(r"^(?:global|:env:)\.([a-z-]+)='(.*)'$", listed, re.M)
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in dict(rows).items())


def get_pip_name() -> str:
    """The file name that this ansible-core looks for."""
    source = Path(python_requirements.__file__).read_text()
    versions: list[str] = re.findall(r"\bpip='([0-9.]+)'", source)
    assert len(versions) == 1, f"which get-pip ansible-core {release.__version__} looks for is not known: {versions}"
    return f"get_pip_{versions[0].replace('.', '_')}.py"


pytestmark = pytest.mark.timeout(1800)

# Three quarters of the time for what ruff, yamllint and the other tests' own imports look at too.
LONG = ("compile", "import", "pep8", "pylint", "yamllint")


@pytest.mark.sanity
def test_ansible_test_sanity(collection: Collection, tmp_path: Path, whole: bool) -> None:
    cache = tmp_path / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True)
    (cache / get_pip_name()).write_text(ENSURE_PIP)
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text(pip_settings())
    version = ".".join(platform.python_version_tuple()[:2])
    rest = [] if whole else [word for name in LONG for word in ("--skip-test", name)]
    out = run(
        ["ansible-test", "sanity", "--python", version, "--color", "no", "--requirements", *rest],
        cwd=collection.folder,
        HOME=str(tmp_path),
        XDG_CONFIG_HOME=str(tmp_path / ".config"),
        ANSIBLE_COLLECTIONS_PATH=str(collection.path),
    )
    assert "Running sanity test" in out
    assert not list(collection.folder.glob("tests/sanity/ignore*"))


@pytest.mark.sanity
def test_the_tarball_is_the_collection_alone(collection: Collection) -> None:
    with tarfile.open(collection.tarball) as tar:
        names = {member.name for member in tar.getmembers() if member.isfile()}
        links = [member.name for member in tar.getmembers() if member.issym() or member.islnk()]
    tops = {name.partition("/")[0] for name in names}
    assert tops <= {
        "CHANGELOG.rst", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "changelogs", "docs",
        "execution-environment.yml", "extensions", "meta", "playbooks", "plugins", "requirements", "roles", "tests",
    }, tops  # fmt: skip
    assert links == []
    assert {name for name in names if name.startswith("tests/")} == {"tests/config.yml"}
    assert "plugins/action/door.py" in names
    assert "playbooks/site.yml" in names
