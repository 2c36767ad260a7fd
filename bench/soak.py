"""Many visitors at once, some of whom leave or stop, and one who attacks all the while; then a
kill; then a full disk.

    python -m bench.soak --visitors 40 --minutes 5

Everything happens on 127.0.0.1, against the real app in a process of its own. Each visitor paints
from noise with a seed of its own, so that a picture that belongs to somebody else cannot pass.
"""

import argparse
import asyncio
import hashlib
import io
import json
import multiprocessing
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
from gradio.media import get_image
from PIL import Image

from bench.running import Server, running, start
from ui.server.limits import REQUEST_LIMITS

__all__ = ["main"]

API = "/gradio_api"
SETTINGS_OF_A_RUN = {"size": 256, "steps": 24, "start": "noise", "encoder": "compact"}
META = {"_type": "gradio.FileData"}
PROBE_SECONDS = 0.25
SAMPLE_SECONDS = 1.0
# Files live an hour for visitors and an idle visit half of one; here both live half a minute, so
# that coming and going balance within the first minute; so do canvases to go on from in 40 of
# the 400 MB.
SETTINGS = {"NST_CACHE_SECONDS": "30", "NST_VISIT": "30", "NST_KEPT_CANVASES": "40"}
LARGE_EVERY = 4  # one visitor in so many comes with a photo of 4096 px
MOST_MEMORY = 3e9  # bytes of the process, as the README says
LOOK_SECONDS = (2, 6)  # at a picture before the next is asked for
SHARES = {"stays": 0.6, "leaves": 0.2, "stops": 0.2}


