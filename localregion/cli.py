"""`localregion up|down|status|reset|logs`: the local region from the command line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from localregion import settings as names
from localregion.settings import Settings

_TEXT = """Oracle Cloud's API on this machine, with real parts behind it.

  up      start the region in the background (again: nothing happens)
  status  what runs, and which resources there are
  logs    the calls that the API answered (-f: as they come; --daemon: the daemon's own log)
  down    stop it; resources and data stay for the next up
  reset   stop it and forget everything
"""


class Problem(Exception):
    """What went wrong, for the user: one message with what to do."""


def main(arguments: list[str] | None = None) -> int:
    """The command line. Gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(options.name)
        code = options.run(settings, options)
    except (Problem, names.BadSettings) as problem:
        print(f"localregion: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localregion", description=_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default=os.environ.get("OKESTACK_REGION", "local"), help="which region (local)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    up_ = command("up", up, "start the region in the background")
    up_.add_argument("--api-only", action="store_true", help="the API alone: no real parts, root is not needed")
    env_ = command("env", environment, 'what a shell needs for Oracle\'s clients: eval "$(localregion env)"')
    env_.add_argument("--unset", action="store_true", help="take the variables away again")
    env_.add_argument("--json", action="store_true", help="as JSON")
    command("down", down, "stop the region; its state stays")
    command("status", status, "what runs").add_argument("--json", action="store_true", help="as JSON")
    command("reset", reset, "stop the region and forget all its state")
    logs_ = command("logs", logs, "the calls that the API answered")
    logs_.add_argument("-f", "--follow", action="store_true", help="go on as they come")
    logs_.add_argument("-n", "--lines", type=int, default=50, help="how many of the last lines (50)")
    logs_.add_argument("--daemon", action="store_true", help="the daemon's own log instead")
    command("run", _run, "be the region, in the foreground")
    fault = command("fault", faults, "make chosen calls fail, be slow or get no answer")
    fault.add_argument("operation", nargs="?", help="pattern, as core.create_*; without: list those in force")
    fault.add_argument("--status", type=int, help="answer with this HTTP status")
    fault.add_argument("--code", help="and this error code")
    fault.add_argument("--delay", type=float, help="wait so many seconds")
    fault.add_argument("--drop", choices=("before", "after"), help="cut the connection before or after it takes effect")
    fault.add_argument("--times", type=int, help="how many calls suffer (1; 0: all)")
    fault.add_argument("--skip", type=int, help="how many pass before")
    fault.add_argument(
        "--step", action="store_true", help="of a step of the region's own: container_engine.pool_deleted"
    )
    fault.add_argument("--hidden", type=float, help="new resources are not seen for so many seconds")
    fault.add_argument("--unresolved", type=float, help="new vaults' endpoints are not found for so many seconds")
    fault.add_argument("--clear", action="store_true", help="no faults any more")
    session_ = command("session", session, "make a configuration with a session token for the operator")
    session_.add_argument("--minutes", type=int, default=60, help="how long it is valid (60)")
    programs = command("programs", _programs, "the programs that no package ships")
    from localregion.host import programs as module

    module.add_arguments(programs)
    from localregion import bundle

    bundle.add_arguments(command("bundle", lambda _, options: bundle.main(options), "a first run's programs in a file"))
    return parser


# commands


def environment(settings: Settings, options: argparse.Namespace) -> int:
    """Print the variables that Oracle's clients take the region from, for a shell to evaluate."""
    from localregion import shell

    if options.unset:
        print(shell.unset(settings, os.environ))
        return 0
    found = _status(settings)
    if found is None:
        raise Problem(f"the region {settings.name} is not running: `localregion up` starts it.")
    if found.get("https_problem"):
        print(f"localregion: no HTTPS under the services' names: {found['https_problem']}", file=sys.stderr)
    shell.write_files(settings, _control(settings, "GET", "/kubeconfigs"))
    values = shell.variables(settings, os.environ)
    print(json.dumps(values, indent=2) if options.json else shell.export(values))
    return 0


def up(settings: Settings, options: argparse.Namespace) -> int:
    """Start the region, unless it runs, and print where it is."""
    began = time.monotonic()
    if options.api_only != settings.pure and (settings.state / "region.sqlite").exists():
        raise Problem(
            f"{settings.state} is the state of a region {'of the API alone' if settings.pure else 'with real parts'}: "
            f"`localregion up{' --api-only' if settings.pure else ''}`, or `localregion reset` first."
        )
    settings = dataclasses.replace(settings, pure=settings.pure or options.api_only)
    if (found := _status(settings)) is not None:
        print(f"The region {settings.name} is up already.")
        _show_up(settings, found, None)
        return 0
    with _one_at_a_time(settings):
        from localregion import daemon

        if daemon.daemon_pid(settings) is None:
            _preflight(settings)
            if settings.pure:
                settings.api_only_mark.touch()
            _spawn(settings)
        _show_up(settings, _wait_up(settings), time.monotonic() - began)
    return 0


def down(settings: Settings, _: argparse.Namespace) -> int:
    """Stop the region and remove what it made on the machine."""
    stopped = _stop(settings)
    print(f"The region {settings.name} is down." if stopped else f"The region {settings.name} was not running.")
    if (settings.state / "region.sqlite").exists():
        print(f"Its resources and data are kept in {settings.state}; `localregion up` brings them back.")
    return 0


def reset(settings: Settings, _: argparse.Namespace) -> int:
    """Stop the region and remove its state."""
    _stop(settings)
    if settings.state.exists():
        if not (settings.state / "daemon.lock").exists():
            raise Problem(f"{settings.state} is not the state of a region; nothing is removed.")
        shutil.rmtree(settings.state)
    print(f"The region {settings.name} is down and its state is gone ({settings.state}).")
    return 0


def status(settings: Settings, options: argparse.Namespace) -> int:
    """Print what runs; the exit code is 3 when nothing does."""
    found = _status(settings)
    if options.json:
        print(json.dumps(found, indent=2))
    elif found is None:
        print(f"The region {settings.name} is not running.")
    else:
        print(f"The region {settings.name} is up for {_duration(found['uptime'])}.")
        _show_up(settings, found, None)
        _show_resources(found["resources"])
    return 0 if found else 3


def logs(settings: Settings, options: argparse.Namespace) -> int:
    """Print the call log, or the daemon's."""
    path = settings.logs_dir / ("daemon.log" if options.daemon else "api.jsonl")
    if not path.exists():
        raise Problem(f"there is no log yet ({path}).")
    for line in _tail(path, options.lines, follow=options.follow):
        print(line if options.daemon else _call_line(line), flush=True)
    return 0


def faults(settings: Settings, options: argparse.Namespace) -> int:
    """Set, list or clear faults."""
    if options.clear:
        _control(settings, "DELETE", "/faults")
    values = {
        name: getattr(options, name)
        for name in ("operation", "status", "code", "delay", "drop", "times", "skip", "step", "hidden", "unresolved")
        if getattr(options, name) is not None and getattr(options, name) is not False
    }
    if values.get("times") == 0:
        values["times"] = None
    if values:
        answer = _control(settings, "POST", "/faults", values)
        if "error" in answer:
            raise Problem(answer["error"])
    print(json.dumps(_control(settings, "GET", "/faults"), indent=2))
    return 0


def session(settings: Settings, options: argparse.Namespace) -> int:
    """Write a configuration with a session token and print its path."""
    from localregion.operator_files import write_session

    def issue(public_key: str) -> str:
        body = {"public_key": public_key, "seconds": 60 * options.minutes}
        return str(_control(settings, "POST", "/session", body)["token"])

    print(write_session(settings.operator_dir / "session", issue))
    return 0


def _programs(settings: Settings, options: argparse.Namespace) -> int:
    from localregion.host import programs

    options.cache = settings.cache
    return programs.main(options)


# the daemon


def _run(settings: Settings, _: argparse.Namespace) -> int:
    from localregion import daemon

    return daemon.run(settings)


def _preflight(settings: Settings) -> None:
    """Raises Problem when this machine cannot run the region, before anything starts."""
    from localregion.host import prerequisites
    from localregion.host.programs import Programs

    try:
        if not settings.pure:
            build = bool(Programs(settings.cache).missing())
            prerequisites.require(folders=prerequisites.room(settings.state, settings.cache, build=build))
        # A daemon that was killed may have left something that would be in our own way.
        _clean_up(settings)
        port = settings.port
        # The API, the second region's, instance metadata, the registry and its token service.
        wanted = [(settings.api_address, port), (settings.other_api_address, port), (settings.metadata_address, port)]
        wanted += [(settings.api_address, port + 50), (settings.api_address, port + 51)]
        if not settings.pure:
            prerequisites.require(listen=wanted, programs=False)
    except prerequisites.SystemUnfit as unfit:
        raise Problem(str(unfit)) from None


@contextlib.contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Let another `up` end first: what it starts must not be taken for leftovers. Where one is refused before it has
    started anything, no new folder stays."""
    lock, new = settings.state / "up.lock", not settings.state.exists()
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        except Problem:
            if new and list(settings.state.iterdir()) == [lock]:
                lock.unlink()
                settings.state.rmdir()
            raise


def _spawn(settings: Settings) -> None:
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    settings.state.chmod(0o700)
    with (settings.logs_dir / "daemon.log").open("a") as output:
        subprocess.Popen(
            [sys.executable, "-m", "localregion", "--name", settings.name, "run"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/",
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        )  # fmt: skip


def _wait_up(settings: Settings, timeout: float = 600.0) -> dict[str, Any]:
    """Wait until the API answers. Raises Problem with the end of the daemon's log."""
    from localregion import daemon

    limit, seen = time.monotonic() + timeout, False
    while time.monotonic() < limit:
        if _answers(settings) and (found := _status(settings)):
            return found
        running = daemon.daemon_pid(settings) is not None
        if seen and not running:
            break
        seen = seen or running
        time.sleep(0.05)
    end = "\n".join(f"    {line}" for line in _last_lines(daemon.log_path(settings), 12))
    _stop(settings)
    raise Problem(f"the region did not start. The end of {daemon.log_path(settings)}:\n{end}")


def _answers(settings: Settings) -> bool:
    """Whether the API answers (an unsigned request gets a 401)."""
    try:
        return httpx.get(f"{settings.endpoint}/20160918/regions", timeout=5, trust_env=False).status_code == 401
    except httpx.HTTPError:
        return False


def _stop(settings: Settings, timeout: float = 90.0) -> bool:
    """Stop the daemon, by force if need be, and remove what it left on the machine. Whether one ran."""
    from localregion import daemon
    from localregion.host.process import lives

    pid = daemon.daemon_pid(settings)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + timeout
        # Its lock is free a moment before the process is gone.
        while daemon.daemon_pid(settings) is not None or lives(pid):
            if time.monotonic() > limit:
                print("The daemon does not stop; it is killed.", file=sys.stderr)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                limit = time.monotonic() + 10
            time.sleep(0.05)
    _clean_up(settings)
    return pid is not None


def _clean_up(settings: Settings) -> None:
    """Remove what no daemon has any more. Raises Problem when a region with another state has the name: it is its."""
    from localregion import daemon

    try:
        with daemon.name_of_ours(settings):
            asyncio.run(daemon.clean_up(settings))
    except daemon.AlreadyRunning as error:
        raise Problem(str(error)) from None


def _control(settings: Settings, method: str, path: str, body: Any = None) -> Any:
    """A call of the admin API. Raises Problem when no region runs."""
    try:
        transport = httpx.HTTPTransport(uds=str(settings.control_socket))
        with httpx.Client(transport=transport, base_url="http://region", timeout=10) as client:
            return client.request(method, path, json=body).json()
    except (httpx.HTTPError, OSError):
        raise Problem(f"the region {settings.name} is not running: `localregion up` starts it.") from None


def _status(settings: Settings) -> dict[str, Any] | None:
    if not settings.control_socket.exists():
        return None
    try:
        found: dict[str, Any] = _control(settings, "GET", "/status")
    except Problem:
        return None
    return found if found["state"] == str(settings.state) else None


# what is printed


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def _show_up(settings: Settings, found: dict[str, Any], seconds: float | None) -> None:
    if seconds is not None:
        print(_bold(f"Region {names.REGION} is up") + f" ({seconds:.1f} s)")
    config = settings.operator_dir / "config"
    rows = {
        "API": settings.endpoint,
        "HTTPS": f"not served: {found['https_problem']}"
        if found.get("https_problem")
        else f"https://<service>.{names.REGION}.{settings.realm_domain}, for who evaluates `localregion env`",
        "OCI config": f"{config} (profile DEFAULT)",
        "compartment": names.COMPARTMENT_ID,
        "registry": f"{settings.registry_address} (lcl.ocir.{names.REALM_DOMAIN})",
        "state": str(settings.state),
        "programs": found.get("programs") or "ready",
        "database": found.get("database") or "none",
        "images": _images(found.get("images") or {}),
    }
    for name, value in rows.items():
        print(f"  {name:<12} {value}")
    if seconds is not None:
        print("\n  Try it with the OCI CLI:")
        print(f"  oci --config-file {config} --endpoint {settings.endpoint} \\")
        print(f"      network vcn list --compartment-id {names.COMPARTMENT_ID}")


def _images(states: dict[str, str]) -> str:
    """What the region's registry is still waiting for."""
    waiting = [f"{name.rpartition('/')[2]} {state}" for name, state in states.items() if state != "ready"]
    return ", ".join(waiting) or "ready"


def _show_resources(resources: dict[str, dict[str, int]]) -> None:
    if not resources:
        return
    print()
    for kind in sorted(resources):
        states = ", ".join(f"{count} {state}" for state, count in sorted(resources[kind].items()))
        print(f"  {kind.replace('_', ' '):<24} {states}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def _call_line(line: str) -> str:
    try:
        call = json.loads(line)
    except ValueError:
        return line
    who = call["principal"].rpartition(".")[2][:24]
    text = f"{call['time'][11:23]} {call['status'] or 'drop':>4} {call['ms']:>8.1f} ms  {call['operation']:<52} {who}"
    return text + (f"  {call['code']} {call['reason']}".rstrip() if call["code"] else "")


def _last_lines(path: Path, count: int) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-count:] if path.exists() else []


def _tail(path: Path, count: int, *, follow: bool) -> Iterator[str]:
    yield from _last_lines(path, count)
    if not follow:
        return
    with path.open(errors="replace") as file:
        file.seek(0, os.SEEK_END)
        pending = ""
        while True:
            pending += file.readline()
            if pending.endswith("\n"):
                yield pending[:-1]
                pending = ""
            elif not pending:
                time.sleep(0.2)
