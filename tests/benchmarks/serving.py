"""Serving: the registered model behind MLflow's own server, under many clients at once.

`mlflow models serve` is started on a champion; each client posts a photo, waits for its caption and
posts the next. Counted is what was answered and what was lost, how long an answer took, and how
much memory the server's processes held before, in the middle and at the end.

    .venv/bin/python tests/benchmarks/serving.py --root runs --clients 50 --seconds 60
"""

import argparse
import asyncio
import base64
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import psutil
from data import FLICKR8K
from machine import describe_machine
from rich.console import Console
from rich.table import Table

from components.registry.client import local_tracking_uri

# Different photos that are sent, in turn.
_PHOTOS = 100
_START_UP = 300.0
_ANSWER = 120.0


@dataclass
class Load:
    """What came of it.

    Attributes:
        seconds: Of each answer, in the order in which they came.
        statuses: How often each HTTP status came, or error.
        memory: MiB that the server's processes held, by when.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    memory: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Starts the server, sends photos, and shows the table."""
    given = _arguments()
    console = Console(width=110)
    console.print(describe_machine())
    photos = sorted((given.dataset / "Images").glob("*.jpg"))[:_PHOTOS]
    bodies = [_body(photo) for photo in photos]
    model = f"models:/{given.model_name}@champion"
    with _serving(model, local_tracking_uri(given.root)) as (address, server):
        load = asyncio.run(_press(address, server, bodies, given.clients, given.seconds))
    console.print(_table(load, given.clients, given.seconds))


async def _press(
    address: str, server: psutil.Process, bodies: list[dict[str, Any]], clients: int, seconds: float
) -> Load:
    load, next_body = Load(), cycle(bodies)
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=_ANSWER, limits=limits) as http:
        # The first photos compile.
        await asyncio.gather(*(http.post("/invocations", json=bodies[0]) for _ in range(4)))
        load.memory["before"] = _resident(server)
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                begun = time.perf_counter()
                try:
                    answer = await http.post("/invocations", json=next(next_body))
                    load.statuses[str(answer.status_code)] += 1
                except httpx.HTTPError as error:
                    load.statuses[type(error).__name__] += 1
                load.seconds.append(time.perf_counter() - begun)

        async def watch() -> None:
            await asyncio.sleep(seconds / 2)
            load.memory["in the middle"] = _resident(server)

        await asyncio.gather(watch(), *(client() for _ in range(clients)))
        load.memory["at the end"] = _resident(server)
    return load


@contextmanager
def _serving(model: str, tracking_uri: str) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model]
    command += ["--env-manager=local", "--host=127.0.0.1", f"--port={port}"]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        # MLflow looks for uvicorn in PATH.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": tracking_uri}
        server = psutil.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not _answers(address, server):
                log.seek(0)
                raise RuntimeError(f"mlflow models serve ended: {log.read().decode()[-2000:]}")
            yield address, server
        finally:
            for process in [*server.children(recursive=True), server]:
                process.terminate()
            server.wait()


def _answers(address: str, server: psutil.Popen) -> bool:
    """Waits until the server answers; returns False if it ended, or takes too long."""
    end = time.perf_counter() + _START_UP
    while time.perf_counter() < end and server.poll() is None:
        try:
            if httpx.get(f"{address}/ping").status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            time.sleep(0.5)
    return False


def _resident(server: psutil.Process) -> float:
    processes = [server, *server.children(recursive=True)]
    return float(sum(process.memory_info().rss for process in processes)) / 2**20


def _body(photo: Path) -> dict[str, Any]:
    encoded = base64.b64encode(photo.read_bytes()).decode()
    return {"dataframe_split": {"columns": ["photo"], "data": [[encoded]]}}


def _table(load: Load, clients: int, seconds: float) -> Table:
    title = f"{clients} clients for {seconds:g} s, one photo a request"
    table = Table("question", "result", title=title)
    cuts = quantiles(load.seconds, n=20)
    table.add_row("requests", str(len(load.seconds)))
    table.add_row("answers", ", ".join(f"{name}: {n}" for name, n in load.statuses.items()))
    table.add_row("lost", str(len(load.seconds) - load.statuses["200"]))
    table.add_row("photos a second", f"{len(load.seconds) / (seconds + cuts[9]):.2f}")
    table.add_row("seconds to an answer, median", f"{cuts[9]:.2f}")
    table.add_row("the slowest of 20", f"{cuts[18]:.2f}")
    for when, size in load.memory.items():
        table.add_row(f"memory {when}", f"{size:,.0f} MiB")
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("runs"), help="a run's work folder")
    parser.add_argument("--model-name", default="captionflow-sample")
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="Flickr8k's folder")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
