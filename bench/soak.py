"""Many visitors at once, some of whom leave or stop, and one rude address all the while.

    python -m bench.soak --visitors 40 --minutes 5

Everything happens on 127.0.0.1, against the real app in a process of its own. Each visitor paints
from noise with a seed of its own, so that a picture that belongs to somebody else cannot pass.
"""

import argparse
import asyncio
import hashlib
import io
import json
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
from gradio.media import get_image
from PIL import Image

from bench.running import Server, running
from ui.server.limits import RUN_LIMITS

API = "/gradio_api"
META = {"_type": "gradio.FileData"}
# Files and results live shorter, so that coming and going balance within the first minute.
SETTINGS = {"NST_VISIT": "30", "NST_CACHE_MB": "256"}
LARGE_EVERY = 4  # one visitor in so many comes with a photo of 4096 px
MOST_MEMORY, MOST_DISK, SLOWEST_PAGE = 3e9, 256 * 1.25 * 2**20, 0.5


@dataclass
class Account:
    """What happened. pictures: digests by seed. samples: bytes of memory and of the disk."""

    pictures: dict[int, set[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    samples: list[tuple[int, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@cache
def photo_of(number: int) -> bytes:
    """The photo that a visitor comes with, as a PNG: small, or large in memory only."""
    photo = Image.open(get_image("tower.jpg")).convert("RGB")
    photo.thumbnail((256, 256))
    large, file = number % LARGE_EVERY == LARGE_EVERY - 1, io.BytesIO()
    (Image.new("RGB", (4096, 4096), "teal") if large else photo).save(file, "PNG")
    return file.getvalue()


class Client:
    """Somebody at an address, who uses the endpoint for programs."""

    def __init__(self, url: str, address: str, config: dict[str, Any]) -> None:
        # The app trusts this header from its own machine only.
        told, most = {"x-forwarded-for": address}, httpx.Limits(max_connections=None)
        self.http = httpx.AsyncClient(
            base_url=url + API, timeout=120, headers=told, limits=most, trust_env=False
        )
        events = [event for event in config["dependencies"] if event["backend_fn"]]
        self.paint = next(event["id"] for event in events if event["api_name"] == "paint")
        self.quick = [e for e in events if e["queue"] is False and e["inputs"]]

    async def post(self, path: str, index: int, session: str, **fields: Any) -> httpx.Response:
        """Ask for an event."""
        body = {"fn_index": index, "session_hash": session, **fields}
        return await self.http.post(path, json=body)

    async def upload(self, picture: bytes) -> dict[str, Any]:
        """Send a photo; returns the file as requests name it."""
        answer = await self.http.post("/upload", files={"files": ("p.png", picture)})
        return {"path": answer.raise_for_status().json()[0], "meta": META}

    async def join(self, session: str, photo: dict[str, Any], seed: int) -> httpx.Response:
        """Ask for a painting."""
        recipe = f"size=256&steps=24&start=noise&encoder=compact&seed={seed}"
        return await self.post("/queue/join", self.paint, session, data=[photo, None, "", recipe])

    async def listen(self, session: str) -> AsyncIterator[dict[str, Any]]:
        """The messages of a session, until its runs are over; leaving it leaves the app."""
        async with self.http.stream("GET", f"/queue/data?session_hash={session}") as told:
            async for line in told.aiter_lines():
                if line.startswith("data: "):
                    yield (message := json.loads(line[6:]))
                    if message["msg"] in ("process_completed", "close_stream"):
                        return

    async def digest(self, message: dict[str, Any]) -> str:
        """The digest of the pixels that a run ended in. Raises ValueError when it has failed."""
        if not message["success"]:
            raise ValueError(f"a run failed: {message['output']}")
        answer = await self.http.get(f"/file={message['output']['data'][0]['path']}")
        picture = Image.open(io.BytesIO(answer.raise_for_status().content)).convert("RGB")
        return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()

    async def look(self, number: int, photo: dict[str, Any]) -> httpx.Response:
        """One of the page's small events, under a session's name of its own."""
        event = self.quick[number % len(self.quick)]
        data = [photo] * len(event["inputs"])
        return await self.post("/run/predict", event["id"], uuid.uuid4().hex, data=data)

    async def stall(self) -> httpx.Response:
        """An upload that comes late."""

        async def late() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'
            await asyncio.sleep(3)
            yield bytes(15_000_000) + b"\r\n--b--\r\n"

        kind = {"content-type": "multipart/form-data; boundary=b", "content-length": "15000080"}
        return await self.http.post("/upload", content=late(), headers=kind)


async def visit(client: Client, seed: int, account: Account, until: float) -> None:
    """Paint again and again; the first time to the end, later some leave and some stop."""
    chance, way = random.Random(seed), "stays"
    while time.monotonic() < until:
        try:
            session = uuid.uuid4().hex[:12]
            photo = await client.upload(photo_of(seed))
            while (joined := await client.join(session, photo, seed)).status_code == 429:
                account.counts["told it is busy"] += 1
                await asyncio.sleep(1 + chance.random())
            event = joined.raise_for_status().json()["event_id"]
            account.counts[way] += 1
            async for message in client.listen(session):
                if message["msg"] == "process_generating" and way == "leaves":
                    break
                if message["msg"] == "process_generating" and way == "stops":
                    await client.post("/cancel", client.paint, session, event_id=event)
                    break
                if message["msg"] == "process_completed" and way == "stays":
                    account.pictures.setdefault(seed, set()).add(await client.digest(message))
                    account.counts["finished"] += 1
            (way,) = chance.choices(("stays", "leaves", "stops"), (0.6, 0.2, 0.2))
            await asyncio.sleep(chance.uniform(2, 6))  # to look at it
        except (httpx.HTTPError, ValueError, KeyError) as error:
            account.failures.append(f"{way}: {type(error).__name__} {error}"[:200])
            await asyncio.sleep(1)


async def attack(client: Client, account: Account, until: float) -> None:
    """Ask for as much as one address can, in ways that once hurt the others."""
    photo, session = await client.upload(photo_of(LARGE_EVERY - 1)), uuid.uuid4().hex
    while time.monotonic() < until:
        large = (client.join(uuid.uuid4().hex, photo, 1) for _ in range(4))
        runs = (client.join(session, photo, 1) for _ in range(9))
        looks = (client.look(number, photo) for number in range(60))
        for asked in (large, runs, looks, (client.stall() for _ in range(6))):
            answers = await asyncio.gather(*asked, return_exceptions=True)
            refused = [a for a in answers if not isinstance(a, httpx.Response) or a.is_error]
            account.counts.update({"attacks": len(answers), "attacks refused": len(refused)})


def probe(url: str, seconds: float) -> list[float]:
    """Ask for the page for so long; how many seconds each answer took, 30 for none."""
    delays, until = [], time.monotonic() + seconds
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while time.monotonic() < until:
            asked, failed = time.monotonic(), True
            with suppress(httpx.HTTPError):
                failed = client.get("/").is_error
            delays.append(30.0 if failed else time.monotonic() - asked)
            time.sleep(0.25)
    return delays


async def sample(server: Server, account: Account, until: float) -> None:
    """Look at memory and disk every second."""
    while time.monotonic() < until:
        account.samples.append((server.memory(), server.disk()))
        await asyncio.sleep(1)


async def crowd(server: Server, visitors: int, seconds: float) -> tuple[Account, dict[int, str]]:
    """All visitors for so long; then the digest of what each seed gives when it is alone."""
    account, config = Account(), httpx.get(f"{server.url}/config", trust_env=False).json()
    clients = [Client(server.url, f"10.1.0.{n + 1}", config) for n in range(visitors)]
    rude, until = Client(server.url, "10.9.9.9", config), time.monotonic() + seconds
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        probing = elsewhere.submit(probe, server.url, seconds)
        visits = (visit(client, n, account, until) for n, client in enumerate(clients))
        await asyncio.gather(*visits, attack(rude, account, until), sample(server, account, until))
        account.delays = probing.result()
    alone = {}
    for seed in account.pictures:
        session, client = uuid.uuid4().hex, clients[seed]
        await client.join(session, await client.upload(photo_of(seed)), seed)
        async for message in client.listen(session):
            if message["msg"] == "process_completed":
                alone[seed] = await client.digest(message)
    return account, alone


def judged(account: Account, alone: dict[int, str], visitors: int) -> dict[str, Any]:
    """The figures of a crowd, and whether each is as promised."""
    delays = sorted(account.delays)
    slow = delays[int(len(delays) * 0.95)]
    memory, disk = (max(sample[of] for sample in account.samples) for of in (0, 1))
    return {
        "runs": dict(account.counts),
        "page, median and 95th percentile ms": (
            round(1000 * delays[len(delays) // 2]),
            slow * 1000,
        ),
        "memory and disk MB, at most": (round(memory / 1e6), round(disk / 1e6)),
        "failures": account.failures[:20],
        "held": {
            "every visitor finishes": len(account.pictures) == visitors,
            "every picture is its own seed's": all(
                found == {alone[seed]} for seed, found in account.pictures.items()
            ),
            "page within 500 ms at the 95th percentile": slow <= SLOWEST_PAGE,
            "memory below 3 GB": memory <= MOST_MEMORY,
            "disk bounded": disk <= MOST_DISK,
            "no failures": not account.failures,
        },
    }


def main() -> None:
    """Run the soak and print its figures; the exit status says whether every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=2 * RUN_LIMITS.queue)
    parser.add_argument("--minutes", type=float, default=5)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="nst-soak-") as folder,
        running(Path(folder), **SETTINGS) as server,
    ):
        account, alone = asyncio.run(crowd(server, given.visitors, 60 * given.minutes))
        print(server.log[-2000:])
    figures = judged(account, alone, given.visitors)
    print(json.dumps(figures, indent=1))
    raise SystemExit(0 if all(figures["held"].values()) else 1)


if __name__ == "__main__":
    main()
