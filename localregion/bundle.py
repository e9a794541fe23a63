# SPDX-License-Identifier: GPL-3.0-or-later
"""One file with all that the first `make site` fetches or builds: for a second machine, a CI's cache, a place without
network.

`save` packs the programs, MySQL, the chart, the example application's image and the wheels of the Makefile's
environment; `load` puts them where the region and the Makefile look for them. System packages are not in it. A bundle
fits what it was saved from: the same programs, application, pinned wheels, Python and architecture.

The file is a tar archive compressed with xz: `manifest.json`, then the files that it lists, each with its size and
SHA-256. Loading needs Python alone (`python3 -m localregion.bundle load FILE`), runs nothing out of the file, and puts
nothing in its place before all of it is there and right.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from pathlib import Path

from localregion.host import content
from localregion.host.mysql_programs import MysqlPrograms, mysql_key
from localregion.host.programs import NAMES, Programs, cache_folder, human_time

ROOT = Path(__file__).resolve().parent.parent
FORMAT = 1
_MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 4 * 1024 * 1024
_HEADER_LIMIT = 64 * 1024
_CHUNK = 1024 * 1024
_FILE = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_PLACES = re.compile(rf"(?:programs|charts|wheels)/{_FILE}|mysql(?:/{_FILE})+|images/{_FILE}(?:/{_FILE})+")
"""All names that there can be in a bundle: none leads out of its folder."""


class BundleError(Exception):
    """No bundle could be saved or loaded; the text says why, and what to do."""


class _Member(tarfile.TarInfo):
    """A member that cannot fill the memory: tarfile reads what precedes a file (long names) at once, however much
    it says it is. (Not by `frombuf`: Pythons with the security fixes of 2026 do not call it.)"""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        plain = self.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        if not plain and (self.type != tarfile.XHDTYPE or self.size > _HEADER_LIMIT):
            raise BundleError(f"{self.name!r} is not a file")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file of a bundle."""

    name: str
    size: int
    sha256: str


def requirements() -> list[str]:
    """What the Makefile's environment is made of, and what that is made with. Raises BundleError for an installation
    without pyproject.toml."""
    try:
        about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    except OSError as error:
        raise BundleError(f"bundles are made from a clone of the repository: {error}") from None
    project = about["project"]
    return [*about["build-system"]["requires"], *project["dependencies"], *project["optional-dependencies"]["site"]]


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def wheels_folder(cache: Path) -> Path:
    """Where the wheels for this Python and these pins are, if there are any."""
    constraints = (ROOT / "requirements" / "constraints.txt").read_bytes()
    key = content.content_key(*requirements(), constraints, _python(), platform.machine())
    return cache / "wheels" / key


def fit(cache: Path) -> dict[str, str]:
    """What a bundle must have in common with the place where it is loaded."""
    return {
        "architecture": platform.machine(),
        "Python": _python(),
        "programs": Programs(cache).key,
        "MySQL": mysql_key(),
        "application": content.application_key(),
        "wheels": wheels_folder(cache).name,
    }


# saving


def save(target: Path, cache: Path) -> int:
    """Write the bundle of what lies in the cache; its size in bytes. Wheels are fetched. Raises BundleError."""
    programs = Programs(cache)
    application = cache / "images" / f"crud-{content.application_key()}"
    chart = programs.external_secrets_chart
    lacking = [*programs.missing(), *(path.name for path in (chart, application) if not path.exists())]
    if lacking:
        raise BundleError(f"{cache} lacks {', '.join(lacking)}: `make site` makes them first")
    wheels = _fetch_wheels(cache)
    files = {f"programs/{name}": programs.find(name) for name in NAMES}
    files[f"charts/{chart.name}"] = chart
    files |= {f"wheels/{path.name}": path for path in sorted(wheels.iterdir())}
    for path in sorted(path for path in application.rglob("*") if path.is_file()):
        files[f"images/{path.relative_to(cache / 'images').as_posix()}"] = path
    # A cache may be without it: its databases are MariaDB then.
    if mysql := MysqlPrograms(cache).find():
        for path in sorted(path for path in mysql.folder.rglob("*") if path.is_file()):
            files[f"mysql/{path.relative_to(mysql.folder).as_posix()}"] = path
    return _write(target, fit(cache), {name: path for name, path in files.items() if path is not None})


