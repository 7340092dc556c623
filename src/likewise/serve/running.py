"""Running a server until it is stopped."""

import json
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import uvicorn

from likewise.errors import ConfigError, InputError
from likewise.serve.allocator import keep_memory_flat
from likewise.serve.app import create_app
from likewise.serve.served_index import EMBEDDING_THREADS
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings

_KEEP_ALIVE_SECONDS = 75  # longer than clients and proxies keep a connection: none is closed under a request


def serve(
    paths: list[str],
    settings: Settings,
    models: dict[str, Any] | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve indexes until SIGTERM or Ctrl-C; requests that run then are finished.

    Args:
        paths: Paths of the indexes.
        settings: Settings of the server.
        models: Loaded models by the path of their index.
        on_ready: Called with the address once the server listens.

    Raises:
        ConfigError: Others could reach the server without a key.
        InputError: The address cannot be listened on, or an index cannot be opened.
    """
    keep_memory_flat()
    # Two batches are embedded at the same time; threads of one batch would wait for those of the other.
    torch.set_num_threads(max(1, torch.get_num_threads() // EMBEDDING_THREADS))
    server = ServerState(paths, settings, models)
    if not settings.local and server.access.keyless:
        raise ConfigError(
            f"A server on {settings.host} can be reached from other machines, and there is no key: make one with  "
            "likewise keys new NAME --role read, or listen on 127.0.0.1."
        )
    listening = _listening(settings)
    host, port = listening.getsockname()[:2]
    _log_to_stderr()
    config = uvicorn.Config(
        create_app(server), log_config=None, access_log=False, server_header=False, date_header=True,
        timeout_graceful_shutdown=round(settings.drain_seconds), proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )  # fmt: skip
    on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    # uvicorn finishes what runs and then sends the signal again; SIGTERM is an ordinary end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listening])


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off for sockets that name their protocol. With it, the second packet of an answer
    # waits 40 ms for the client's acknowledgement of the first.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((settings.host, settings.port))
        made.listen(1024)
    except (OSError, UnicodeError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Cannot listen on {settings.host} port {settings.port} ({reason}): choose another --host or --port."
        ) from error
    return made


class _Lines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "log": record.name,
            "message": record.getMessage(),
            **getattr(record, "entry", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    for name, level in (("likewise", logging.INFO), ("uvicorn.error", logging.WARNING)):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(level)
