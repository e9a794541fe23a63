# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle holds, and that nothing of a wrong one gets anywhere."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localregion import bundle
from localregion.host import content
from localregion.host.mysql_programs import MysqlPrograms
from localregion.host.programs import NAMES, Programs

Change = Callable[[dict[str, Any], dict[str, bytes]], None]


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with all that a bundle is made of."""
    monkeypatch.setenv("PATH", str(tmp_path))
    cache = tmp_path / "full"
    programs = Programs(cache)
    layout = cache / "images" / f"crud-{content.application_key()}"
    wheels = bundle.wheels_folder(cache)
    for folder in (programs.folder, cache / "charts", layout / "blobs" / "sha256", wheels, cache / "images" / "base-1"):
        folder.mkdir(parents=True)
    for name in NAMES:
        (programs.folder / name).write_text(f"the program {name}")
        (programs.folder / name).chmod(0o755)
    programs.external_secrets_chart.write_text("a chart")
    (layout / "index.json").write_text("{}")
    (layout / "blobs" / "sha256" / ("0" * 64)).write_text("a layer")
    (wheels / "oci-2.0-py3-none-any.whl").write_text("a wheel")
    mysql = MysqlPrograms(cache).folder
    for name in ("bin/mysqld", "lib/ld-linux-x86-64.so.2", "lib/libstdc++.so.6", "data.tar", "version"):
        (mysql / name).parent.mkdir(parents=True, exist_ok=True)
        (mysql / name).write_text(f"MySQL's {name}")
    (cache / "images" / "base-1" / "unused").write_text("not needed")
    return cache


@pytest.fixture
def saved(full: Path, tmp_path: Path) -> Path:
    target = tmp_path / "site.bundle"
    assert bundle.save(target, full) == target.stat().st_size
    return target


def test_all_that_was_saved_is_loaded_to_its_place(full: Path, saved: Path, tmp_path: Path) -> None:
    cache = tmp_path / "empty"
    count = bundle.load(saved, cache)
    loaded = files_below(cache)
    wanted = {
        name: data for name, data in files_below(full).items() if not name.startswith(("images/base", "programs/cur"))
    }
    assert loaded == wanted and len(loaded) == count
    assert Programs(cache).missing() == []
    assert not list(cache.glob(".*"))
    # Over what is there already, and what a killed one left.
    (cache / ".bundle.999999999").mkdir()
    bundle.wheels_folder(cache).joinpath("oci-2.0-py3-none-any.whl").write_text("damaged")
    (Programs(cache).folder / "helm").unlink()
    bundle.load(saved, cache)
    assert {name: data for name, data in files_below(cache).items() if "/current/" not in name} == wanted
    assert not list(cache.glob(".*"))


def test_mysql_may_lack_and_is_not_replaced(full: Path, tmp_path: Path) -> None:
    bundle.save(tmp_path / "with", full)
    MysqlPrograms(full).folder.rename(tmp_path / "lost")
    bundle.save(tmp_path / "without", full)
    cache = tmp_path / "empty"
    bundle.load(tmp_path / "without", cache)
    mysql = MysqlPrograms(cache)
    assert mysql.find() is None
    bundle.load(tmp_path / "with", cache)
    assert mysql.find() is not None
    programs = [mysql.folder / name for name in ("bin/mysqld", "lib/ld-linux-x86-64.so.2", "lib/libstdc++.so.6")]
    assert [path.stat().st_mode & 0o111 != 0 for path in programs] == [True, True, False]
    (mysql.folder / "version").write_text("9.9.9")
    bundle.load(tmp_path / "with", cache)
    assert (mysql.folder / "version").read_text() == "9.9.9"


def test_the_same_cache_gives_the_same_file(full: Path, saved: Path, tmp_path: Path) -> None:
    bundle.save(tmp_path / "again", full)
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("lost", ["programs/{key}/etcd", "charts/{chart}", "images/{image}"])
def test_a_cache_that_lacks_something_is_not_saved(full: Path, tmp_path: Path, lost: str) -> None:
    programs = Programs(full)
    name = lost.format(
        key=programs.key, chart=programs.external_secrets_chart.name, image=f"crud-{content.application_key()}"
    )
    (full / name).rename(tmp_path / "lost")
    with pytest.raises(bundle.BundleError, match=rf"lacks {Path(name).name}: `make site` makes them first"):
        bundle.save(tmp_path / "site.bundle", full)
    assert not (tmp_path / "site.bundle").exists()


def other_fit(name: str) -> Change:
    return lambda manifest, files: manifest["fit"].update({name: "other"})


def renamed(name: str) -> Change:
    def change(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
        manifest["files"][0]["name"] = name
        files[name] = files.pop(next(iter(files)))

    return change


def damaged(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    name = next(iter(files))
    files[name] = files[name].upper()


def shorter(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    files.popitem()


def longer(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    files["programs/more"] = b"more"


def huge(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    manifest["files"][0]["size"] = 10**18


def twice(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    manifest["files"].append(manifest["files"][0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_fit("architecture"), r"it has architecture other where \w+ is needed: save one from this version"),
        (other_fit("Python"), r"Python other where 3\.\d+ is needed"),
        (other_fit("programs"), r"programs other where \w+ is needed"),
        (other_fit("MySQL"), r"MySQL other where"),
        (other_fit("application"), r"application other where"),
        (other_fit("wheels"), r"wheels other where"),
        (lambda manifest, files: manifest.update(format=2), r"it is of format 2"),
        (lambda manifest, files: manifest.pop("files"), r"its manifest cannot be read \(KeyError"),
        (renamed("programs/../../x"), r"'programs/../../x' has no place in a bundle"),
        (renamed("/etc/x"), r"'/etc/x' has no place in a bundle"),
        (renamed("images/crud/../x"), r"has no place in a bundle"),
        (renamed("programs/.lock"), r"has no place in a bundle"),
        (renamed("state/x"), r"has no place in a bundle"),
        (damaged, r"programs/kube-apiserver is not what its manifest says \(SHA-256\)"),
        (shorter, r" is not there as its manifest says"),
        (longer, r"it holds more than its manifest says"),
        (huge, r"1000000000\.\d GB are needed in .*, .* GB are free"),
        (twice, r"its manifest names a file twice"),
    ],
)
def test_a_wrong_bundle_changes_nothing(saved: Path, tmp_path: Path, change: Change, said: str) -> None:
    files: dict[str, bytes] = {}
    with tarfile.open(saved) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            files[member.name] = file.read()
    manifest = json.loads(files.pop("manifest.json"))
    change(manifest, files)
    with tarfile.open(saved, "w:xz") as archive:
        for name, data in [("manifest.json", json.dumps(manifest).encode()), *files.items()]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    cache = tmp_path / "deep" / "empty"
    with pytest.raises(bundle.BundleError, match=said):
        bundle.load(saved, cache)
    assert list(cache.rglob("*")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"full", "site.bundle", "deep"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_only_files_are_taken(saved: Path, tmp_path: Path, kind: bytes) -> None:
    entry = {"name": "programs/etcd", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    manifest = json.dumps({"format": 1, "fit": bundle.fit(tmp_path), "files": [entry]}).encode()
    with tarfile.open(saved, "w:xz") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(manifest)
        archive.addfile(member, io.BytesIO(manifest))
        member = tarfile.TarInfo("programs/etcd")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(bundle.BundleError, match="'programs/etcd' is not a file"):
        bundle.load(saved, tmp_path / "empty")


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (tarfile.XHDTYPE, True),
        (tarfile.XHDTYPE, False),
        (tarfile.GNUTYPE_LONGNAME, False),
        (tarfile.GNUTYPE_SPARSE, False),
    ],
)
def test_what_precedes_a_file_cannot_fill_the_memory(saved: Path, tmp_path: Path, kind: bytes, first: bool) -> None:
    """Tar headers that say four gigabytes of names follow: never read to see whether it does."""
    entry = {"name": "programs/etcd", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    manifest = json.dumps({"format": 1, "fit": bundle.fit(tmp_path), "files": [entry]}).encode()
    with tarfile.open(saved, "w:xz", preset=0) as archive:
        if not first:
            member = tarfile.TarInfo("manifest.json")
            member.size = len(manifest)
            archive.addfile(member, io.BytesIO(manifest))
        member = tarfile.TarInfo("programs/etcd")
        member.type, member.size = kind, 2**32
        # By hand: from Python 3.13 on, `addfile` wants the content of all that it takes for files.
        assert archive.fileobj is not None
        archive.fileobj.write(member.tobuf(archive.format))
    with pytest.raises(bundle.BundleError, match="'programs/etcd' is not a file"):
        bundle.load(saved, tmp_path / "empty")


@pytest.mark.parametrize(
    "manifest",
    [b"[" * 100_000, b'{"format": 1e999}', b'{"files": [{"name": "programs/x", "size": 1e999, "sha256": ""}]}'],
)
def test_a_manifest_that_is_an_attack_is_refused(saved: Path, tmp_path: Path, manifest: bytes) -> None:
    if b"files" in manifest:
        fit = json.dumps(bundle.fit(tmp_path)).encode()
        manifest = manifest.replace(b"{", b'{"format": 1, "fit": ' + fit + b", ", 1)
    with tarfile.open(saved, "w:xz") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(manifest)
        archive.addfile(member, io.BytesIO(manifest))
    with pytest.raises(bundle.BundleError, match="its manifest cannot be read"):
        bundle.load(saved, tmp_path / "empty")


@pytest.mark.parametrize("text", [b"", b"no bundle"])
def test_another_file_is_refused(saved: Path, tmp_path: Path, text: bytes) -> None:
    saved.write_bytes(text)
    with pytest.raises(bundle.BundleError, match="is not a bundle, or is damaged"):
        bundle.load(saved, tmp_path / "empty")


def test_half_a_bundle_is_damaged(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(bundle.BundleError, match="damaged"):
        bundle.load(saved, tmp_path / "empty")
    with pytest.raises(bundle.BundleError, match=r"was not loaded: .*No such file"):
        bundle.load(tmp_path / "none", tmp_path / "empty")


def test_loading_needs_pythons_own_library_alone(saved: Path, tmp_path: Path) -> None:
    """-S: without site-packages, as before the first `make`."""
    env = {**os.environ, "OKESTACK_CACHE": str(tmp_path / "empty"), "PYTHONPATH": str(bundle.ROOT)}
    command = [sys.executable, "-S", "-m", "localregion.bundle"]
    assert subprocess.run([*command, "wheels"], env=env, capture_output=True, text=True).stdout == "\n"
    done = subprocess.run([*command, "load", str(saved)], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("loaded 19 files into ")
    told = subprocess.run([*command, "wheels"], env=env, capture_output=True, text=True).stdout
    assert told == f"{bundle.wheels_folder(tmp_path / 'empty')}\n"
    done = subprocess.run([*command, "load", str(tmp_path)], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("localregion: ")
