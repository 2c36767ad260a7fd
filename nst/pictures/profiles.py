"""Any colour space to sRGB: ICC profiles, and what PNG, AVIF and HEIC say in numbers instead."""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, ImageCms

from nst.errors import BadInput

LARGEST_PROFILE = 4 << 20
PROFILE_SPACE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

# ITU-T H.273: primaries as x, y of white, red, green and blue; transfers as a power.
CODES = re.compile(rb"\0\0\0\x04cICP(.)(.)|colrnclx\0(.)\0(.)", re.DOTALL)
SRGB_PRIMARIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
PRIMARIES = {
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
POWERS = {4: 2.2, 5: 2.8, 8: 1.0}
HDR = (16, 18)  # PQ and HLG
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
D50 = np.array([0.96422, 1.0, 0.82521])  # the white of ICC profiles


def profile_of(image: Image.Image, data: bytes = b"") -> bytes | None:
    """The ICC profile of an opened picture, or one for what `data`, its file, says in numbers.

    As browsers do: codes go before a profile in a PNG and after it elsewhere; gamma and
    primaries count where there is neither. Raises BadInput for HDR.
    """
    icc, codes = image.info.get("icc_profile"), CODES.search(data)
    if codes and (codes[1] or not icc):
        primaries, transfer = (found[0] for found in codes.groups() if found)
        if transfer in HDR:
            raise BadInput("This is an HDR picture: export it in standard dynamic range (SDR).")
        return rgb_profile(PRIMARIES.get(primaries, SRGB_PRIMARIES), POWERS.get(transfer))
    gamma, primaries = image.info.get("gamma", 0), image.info.get("chromaticity", SRGB_PRIMARIES)
    if icc or "srgb" in image.info or not 0.1 <= gamma <= 5 or min(primaries) <= 0:
        return icc
    return rgb_profile(primaries, None if abs(gamma - 1 / 2.2) < 0.02 else 1 / gamma)


def rgb_profile(primaries: tuple[float, ...], power: float | None) -> bytes | None:
    """An ICC profile from x, y of white, red, green and blue; None where that is sRGB.

    power: of the picture's values to linear light; None is sRGB's curve. It is Little CMS's own
    profile of sRGB with other numbers in it.
    """
    if power is None and np.allclose(primaries, SRGB_PRIMARIES, atol=0.002):
        return None
    x, y = np.reshape(primaries, (4, 2)).T
    white, matrix = np.split(np.stack([x / y, np.ones(4), (1 - x - y) / y]), [1], axis=1)
    to_d50 = np.diag(D50 @ BRADFORD.T / (BRADFORD @ white)[:, 0])
    matrix = np.linalg.inv(BRADFORD) @ to_d50 @ BRADFORD @ matrix * np.linalg.solve(matrix, white).T
    profile = bytearray(SRGB.tobytes())
    for colour, xyz in zip("rgb", matrix.T, strict=True):
        _write(profile, f"{colour}XYZ", b"".join(map(_fixed, xyz)))
        if power is not None:  # a parametric curve of type 0 is a power alone
            _write(profile, f"{colour}TRC", bytes(4) + _fixed(power))
    return bytes(profile)


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB from L, RGB, CMYK or LAB; always a new image.

    A profile that is broken, giant, or made for other channels is left out.
    """
    if picture.mode == "LAB":
        return _through(ImageCms.createProfile("LAB"), picture)
    if not profile or len(profile) > LARGEST_PROFILE:
        return picture.convert("RGB")
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = found.profile.xcolor_space.strip()
        colours = picture.convert("RGB") if (picture.mode, space) == ("L", "RGB") else picture
        if space == PROFILE_SPACE[colours.mode]:
            return _through(found, colours)
    except (ImageCms.PyCMSError, OSError, ValueError):
        pass
    return picture.convert("RGB")


def _through(profile: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile, picture: Image.Image):
    return ImageCms.profileToProfile(picture, profile, SRGB, outputMode="RGB")


def _write(profile: bytearray, name: str, value: bytes) -> None:
    entry = profile.find(name.encode(), 128) + 4
    at = int.from_bytes(profile[entry : entry + 4]) + 8
    profile[at : at + len(value)] = value


def _fixed(value: float) -> bytes:
    return round(value * 65536).to_bytes(4, signed=True)
