"""The preset paintings, each an original picture made from code and a seed.

`PAINTINGS` maps a preset's id to the module that paints it. A painting module has a docstring
(the manner, and how the picture is built) and one public function,
`paint(size=960, seed=...) -> PIL.Image.Image`, whose long side is `size` pixels.
"""

PAINTINGS: dict[str, str] = {
    "swirling-night": "painting.swirling_night",
    "lily-pond": "painting.lily_pond",
    "pointillist-shore": "painting.pointillist_shore",
    "ink-wash": "painting.ink_wash",
    "charcoal": "painting.charcoal",
    "sunlit-field": "painting.sunlit_field",
    "woodblock-wave": "painting.woodblock_wave",
    "circles-and-lines": "painting.circles_and_lines",
    "kashi-tile": "painting.kashi_tile",
    "stained-glass": "painting.stained_glass",
    "mosaic": "painting.mosaic",
    "cubist-facets": "painting.cubist_facets",
    "blue-fluid": "painting.blue_fluid",
}

__all__ = ["PAINTINGS"]
