"""Load test of the registered model behind `mlflow models serve`, with many clients.

The server is started with a champion. Each client posts a photo, waits for its caption, and posts
the next one. The benchmark reports responses and failures, response times, and the memory of the
server's processes before, halfway through and at the end.

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

# Number of different photos to send.
_PHOTOS = 100
_START_UP_SECONDS = 300.0
_TIMEOUT_SECONDS = 120.0


@dataclass
class Load:
    """The result of a load test.

    Attributes:
        seconds: Response times, in order of completion.
        statuses: Counts of HTTP statuses and errors.
        memory: Memory of the server's processes in MiB, by time.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    memory: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Starts the server, runs the load test, and prints the table."""
    args = _arguments()
    console = Console(width=110)
    console.print(describe_machine())
    photos = sorted((args.dataset / "Images").glob("*.jpg"))[:_PHOTOS]
    bodies = [_body(photo) for photo in photos]
    model = f"models:/{args.model_name}@champion"
    with _serving(model, local_tracking_uri(args.root)) as (address, server):
        load = asyncio.run(_run_load(address, server, bodies, args.clients, args.seconds))
    console.print(_table(load, args.clients, args.seconds))


async def _run_load(
    address: str, server: psutil.Process, bodies: list[dict[str, Any]], clients: int, seconds: float
) -> Load:
    load, next_body = Load(), cycle(bodies)
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=_TIMEOUT_SECONDS, limits=limits) as http:
        # Warm-up: the first photos compile.
        await asyncio.gather(*(http.post("/invocations", json=bodies[0]) for _ in range(4)))
        load.memory["before"] = _resident(server)
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                started = time.perf_counter()
                try:
                    response = await http.post("/invocations", json=next(next_body))
                    load.statuses[str(response.status_code)] += 1
                except httpx.HTTPError as error:
                    load.statuses[type(error).__name__] += 1
                load.seconds.append(time.perf_counter() - started)

        async def watch() -> None:
            await asyncio.sleep(seconds / 2)
            load.memory["halfway"] = _resident(server)

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
        # MLflow starts uvicorn from PATH.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": tracking_uri}
        server = psutil.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not _is_ready(address, server):
                log.seek(0)
                raise RuntimeError(f"mlflow models serve failed: {log.read().decode()[-2000:]}")
            yield address, server
        finally:
            for process in [*server.children(recursive=True), server]:
                process.terminate()
            server.wait()


def _is_ready(address: str, server: psutil.Popen) -> bool:
    """Waits until the server responds; returns False if it exits or does not respond in time."""
    end = time.perf_counter() + _START_UP_SECONDS
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
    title = f"{clients} clients for {seconds:g} s, one photo per request"
    table = Table("measure", "result", title=title)
    cuts = quantiles(load.seconds, n=20)
    table.add_row("requests", str(len(load.seconds)))
    table.add_row("responses", ", ".join(f"{name}: {n}" for name, n in load.statuses.items()))
    table.add_row("failed", str(len(load.seconds) - load.statuses["200"]))
    table.add_row("photos/s", f"{len(load.seconds) / (seconds + cuts[9]):.2f}")
    table.add_row("median response time, s", f"{cuts[9]:.2f}")
    table.add_row("95th percentile, s", f"{cuts[18]:.2f}")
    for when, size in load.memory.items():
        table.add_row(f"memory {when}", f"{size:,.0f} MiB")
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("runs"), help="work folder of the runs")
    parser.add_argument("--model-name", default="captionflow-sample")
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="folder of Flickr8k")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
