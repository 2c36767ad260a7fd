"""Talking to the Hugging Face Hub: whether it is there, a range of a file, and when to give up.

Every failure ends as WeightsUnavailable with a sentence for whoever wants to paint.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from huggingface_hub import HfFileMetadata, constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from nst.errors import WeightsUnavailable
from nst.weights.checksum import CorruptWeights, Shapes

__all__ = ["RetryPolicy", "Source", "contact", "stream"]

DECISION_SECONDS = 3.0  # to find out whether there is a Hub
STALL_SECONDS = 15.0  # without a byte, before a download counts as broken off
WAIT_SECONDS = 60.0  # spent in all on pauses, most of them asked for by the Hub
BREAKS = 2  # in a row that bring not one byte, before a download is given up

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """One safetensors file on the Hub at one commit, and the tensors wanted from it."""

    title: str
    repo: str
    commit: str  # in full: it names the file's contents, so nobody can change them later
    filename: str
    sha256: str  # of the whole file
    shapes: Shapes

    @property
    def size(self) -> int:
        """Bytes of the wanted tensors."""
        return sum(4 * math.prod(shape) for shape in self.shapes.values())

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"{self.filename} in {self.repo} at commit {self.commit[:7]}"

    @property
    def url(self) -> str:
        """Its address on the Hub that HF_ENDPOINT names."""
        return hf_hub_url(self.repo, self.filename, revision=self.commit)


class RetryPolicy:
    """How often, and for how long, one download goes on asking a Hub that stumbles."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.seconds = WAIT_SECONDS
        self.breaks = 0

    def pause(self, error: HTTPError | None, progressed: bool = False) -> None:
        """Wait before the next try, or raise WeightsUnavailable when there is none.

        error: why this try failed; None for an answer that ended early without a word.
        progressed: whether it brought any bytes.
        """
        seconds = _retry_after(error) if isinstance(error, HfHubHTTPError) else None
        if not seconds:
            self.breaks = 1 if progressed else self.breaks + 1
            seconds = 0.5 * 2 ** (self.breaks - 1)
        if _is_final(error) or self.breaks > BREAKS or seconds > self.seconds:
            raise WeightsUnavailable(self._reason(error)) from error
        self.seconds -= seconds
        time.sleep(seconds)

    def _reason(self, error: HTTPError | None) -> str:
        if isinstance(error, HfHubHTTPError):
            return _refusal(self.source, error)
        return f"The download of {self.source.title} broke off. {_silence(error)}"


def contact(source: Source, retries: RetryPolicy) -> HfFileMetadata:
    """Ask the Hub about the file, again if it is only busy; no answer at all is final."""
    if constants.is_offline_mode():
        raise WeightsUnavailable(
            f"{source.title} is not in the cache, and HF_HUB_OFFLINE forbids asking the "
            "Hugging Face Hub for it."
        )
    seconds = DECISION_SECONDS
    while True:
        try:
            return _within(seconds, lambda: get_hf_file_metadata(source.url, timeout=seconds))
        except HfHubHTTPError as error:
            retries.pause(error)
        except (HTTPError, TimeoutError) as error:
            raise WeightsUnavailable(_silence(error)) from error
        except (ImportError, ValueError) as error:  # a proxy of a kind that cannot be used
            raise WeightsUnavailable(
                f"The Hugging Face Hub cannot be asked for {source.title}: {error}"
            ) from error


@contextmanager
def stream(source: Source, start: int, stop: int) -> Iterator[Iterator[bytes]]:
    """The bytes `start` up to `stop` of the file as they arrive. Raises HTTPError.

    A server without ranges sends the file from its beginning; then what lies before `start` is
    passed over, and the connection closed at `stop`, so not even that takes the whole file.
    """
    headers = build_hf_headers() | {
        "Range": f"bytes={start}-{stop - 1}",
        "Accept-Encoding": "identity",
    }
    timeout = (DECISION_SECONDS, STALL_SECONDS, STALL_SECONDS, STALL_SECONDS)
    with get_session().stream("GET", source.url, headers=headers, timeout=timeout) as response:
        hf_raise_for_status(response)
        first = 0
        if response.status_code == 206:
            first = start
            if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise CorruptWeights(f"the bytes that came do not begin at {start}.")
        yield _cut(response.iter_bytes(), start - first, stop - start)


def _cut(chunks: Iterator[bytes], skip: int, length: int) -> Iterator[bytes]:
    for chunk in chunks:
        wanted = chunk[skip : skip + length]
        skip = max(0, skip - len(chunk))
        length -= len(wanted)
        if wanted:
            yield wanted
        if length == 0:
            return


def _within(seconds: float, call: Callable[[], T]) -> T:
    """`call()`, or TimeoutError after `seconds`: looking up a name heeds no timeout of its own."""
    answer: Future[T] = Future()

    def attempt() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    # A pool's threads would be waited for at the end of the program.
    threading.Thread(target=attempt, name="ask-the-hub", daemon=True).start()
    return answer.result(seconds)


def _is_final(error: HTTPError | None) -> bool:
    """Whether the Hub's answer will be the same next time."""
    if not isinstance(error, HfHubHTTPError):
        return False
    status = error.response.status_code
    return status not in (408, 429) and status < 500


def _retry_after(error: HfHubHTTPError) -> float | None:
    """Seconds the Hub asks to wait (RFC 9110, section 10.2.3: a number or a date)."""
    value = error.response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _silence(error: BaseException | None) -> str:
    """Why there was no answer, in the system's words: a request's own could hold a token."""
    reason = "the connection failed"
    while error is not None:
        if "Timeout" in type(error).__name__:
            reason = "it did not answer in time"
            break
        if text := getattr(error, "strerror", None):
            reason = text
            break
        error = error.__cause__ or error.__context__
    return f"The Hugging Face Hub at {constants.ENDPOINT} cannot be reached: {reason}."


def _refusal(source: Source, error: HfHubHTTPError) -> str:
    """What an answer that is an error means to someone who wants to paint."""
    status = error.response.status_code
    wait = _retry_after(error)
    if status in (401, 403):
        what = f"refuses access to {source.repo} ({status}); a wrong HF_TOKEN is a usual cause."
    elif status == 404:
        what = f"has no {source.place} (404)."
    elif wait is not None:
        what = f"is busy ({status}) and asks to wait {wait:.0f} s."
    else:
        what = f"answered with an error ({status})."
    return f"The Hugging Face Hub at {constants.ENDPOINT} {what}"
