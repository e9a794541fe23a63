# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m localregion.virtual_node --config FILE`: the virtual nodes of one pool (see config.py).

SIGHUP reads the file again. SIGTERM ends the process and leaves the containers: the next one takes them over.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from localregion.host import namespaces
from localregion.host.podman import Podman
from localregion.virtual_node.config import Config
from localregion.virtual_node.containers import Runtime, RuntimeFailure
from localregion.virtual_node.kubelet import Kubelet
from localregion.virtual_node.network import AddressesOnly, Network, RegionNetwork
from localregion.virtual_node.runtime import NullRuntime, PodmanRuntime

log = logging.getLogger("localregion.virtual_node")


def build(config: Config, member: str = "") -> Kubelet:
    """A kubelet with the runtime and the network that the configuration asks for. Raises ValueError, OSError."""
    runtime: Runtime
    network: Network
    if config.runtime == "podman":
        runtime = PodmanRuntime(Podman.open(Path(config.containers_dir)), config.pool_id)
        network = RegionNetwork(config)
    elif config.runtime == "none":
        runtime, network = NullRuntime(), AddressesOnly(config.pod_subnet_cidr)
    else:
        raise ValueError(f"unknown runtime {config.runtime}")
    return Kubelet(config, runtime, network, member)


async def serve(path: Path, config: Config, member: str = "") -> None:
    """Play the nodes until SIGTERM."""
    kubelet = build(config, member)
    work = asyncio.create_task(kubelet.run())
    loop = asyncio.get_running_loop()

    def reload() -> None:
        try:
            kubelet.reload(Config.load(path))
        except (OSError, ValueError, TypeError) as error:
            log.error("%s is not read again: %s", path, error)

    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        log.info("ended")


def main() -> int:
    """The command line; 0 after SIGTERM, 1 when it cannot go on."""
    parser = argparse.ArgumentParser(prog="python -m localregion.virtual_node", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--member", default="", help="this process's name, where the pool has another one beside it")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Until the loop takes it over a SIGHUP must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        config = Config.load(arguments.config)
        if config.region_netns:
            # API server, probes and kubelet's ports are ordinary sockets then; unix sockets know no network namespace.
            namespaces.enter(config.region_netns)
        asyncio.run(serve(arguments.config, config, arguments.member))
    except (OSError, ValueError, TypeError, RuntimeFailure) as error:
        log.error("%s: %s", type(error).__name__, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
