"""Any colour space to sRGB: ICC profiles, and what PNG, AVIF and HEIC say in numbers instead."""

import io
import re
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms

from nst.errors import BadInput

LARGEST_PROFILE = 4 << 20
PROFILE_SPACE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
SRGB = ImageCms.createProfile("sRGB")
# A PNG's chunk, or AVIF's and HEIC's box, in a file's first 64 KB: primaries and transfer by
# their codes in ITU-T H.273.
CODES = re.compile(rb"\0\0\0\x04cICP(.)(.)|colrnclx\0(.)\0(.)", re.DOTALL)
WIDE = {9: "BT.2020", 11: "DCI P3", 12: "Display P3"}
HDR = {16: "HDR (PQ)", 18: "HDR (HLG)"}


def to_srgb(picture: Image.Image, info: dict, data: bytes = b"") -> Image.Image:
    """RGB from L, RGB or CMYK; always a new image. info, data: those of its file.

    As in browsers, codes go before a profile in a PNG and after it elsewhere, and gamma counts
    where there is neither. Raises BadInput for colours beyond sRGB without a profile.
    """
    icc, codes = info.get("icc_profile") or b"", CODES.search(data[: 1 << 16])
    if codes and (codes[1] or not icc):
        primaries, transfer = (found[0] for found in codes.groups() if found)
        if name := HDR.get(transfer) or WIDE.get(primaries):
            raise BadInput(
                f"This picture is in {name} without a profile: export it in standard dynamic range "
                "and sRGB."
            )
    elif icc and len(icc) <= LARGEST_PROFILE:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # broken, or for other channels
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space.strip() == PROFILE_SPACE[picture.mode]:
                transform = ImageCms.buildTransform(profile, SRGB, picture.mode, "RGB")
                return transform.apply(picture)
    elif "srgb" not in info and 0.1 <= (gamma := info.get("gamma", 0)) <= 5:
        linear = (np.arange(256) / 255) ** (1 / gamma)
        shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        if abs(gamma - 1 / 2.2) > 0.02:  # which is meant for sRGB's curve
            return picture.convert("RGB").point(np.rint(255 * shown).astype(int).tolist() * 3)
    return picture.convert("RGB")