def _fetch_wheels(cache: Path) -> Path:
    folder = wheels_folder(cache)
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel", "--wheel-dir", str(new)]
    command += ["--constraint", str(ROOT / "requirements" / "constraints.txt"), *requirements()]
    try:
        if subprocess.run(command).returncode != 0:
            raise BundleError("the wheels could not be fetched: pip says why above")
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _write(target: Path, fits: dict[str, str], files: dict[str, Path]) -> int:
    entries = [Entry(name, path.stat().st_size, _digest(path)) for name, path in files.items()]
    manifest = {"format": FORMAT, "fit": fits, "files": [dataclasses.asdict(entry) for entry in entries]}
    text = json.dumps(manifest, indent=1).encode()
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        # xz at its fastest makes it smaller than gzip at its best.
        with temporary.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w:xz", preset=0) as archive:
                archive.addfile(_member(_MANIFEST, len(text)), io.BytesIO(text))
                for entry in entries:
                    with files[entry.name].open("rb") as source:
                        archive.addfile(_member(entry.name, entry.size), source)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise BundleError(f"{target} could not be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target.stat().st_size


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# loading


def load(source: Path, cache: Path) -> int:
    """Put what is in the bundle into the cache; how many files. Raises BundleError, and changes nothing then."""
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob(".bundle.*"):
        if not Path("/proc", left.suffix[1:]).exists():
            shutil.rmtree(left)
    staging = cache / f".bundle.{os.getpid()}"
    staging.mkdir()
    try:
        with source.open("rb") as file, tarfile.open(fileobj=file, mode="r|xz", tarinfo=_Member) as archive:
            entries = _manifest(archive, cache)
            for entry in entries:
                _unpack(archive, entry, staging / entry.name)
            if archive.next() is not None:
                raise BundleError("it holds more than its manifest says")
        _install(staging, cache)
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise BundleError(f"{source} is not a bundle, or is damaged: {error}") from error
    except (BundleError, OSError) as error:
        raise BundleError(f"{source} was not loaded: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(entries)


def _manifest(archive: tarfile.TarFile, cache: Path) -> list[Entry]:
    """The files to come. Raises BundleError where the bundle does not fit, or is not to be trusted."""
    member = archive.next()
    if member is None or member.name != _MANIFEST or not member.isreg() or member.size > _MANIFEST_LIMIT:
        raise BundleError("it does not begin with a manifest")
    file = archive.extractfile(member)
    assert file is not None
    try:
        manifest = json.loads(file.read())
        version, saved = manifest["format"], dict(manifest["fit"])
        entries = [Entry(str(each["name"]), int(each["size"]), str(each["sha256"])) for each in manifest["files"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BundleError(f"its manifest cannot be read ({error!r})") from None
    if version != FORMAT:
        raise BundleError(f"it is of format {version!r}, this version of okestack reads format {FORMAT}")
    here = fit(cache)
    other = [f"{name} {saved.get(name)} where {own} is needed" for name, own in here.items() if saved.get(name) != own]
    if other:
        raise BundleError(f"it has {', '.join(other)}: save one from this version of okestack on such a machine")
    for entry in entries:
        if not _PLACES.fullmatch(entry.name) or not 0 <= entry.size < 2**63:
            raise BundleError(f"{entry.name!r} has no place in a bundle")
    if len({entry.name for entry in entries}) != len(entries):
        raise BundleError("its manifest names a file twice")
    needed, free = sum(entry.size for entry in entries), shutil.disk_usage(cache).free
    if needed > free:
        raise BundleError(f"{needed / 1e9:.1f} GB are needed in {cache}, {free / 1e9:.1f} GB are free")
    return entries


def _unpack(archive: tarfile.TarFile, entry: Entry, place: Path) -> None:
    """Write the archive's next file if it is the one that the manifest says."""
    member = archive.next()
    if member is None or member.name != entry.name or not member.isreg() or member.size != entry.size:
        raise BundleError(f"{entry.name} is not there as its manifest says")
    source = archive.extractfile(member)
    assert source is not None
    place.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with place.open("xb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != entry.sha256:
        raise BundleError(f"{entry.name} is not what its manifest says (SHA-256)")


def _install(staging: Path, cache: Path) -> None:
    """Move all to where it is looked for, in place of what is there."""
    programs = Programs(cache)
    moves = {path: programs.folder / path.name for path in (staging / "programs").glob("*")}
    for path in moves:
        path.chmod(0o755)
    moves |= {path: cache / "charts" / path.name for path in (staging / "charts").glob("*")}
    moves |= {path: cache / "images" / path.name for path in (staging / "images").glob("*")}
    moves[staging / "wheels"] = wheels_folder(cache)
    mysql = MysqlPrograms(cache)
    # Data that a newer MySQL has opened no older one opens again: what is there stays.
    if (staging / "mysql" / "version").exists() and mysql.find() is None:
        for path in (*(staging / "mysql" / "bin").iterdir(), *(staging / "mysql" / "lib").glob("ld-linux*")):
            path.chmod(0o755)
        moves[staging / "mysql"] = mysql.folder
    for index, (new, place) in enumerate(moves.items()):
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            place.rename(staging / f"old-{index}")
        new.replace(place)


# the command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `localregion bundle`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text in (("save", "write what this cache holds into one file"), ("load", "put it into this cache")):
        actions.add_parser(action, help=text).add_argument("file", type=Path, metavar="FILE")
    actions.add_parser("wheels", help="print the folder with the wheels, if one is there")


def main(arguments: argparse.Namespace) -> int:
    """`localregion bundle save|load FILE`, `localregion bundle wheels`."""
    cache, began = cache_folder(), time.monotonic()
    try:
        if arguments.action == "wheels":
            folder = wheels_folder(cache)
            print(folder if folder.is_dir() else "")
        elif arguments.action == "save":
            size = save(arguments.file, cache)
            print(f"saved {arguments.file}: {size / 1e6:.0f} MB in {human_time(time.monotonic() - began)}")
        else:
            count = load(arguments.file, cache)
            print(f"loaded {count} files into {cache} in {human_time(time.monotonic() - began)}")
    except BundleError as error:
        print(f"localregion: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="localregion bundle")
    add_arguments(_parser)
    sys.exit(main(_parser.parse_args()))
