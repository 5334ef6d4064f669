"""Load test, live streams and fuzzing of the service, in a process of its own.

python benchmarks/serving.py load --model models/open --clients 32 --seconds 20
python benchmarks/serving.py live --model models/open --streams 200 --seconds 30
python benchmarks/serving.py fuzz --model models/open --n 10000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
from _mutations import RATE_HZ, encoded, fuzz_decoder, mutated, seeds, sound
from websockets.asyncio.client import connect

CLIP_S = 3.0
MESSAGE_S = 0.1


@contextmanager
def service(model: Path, *options: str) -> Iterator[tuple[str, int]]:
    """URL and process ID of a service that is ready."""
    command = [sys.executable, "-m", "voxaffect", "serve", "-m", str(model), "--port", "0"]
    process = subprocess.Popen([*command, "--rate", "100000", *options], stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        url = process.stderr.readline().decode().split()[2]
        # Decoders log errors of mutated files there; a full pipe would block the service.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        while httpx2.get(f"{url}/readyz").status_code != 200:
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def percentiles(name: str, seconds: list[float]) -> str:
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99)) * 1000
    return f"{name}: median {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"


def memory_mb(pid: int) -> float:
    """Resident memory of a process, on Linux."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def load(url: str, n_clients: int, seconds: float) -> None:
    """Clients that send the next request as soon as they have a response."""
    body, took, statuses = encoded(sound(CLIP_S)), [], Counter[int]()
    until = time.monotonic() + seconds
    limits = httpx2.Limits(max_connections=n_clients)

    async def send_requests(client: httpx2.AsyncClient) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            response = await client.post(f"{url}/v1/predict", content=body)
            took.append(time.monotonic() - began)
            statuses[response.status_code] += 1

    async with httpx2.AsyncClient(timeout=120, limits=limits) as client:
        await asyncio.gather(*(send_requests(client) for _ in range(n_clients)))
    rate = len(took) / seconds
    real_time = rate * CLIP_S
    report(f"{n_clients} clients, {CLIP_S:g} s: {rate:.0f} requests/s, {real_time:.0f} x real time")
    report(percentiles("latency", took))
    report(f"statuses: {dict(statuses)}")


async def live(url: str, n_streams: int, seconds: float) -> None:
    """Streams in real time; a message's delay ends with the first prediction that includes it."""
    delays: list[float] = []
    data = (sound(seconds) * 32_767).astype("<i2").tobytes()
    size = round(MESSAGE_S * RATE_HZ) * 2

    async def stream(i: int) -> int:
        await asyncio.sleep(i / n_streams * 2)
        sent_at: dict[int, float] = {}
        n_predictions = n_included = 0
        async with connect(f"{url.replace('http', 'ws')}/v1/live", max_queue=None) as socket:
            await socket.send(json.dumps({"encoding": "pcm_s16le", "rate": RATE_HZ}))

            async def send() -> None:
                began = time.monotonic()
                for k in range(len(data) // size):
                    await asyncio.sleep(max(0.0, began + k * MESSAGE_S - time.monotonic()))
                    await socket.send(data[k * size : (k + 1) * size])
                    sent_at[k + 1] = time.monotonic()
                await socket.send(json.dumps({"type": "end"}))

            sending = asyncio.create_task(send())
            async for message in socket:
                received = json.loads(message)
                if received["type"] == "interim":
                    n_predictions += 1
                    included = range(n_included + 1, round(received["end_s"] / MESSAGE_S) + 1)
                    delays.extend(time.monotonic() - sent_at[k] for k in included)
                    n_included = included.stop - 1
                if received["type"] in {"end", "error"}:
                    break
            await sending
        return n_predictions

    counts = await asyncio.gather(*(stream(i) for i in range(n_streams)))
    report(
        f"{n_streams} streams of {seconds:g} s: {np.mean(counts) / seconds:.1f} predictions/s each"
    )
    report(percentiles("delay of a message's first prediction", delays))


def fuzz_service(url: str, pid: int, n: int, seed: int) -> Counter[str]:
    """Mutated files as requests; a status of 500 or growing memory is a bug."""
    rng, originals, found = np.random.default_rng(seed), seeds(), Counter[str]()
    before = memory_mb(pid)
    with httpx2.Client(timeout=30) as client:
        for i in range(n):
            data = mutated(rng, originals)
            how = {"content": data} if i % 2 else {"files": {"file": data}}
            timeline = i % 3 == 0
            response = client.post(f"{url}/v1/predict", params={"timeline": timeline}, **how)
            found[str(response.status_code)] += 1
            if i == n // 4:
                before = memory_mb(pid)
    report(f"memory {before:.0f} MB after a quarter, {memory_mb(pid):.0f} MB at the end")
    return found


def report(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("load", "live", "fuzz"))
    parser.add_argument("--model", type=Path, required=True, help="folder that train wrote")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1, help="of the service")
    args = parser.parse_args()
    if args.what == "fuzz":
        report(f"decoder: {dict(fuzz_decoder(args.n, args.seed))}")
    with service(args.model, "--processes", str(args.processes)) as (url, pid):
        if args.what == "load":
            asyncio.run(load(url, args.clients, args.seconds))
        elif args.what == "live":
            asyncio.run(live(url, args.streams, args.seconds))
        else:
            report(f"service: {dict(fuzz_service(url, pid, args.n, args.seed + 1))}")


if __name__ == "__main__":
    main()
