"""What visitors may ask of this machine: every number in one place.

An operator sets those that have a variable, as in `NST_MAX_SIZE=1024 python app.py`. What a picture
may be is in `nst.pictures.limits`.
"""

import os
from collections.abc import Mapping

from pydantic import BaseModel, Field, ValidationError

from nst.errors import BadInput


class RunLimits(BaseModel, frozen=True, populate_by_name=True):
    """Limits of runs and of what they leave behind."""

    # Pixels of a painting's long side.
    max_size: int = Field(2048, ge=64, le=8192, alias="NST_MAX_SIZE")
    # Paintings at once: a second one on the same device only slows the first.
    concurrency: int = Field(1, ge=1, le=64, alias="NST_CONCURRENCY")
    # Runs that may wait.
    queue: int = Field(20, ge=1, le=1000, alias="NST_QUEUE")
    # Seconds of a run, which then ends with the picture it has.
    deadline: float = Field(300.0, gt=0, le=86400, alias="NST_DEADLINE_SECONDS")
    # Seconds after which the results of an idle visitor are forgotten.
    visit: float = Field(1800.0, gt=0, le=86400, alias="NST_VISIT")
    # Megabytes of uploads, previews and downloads on the disk.
    cache_mb: int = Field(1024, ge=1, le=1 << 30, alias="NST_CACHE_MB")
    # Hours that a shared picture lives; with 0, none can be shared.
    shared_hours: float = Field(24.0, ge=0, le=8760, alias="NST_SHARED_HOURS")
    frames: int = 40  # kept of a run to scrub through, as JPEG: about 3 MB
    visits: int = 500  # visitors whose results are kept
    kept_pictures: int = 800  # megabytes of pictures kept of those results


def limits_from(environment: Mapping[str, str] = os.environ) -> RunLimits:
    """The defaults with whatever is set. Raises BadInput for a value that is out of bounds."""
    try:
        return RunLimits.model_validate({k: v for k, v in environment.items() if v.strip()})
    except ValidationError as error:
        wrong = error.errors()[0]
        wanted = wrong["msg"].removeprefix("Input should be ").split(",")[0]
        raise BadInput(
            f"{wrong['loc'][0]} must be {wanted}, but it is {str(wrong['input'])[:40]!r}."
        ) from None


RUN_LIMITS = limits_from()
