"""Serve: `python3 -m crud`.

On SIGTERM the process first says that it is no longer ready and goes on serving for CRUD_DRAIN_SECONDS (default 5),
while load balancers take notice; then it stops listening, finishes what it is doing (up to 10 s) and ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from types import FrameType

import uvicorn

from crud.app import Health, create_app
from crud.config import ConfigError, database, number
from crud.store import Items, engine


class DrainingServer(uvicorn.Server):
    """uvicorn's server with a pause between the first signal and its own shutdown. A second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, health: Health, drain: int) -> None:
        super().__init__(config)
        self.health = health
        self.drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal handler."""
        if self.health.draining or not self.drain:
            super().handle_exit(sig, frame)
            return
        self.health.draining = True
        asyncio.get_running_loop().call_later(self.drain, super().handle_exit, sig, frame)


class Quiet(logging.Filter):
    """Keep the health checks' requests out of the access log: they come every few seconds, from each load balancer."""

    def filter(self, record: logging.LogRecord) -> bool:
        """uvicorn's access records carry (client, method, path, version, status)."""
        return not (
            isinstance(record.args, tuple)
            and len(record.args) == 5
            and record.args[2] in ("/healthz", "/livez")
            and record.args[4] == 200
        )


def main() -> int:
    """Serve until asked to stop. Returns the process's exit status: 2 when the environment is not usable."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        target = database(os.environ)
        target.tls()
        port = number(os.environ, "PORT", 8080, 1, 65535)
        drain = number(os.environ, "CRUD_DRAIN_SECONDS", 5, 0, 60)
        pool = number(os.environ, "DB_POOL", 5, 1, 100)
    except ConfigError as error:
        print(f"crud: {error}", file=sys.stderr)
        return 2
    health = Health()
    logging.getLogger("uvicorn.access").addFilter(Quiet())
    config = uvicorn.Config(
        create_app(Items(engine(target, size=pool)), health),
        host="0.0.0.0",
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        # Longer than a proxy in front keeps a connection (Traefik: 90 s): it is never closed as a request comes.
        timeout_keep_alive=120,
    )
    DrainingServer(config, health, drain).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
