"""What visitors may ask of this machine's time, doors and disk: every number in one place.

An operator sets them through the environment (`NST_DEADLINE_SECONDS=60 python app.py`); what a
picture may be is in `nst.pictures.limits`.
"""

from dataclasses import dataclass, field

from nst.pictures.limits import FromEnvironment

__all__ = ["REQUEST_LIMITS", "RUN_LIMITS", "RequestLimits", "RunLimits"]


@dataclass(frozen=True)
class RunLimits(FromEnvironment):
    """Limits of a run. From `NST_CONCURRENCY`, `NST_QUEUE`, and so on."""

    concurrency: int = 1  # runs at once; a second one on the same device only slows the first
    queue: int = 20  # visitors who may wait; the next is told that it is busy
    # Seconds a run may take before it ends with what is there.
    deadline: float = field(default=300.0, metadata={"variable": "NST_DEADLINE_SECONDS"})
    max_size: int = 2048  # pixels of the long side; 4096 take 6 GB, and minutes on a CPU
    frames: int = 40  # kept of a run to scrub through, as JPEG: about 3 MB
    kept_canvases: int = 400  # megabytes of optimiser state kept to go on from, all visitors
    visits: int = 500  # visitors whose last run is kept
    kept_pictures: int = 800  # megabytes of pictures kept of those runs, all visitors
    visit: float = 1800.0  # seconds after which an idle visitor's last run is forgotten


@dataclass(frozen=True)
class RequestLimits(FromEnvironment):
    """Limits of requests and of what they leave behind. From `NST_REQUEST_KB`, and so on."""

    request_kb: int = 512  # of one request's JSON: settings are 2 KB, pictures come as uploads
    upload_files: int = 2  # pictures in one upload request: the page sends one at a time
    body_seconds: float = 120.0  # a body may take: 32 MB at 2 Mbit/s
    waiting_per_visitor: int = 2  # runs one page may have waiting
    waiting_per_address: int = 8  # runs one address may have waiting: a class shares one
    waiting_requests: int = 64  # small requests one address may have waiting: pages, and looks
    unheard_seconds: float = 60.0  # a run goes on while nobody listens to it
    cache_seconds: float = 3600.0  # files behind pictures and downloads are kept
    cache_mb: int = 1024  # files are kept in all, a quarter for one address; the oldest go first
    disk_reserve_mb: int = 64  # left free on the disk: a run's previews and its downloads


RUN_LIMITS = RunLimits.from_environment()
REQUEST_LIMITS = RequestLimits.from_environment()