@dataclass
class Account:
    """What happened. pictures: digests by seed. delays: seconds a page took."""

    pictures: dict[int, set[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    freed: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Page:
    """What a browser knows of the page: its functions and controls."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._components = {c["id"]: c for c in config["components"]}
        self._named = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        self._functions = [d for d in config["dependencies"] if d["backend_fn"]]
        self.paint = max(self._of("go", "click"), key=lambda d: len(d["inputs"]))
        self.stop = self._of("stop", "click")[0]
        self.look = self._of("upload", "upload")[0]
        self.load = next(d for d in self._functions if any(t[1] == "load" for t in d["targets"]))

    def _of(self, name: str, event: str) -> list[dict[str, Any]]:
        return [d for d in self._functions if [self._named[name], event] in d["targets"]]

    def order(self, photo: str, seed: int, own: str | None = None) -> list[Any]:
        """What the Paint button sends: every control as the page shows it, but for a few."""
        chosen = {**SETTINGS_OF_A_RUN, "seed": seed, "photo": {"path": photo, "meta": META}}
        if own:
            chosen["own-style"] = {"path": own, "meta": META}
        values = []
        for number in self.paint["inputs"]:
            properties = self._components[number]["props"]
            state = self._components[number]["type"] == "state"
            name = properties.get("elem_id")
            values.append(None if state else chosen.get(name, properties.get("value")))
        return values

    def shown(self, function: dict[str, Any], data: list[Any], name: str) -> Any:
        """What an answer shows in the component of that name; None when it leaves it alone."""
        found = dict(zip(function["outputs"], data, strict=True))[self._named[name]]
        if isinstance(found, dict) and found.get("__type__") == "update":
            return found.get("value")
        return found


_pages: dict[str, Page] = {}


async def page_of(client: httpx.AsyncClient) -> Page:
    """The page of an app; asked once of each."""
    key = str(client.base_url)
    if key not in _pages:
        _pages[key] = Page((await client.get("/config")).json())
    return _pages[key]


class Visitor:
    """Somebody with a photo, a seed and an address, who paints again and again."""

    def __init__(self, number: int, url: str, account: Account) -> None:
        self.seed, self._account, self._chance = number, account, random.Random(number)
        address = f"10.1.{number // 250}.{number % 250 + 1}"
        self._client = client_from(url, address)
        self._picture = photo_of(number)
        self._photo, self._session = "", ""
        self._page: asyncio.Task[None] | None = None

    async def stay(self, until: float) -> None:
        """Paint until the time is over, in one of the three ways; first to the end."""
        async with self._client:
            way = "stays"
            while time.monotonic() < until:
                try:
                    if await self._paint(way):
                        (way,) = self._chance.choices(list(SHARES), list(SHARES.values()))
                        await asyncio.sleep(self._chance.uniform(*LOOK_SECONDS))
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self._account.failures.append(f"{way}: {type(error).__name__} {error}"[:200])
                    await asyncio.sleep(1)
            self._leave()

    async def _paint(self, way: str) -> bool:
        """Whether there was room for it."""
        if not self._session:
            await self._arrive()
        joined = await join(self._client, self._session, self._photo, self.seed)
        if joined.status_code == 429:
            self._account.counts["told it is busy"] += 1
            await asyncio.sleep(1 + self._chance.random())
            return False
        joined.raise_for_status()
        self._account.counts[way] += 1
        stopped = None
        async for message in listen(self._client, self._session):
            if message["msg"] == "process_generating" and way == "leaves":
                self._leave()
                break
            if message["msg"] == "process_generating" and way == "stops" and stopped is None:
                stopped = time.monotonic()
                await self._stop()
            if message["msg"] == "process_completed" and stopped is not None:
                self._account.freed.append(time.monotonic() - stopped)
                self._account.counts["stopped"] += 1
            elif message["msg"] == "process_completed":
                digest = await fetched(self._client, message)
                self._account.pictures.setdefault(self.seed, set()).add(digest)
                self._account.counts["finished"] += 1
        return True

    async def _arrive(self) -> None:
        """Open the page, as long as a browser does, and bring the photo."""
        self._photo = await upload(self._client, self._picture)
        self._session = uuid.uuid4().hex[:12]
        self._page = asyncio.create_task(hold_open(self._client, self._session))

    def _leave(self) -> None:
        """Close the page; the next painting is another visit's."""
        self._session = ""
        if self._page is not None:
            self._page.cancel()

    async def _stop(self) -> None:
        page = await page_of(self._client)
        asked = {"data": [None], "fn_index": page.stop["id"], "session_hash": self._session}
        (await self._client.post(f"{API}/run/predict", json=asked)).raise_for_status()


class Attacker:
    """One address that asks for as much as it can, in every way that once hurt the others."""

    def __init__(self, url: str, account: Account) -> None:
        self._account = account
        self._client = client_from(url, "10.9.9.9")
        self._photo = ""

    async def stay(self, until: float) -> None:
        """Attack until the time is over, in one way after the other."""
        ways = (self._large_sessions, self._looks, self._names, self._runs, self._stalled)
        async with self._client:
            self._photo = await upload(self._client, flat(4096))
            while time.monotonic() < until:
                for attack in ways:
                    tried = await asyncio.gather(*attack(), return_exceptions=True)
                    self._account.counts[f"attacks: {attack.__name__[1:]}"] += len(tried)
                    refused = [a for a in tried if isinstance(a, httpx.Response) and a.is_error]
                    self._account.counts["attacks refused"] += len(refused)

    def _large_sessions(self) -> list[Awaitable[Any]]:
        """Sessions that keep large pictures."""
        return [
            join(self._client, uuid.uuid4().hex, self._photo, seed=1, own=self._photo)
            for _ in range(4)
        ]

    def _looks(self) -> list[Awaitable[Any]]:
        """Looks at a large picture, outside the queue."""
        return [self._ask("look", [{"path": self._photo, "meta": META}]) for _ in range(20)]

    def _names(self) -> list[Awaitable[Any]]:
        """Trivial calls, each with a session's name of its own."""
        return [self._ask("load", []) for _ in range(60)]

    def _runs(self) -> list[Awaitable[Any]]:
        """As many runs as may wait, all of one session."""
        session = uuid.uuid4().hex
        return [join(self._client, session, self._photo, seed=1) for _ in range(9)]

    def _stalled(self) -> list[Awaitable[Any]]:
        """Uploads that declare much and send it late."""

        async def late() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'
            await asyncio.sleep(3)
            yield bytes(15_000_000) + b"\r\n--b--\r\n"

        kind = {"content-type": "multipart/form-data; boundary=b"}
        return [self._client.post(f"{API}/upload", content=late(), headers=kind) for _ in range(6)]

    async def _ask(self, name: str, data: list[Any]) -> httpx.Response:
        page = await page_of(self._client)
        function = page.look if name == "look" else page.load
        body = {
            "data": data or [None] * len(function["inputs"]),
            "fn_index": function["id"],
            "session_hash": uuid.uuid4().hex,
        }
        return await self._client.post(f"{API}/run/predict", json=body)


def client_from(url: str, address: str) -> httpx.AsyncClient:
    """Somebody at an address: the app trusts this header from its own machine only."""
    headers = {"x-forwarded-for": address}
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, timeout=120, headers=headers, limits=limits)


@cache
def tower() -> bytes:
    """A small photograph as a PNG."""
    photo = Image.open(get_image("tower.jpg")).convert("RGB")
    photo.thumbnail((256, 256))
    return _png(photo)


@cache
def flat(side: int) -> bytes:
    """A PNG that is small as a file and large in memory."""
    return _png(Image.new("RGB", (side, side), "teal"))


def photo_of(number: int) -> bytes:
    """The photo that a visitor comes with."""
    return flat(4096) if number % LARGE_EVERY == LARGE_EVERY - 1 else tower()


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


async def upload(client: httpx.AsyncClient, picture: bytes | None = None) -> str:
    """Send a photo; returns its path over there."""
    files = {"files": ("p.png", picture or tower())}
    answer = await client.post(f"{API}/upload", files=files)
    answer.raise_for_status()
    return answer.json()[0]


async def join(
    client: httpx.AsyncClient, session: str, photo: str, seed: int, own: str | None = None
) -> httpx.Response:
    """Press Paint. own: a painting of one's own."""
    page = await page_of(client)
    data = page.order(photo, seed, own)
    body = {"data": data, "fn_index": page.paint["id"], "session_hash": session}
    return await client.post(f"{API}/queue/join", json=body)


async def hold_open(client: httpx.AsyncClient, session: str) -> None:
    """Hold a page open until cancelled, which keeps what it has chosen from expiring."""
    async with client.stream("GET", f"{API}/heartbeat/{session}") as page:
        async for _ in page.aiter_raw():
            pass


async def listen(client: httpx.AsyncClient, session: str) -> AsyncIterator[dict[str, Any]]:
    """The messages of a session, until its runs are over."""
    query = {"session_hash": session}
    async with client.stream("GET", f"{API}/queue/data", params=query) as told:
        told.raise_for_status()
        async for line in told.aiter_lines():
            if line.startswith("data: "):
                message = json.loads(line[6:])
                yield message
                if message["msg"] in ("process_completed", "close_stream"):
                    return


async def fetched(client: httpx.AsyncClient, message: dict[str, Any]) -> str:
    """The digest of the pixels of the picture that a run ended in. ValueError when it has none."""
    if not message["success"]:
        raise ValueError(f"a run failed: {message['output']}")
    page = await page_of(client)
    path = page.shown(page.paint, message["output"]["data"], "png")["path"]
    answer = await client.get(f"{API}/file={path}")
    answer.raise_for_status()
    picture = Image.open(io.BytesIO(answer.content)).convert("RGB")
    return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()


async def alone(server: Server, seed: int) -> str:
    """The digest of what a seed gives when nobody else is there."""
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        session = uuid.uuid4().hex[:12]
        joined = await join(client, session, await upload(client, photo_of(seed)), seed)
        joined.raise_for_status()
        async for message in listen(client, session):
            if message["msg"] == "process_completed":
                return await fetched(client, message)
    raise ValueError("the run told no end")


def probe(url: str, over: Event, told: Queue) -> None:
    """Ask for the page all the time; tell how many seconds each answer took, None for none."""
    delays: list[float | None] = []
    with httpx.Client(base_url=url, timeout=30) as client:
        while not over.wait(PROBE_SECONDS):
            asked = time.monotonic()
            try:
                client.get("/").raise_for_status()
                delays.append(time.monotonic() - asked)
            except httpx.HTTPError:
                delays.append(None)
    told.put(delays)


@contextmanager
def watched(server: Server, account: Account) -> Iterator[None]:
    """Ask for the page from a process of its own, and look at memory and disk."""
    processes = multiprocessing.get_context("spawn")
    over, told, began = processes.Event(), processes.Queue(), time.monotonic()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            moment = time.monotonic() - began
            account.samples.append((moment, server.memory(), server.disk()))

    prober = processes.Process(target=probe, args=(server.url, over, told))
    sampler = threading.Thread(target=sample)
    prober.start()
    sampler.start()
    try:
        yield
    finally:
        over.set()
        sampler.join()
        delays = told.get(timeout=60)
        prober.join()
    account.delays = [delay for delay in delays if delay is not None]
    account.failures.extend(["page: no answer"] * delays.count(None))


async def crowd(server: Server, visitors: int, seconds: float) -> Account:
    """All visitors for so long."""
    account = Account()
    with watched(server, account):
        until = time.monotonic() + seconds
        await asyncio.gather(
            *(Visitor(n, server.url, account).stay(until) for n in range(visitors)),
            Attacker(server.url, account).stay(until),
        )
    return account


def judged(
    account: Account, references: dict[int, str], seconds: float, visitors: int
) -> dict[str, Any]:
    """The figures of a crowd, and whether each is as promised."""
    wrong = sum(found != {references[seed]} for seed, found in account.pictures.items())
    delays = sorted(account.delays)
    most = max(memory for _, memory, _ in account.samples)
    slow = delays[int(len(delays) * 0.95)]
    reference = min(60.0, 0.4 * seconds)
    # Files come and go in bursts: a hundredth of what may lie there is noise.
    noise = REQUEST_LIMITS.cache_mb / 100
    memory, disk = (_growth(account.samples, reference, of) for of in (1, 2))
    return {
        "runs": dict(account.counts),
        "visitors whose picture was their own": len(account.pictures) - wrong,
        "visitors with a picture": len(account.pictures),
        "page, median ms": round(1000 * delays[len(delays) // 2]),
        "page, 95th percentile ms": round(1000 * slow),
        "page, slowest ms": round(1000 * delays[-1]),
        "page requests": len(delays),
        "to stop, slowest ms": round(1000 * max(account.freed, default=0)),
        "memory MB, after the first minute and at the end": memory[:2],
        "memory MB, every half minute": [round(s[1] / 1e6) for s in account.samples[::30]],
        "memory MB, at most": round(most / 1e6),
        "memory growth": memory[2],
        "disk MB, after the first minute and at the end": disk[:2],
        "disk growth": disk[2],
        "failures": account.failures[:20],
        "held": {
            "every picture is its own seed's": wrong == 0 and len(account.pictures) > 0,
            "page within 500 ms at the 95th percentile": slow <= 0.5,
            "every visitor finishes": len(account.pictures) == visitors,
            "memory within 10 %": memory[2] <= 0.1,
            f"memory below {MOST_MEMORY / 1e9:.0f} GB": most <= MOST_MEMORY,
            f"disk within 10 %, or {noise:.0f} MB": disk[2] <= 0.1 or disk[1] - disk[0] <= noise,
            "no failures": not account.failures,
        },
    }


def _growth(
    samples: list[tuple[float, int, int]], reference: float, of: int
) -> tuple[float, float, float]:
    """Mean MB over 15 s after `reference` and before the end, and the growth between them."""
    last = samples[-1][0]
    early = [s[of] for s in samples if reference <= s[0] < reference + 15] or [samples[0][of]]
    late = [s[of] for s in samples if s[0] > last - 15]
    first, final = (sum(values) / len(values) / 1e6 for values in (early, late))
    return round(first, 1), round(final, 1), round(final / max(first, 1e-9) - 1, 3)


async def killed(folder: Path) -> dict[str, Any]:
    """SIGKILL in the middle of a run; then what the next start finds."""
    server = start(folder, **SETTINGS)
    reference = await alone(server, 0)
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        session = uuid.uuid4().hex[:12]
        (await join(client, session, await upload(client), 0)).raise_for_status()
        async for message in listen(client, session):
            if message["msg"] in ("process_starts", "process_generating"):
                server.stop(signal.SIGKILL)
                break
    left = {path for path in server.temp.rglob("*") if path.is_file()}
    # Not the page's own pictures, which the next start puts there again and keeps.
    left = {path for path in left if path.name == "picture.png"}
    again = start(folder, **SETTINGS)
    try:
        same = await alone(again, 0) == reference
        restored = await link_restored(again)
        until = time.monotonic() + 90
        while time.monotonic() < until and any(path.exists() for path in left):
            await asyncio.sleep(1)
        return {
            "files left by the killed process": len(left),
            "held": {
                "the same seed paints the same picture, so the weights are whole": same,
                "a link restores its settings": restored,
                "what the killed process left behind expires": not any(p.exists() for p in left),
            },
        }
    finally:
        again.stop()


async def link_restored(server: Server) -> bool:
    """Whether a page opened by a link shows what the link says."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        load = (page := await page_of(client)).load
        body = {
            "data": [None] * len(load["inputs"]),
            "fn_index": load["id"],
            "session_hash": "link",
        }
        answer = await client.post(f"{API}/run/predict?v=1&strength=73&seed=4711", json=body)
        answer.raise_for_status()
        data = answer.json()["data"]
        return [page.shown(load, data, name) for name in ("strength", "seed")] == [73, 4711]


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A disk of its own of that size; None where mounting is not allowed."""
    folder = Path(tempfile.mkdtemp(prefix="nst-disk-"))
    made = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(made, capture_output=True).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


async def full_disk(folder: Path) -> dict[str, Any]:
    """What visitors are told when nothing more fits on the disk, before and during a run."""
    with small_disk(24) as disk:
        if disk is None:
            return {"not run": "mounting a small disk is not allowed here", "held": {}}
        server = start(folder, disk, NST_DISK_RESERVE_MB="2", **SETTINGS)
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
                return await _told(client, disk)
        finally:
            server.stop()


async def _told(client: httpx.AsyncClient, disk: Path) -> dict[str, Any]:
    photo, filler = await upload(client), disk / "filler"
    session = uuid.uuid4().hex[:12]
    (await join(client, session, photo, 0)).raise_for_status()
    during = ""
    async for message in listen(client, session):
        if message["msg"] == "process_generating" and not filler.exists():
            _fill(filler)
        if message["msg"] == "process_completed":
            during = "" if message["success"] else str(message["output"].get("error"))
    refused = await join(client, uuid.uuid4().hex[:12], photo, 0)
    sent = await client.post(f"{API}/upload", files={"files": ("p.png", b"x" * 4096)})
    page = await client.get("/")
    filler.unlink()
    after = await join(client, uuid.uuid4().hex[:12], photo, 0)
    return {
        "a run whose disk fills up ends with": during or "its picture",
        "a run on a full disk": f"{refused.status_code} {refused.json()['detail']}",
        "an upload on a full disk": f"{sent.status_code} {sent.text}",
        "held": {
            "a run whose disk fills up says why": "disk" in during.lower(),
            "a run on a full disk is refused in a sentence": refused.status_code == 507,
            "so is an upload": sent.status_code == 507,
            "the page still opens": page.status_code == 200,
            "with room again, painting goes on": after.status_code == 200,
        },
    }


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 10, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def soak(visitors: int, minutes: float, folder: Path) -> dict[str, Any]:
    """All three parts; the figures of each."""
    with running(folder / "crowd", **SETTINGS) as server:
        account = await crowd(server, visitors, 60 * minutes)
        references = {seed: await alone(server, seed) for seed in account.pictures}
        figures = judged(account, references, 60 * minutes, visitors)
        figures["log lines with a traceback"] = server.log.count("Traceback (most recent call")
    return {
        "visitors": visitors,
        "minutes": minutes,
        "crowd": figures,
        "killed": await killed(folder / "killed"),
        "full disk": await full_disk(folder / "full"),
    }


def _table(figures: dict[str, Any]) -> str:
    lines = ["| | |", "|---|---|"]
    for part in ("crowd", "killed", "full disk"):
        for name, value in figures[part].items():
            if name != "held":
                lines.append(f"| {part}: {name} | {value} |")
        for promise, kept in figures[part]["held"].items():
            lines.append(f"| {part}: **{promise}** | {'yes' if kept else 'NO'} |")
    return "\n".join(lines)


def main() -> None:
    """Run the soak, print a table, write JSON; the exit status says whether every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--json", type=Path, default=Path("out/soak.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nst-soak-") as folder:
        figures = asyncio.run(soak(given.visitors, given.minutes, Path(folder)))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(figures, indent=1))
    print(_table(figures))
    kept = [k for part in ("crowd", "killed", "full disk") for k in figures[part]["held"].values()]
    raise SystemExit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
