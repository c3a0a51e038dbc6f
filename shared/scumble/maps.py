# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps derived from a texture's colours: height, normal, roughness, metallic, cavity. Free, and guesses.

Of a picture only the normals follow from the height by geometry; that what is dark lies deep, that what is
busy is rough, is true of most stone, earth and cloth, and false of print. What derives a map says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .arrays import luma, require_numpy

if TYPE_CHECKING:
    from .arrays import Pixels, Plane

MapKind = Literal["height", "normal", "roughness", "metallic", "cavity"]
KINDS: tuple[MapKind, ...] = ("normal", "height", "roughness", "metallic", "cavity")

RELIEF = 0.02
"""What lies between the lowest and the highest place, in widths of the texture: 2 cm on a metre."""
ROUGHNESS = 0.7
METALLIC = 0.0

_TRIMMED = 0.5
_BROAD = 1 / 6
_NEAR = (1 / 256, 1 / 96, 1 / 32)
_ROUGH_SPAN = 0.25
_CAVITY_GAIN = 2.5
_LEAST_SPREAD = 1e-3


def derive(
    pixels: Pixels,
    kinds: tuple[MapKind, ...] = KINDS,
    *,
    wraps: bool = True,
    top_first: bool = True,
    relief: float = RELIEF,
    roughness: float = ROUGHNESS,
    metallic: float = METALLIC,
) -> dict[MapKind, Plane]:
    """The maps that are asked for, float32 0 .. 1 of the texture's size; linear, not colours.

    With `wraps` the texture lies beside itself, and its maps will as well. `top_first`: the first row is the
    picture's top, as in files; False for Blender's buffers. `relief` as RELIEF; `roughness` and `metallic`
    0 .. 1 are what they are on the average. Raises MissingPart, BadRequest below 64x64 pixels.
    """
    require_numpy()
    import numpy as np

    wanted = set(kinds)
    made: dict[MapKind, Plane] = {}
    light = luma(pixels)
    if "metallic" in wanted:
        made["metallic"] = np.full(light.shape, metallic, np.float32)
    if "roughness" in wanted:
        made["roughness"] = roughness_of(light, roughness, wraps=wraps)
    if wanted & {"normal", "height", "cavity"}:
        lie = height(light, wraps=wraps)
        if "height" in wanted:
            made["height"] = lie
        if "normal" in wanted:
            made["normal"] = normal(lie, relief, wraps=wraps, top_first=top_first)
        if "cavity" in wanted:
            made["cavity"] = cavity(lie, wraps=wraps)
    return {kind: made[kind] for kind in KINDS if kind in made}


def height(light: Plane, *, wraps: bool = True) -> Plane:
    """Light places high, dark ones deep, without the broad course of light: 0 .. 1 with the mean near 0.5.

    The outermost half percent at both ends is cut off, so that single pixels do not set the scale.
    """
    import numpy as np

    lie = light - blurred(light, _BROAD * min(light.shape), wraps=wraps)
    sample = lie[:: max(1, lie.shape[0] // 512), :: max(1, lie.shape[1] // 512)]
    low, high = np.percentile(sample, [_TRIMMED, 100 - _TRIMMED])
    span = max(_LEAST_SPREAD, 2 * max(high, -low))
    lie /= np.float32(span)
    lie += np.float32(0.5)
    return np.clip(lie, 0, 1, out=lie)


def normal(lie: Plane, relief: float, *, wraps: bool = True, top_first: bool = True) -> Pixels:
    """Tangent-space normals of a height 0 .. 1, encoded 0.5 + 0.5 n, of shape (height, width, 3).

    OpenGL's convention, which is Blender's: green is up in the picture. `relief` is the height of 1 in widths
    of the picture; pixels are square. Central differences, over the wrap where it `wraps`.
    """
    require_numpy()
    import numpy as np

    # Half of the difference over two pixels, in the height of a pixel.
    scale = np.float32(relief * lie.shape[1] / 2)
    result = np.empty((*lie.shape, 3), np.float32)
    right, down, up = result[:, :, 0], result[:, :, 1], result[:, :, 2]
    _difference(lie, right, wraps)
    _difference(lie.T, down.T, wraps)
    right *= -scale
    down *= scale if top_first else -scale
    np.multiply(right, right, out=up)
    up += down * down
    up += 1
    np.sqrt(up, out=up)
    np.divide(np.float32(0.5), up, out=up)
    right *= up
    down *= up
    result += np.float32(0.5)
    return result


def roughness_of(light: Plane, average: float = ROUGHNESS, *, wraps: bool = True) -> Plane:
    """Rougher where the picture is busier than itself on the average, smoother where it is plain; 0 .. 1."""
    import numpy as np

    near = min(light.shape) * _NEAR[1]
    detail = np.abs(light - blurred(light, near, wraps=wraps))
    busy = blurred(detail, near, wraps=wraps)
    mean = max(_LEAST_SPREAD, float(busy.mean()))
    # From -1, where nothing is, to 1, where it is far more than usual.
    busy -= np.float32(mean)
    busy /= np.abs(busy) + np.float32(mean)
    busy *= np.float32(_ROUGH_SPAN)
    busy += np.float32(average)
    return np.clip(busy, 0, 1, out=busy)


def cavity(lie: Plane, *, wraps: bool = True) -> Plane:
    """Below 1 where the surroundings are higher, at three distances; a factor for colour, no occlusion.

    A third of what an occlusion bake shows is not in it, for which light from all sides must be followed.
    """
    import numpy as np

    edge = min(lie.shape)
    result = lie - blurred(lie, *(share * edge for share in _NEAR), wraps=wraps)
    result *= np.float32(_CAVITY_GAIN)
    result += 1
    return np.clip(result, 0, 1, out=result)


def blurred(plane: Plane, *radii: float, wraps: bool = True) -> Plane:
    """The mean of the plane's Gaussian blurs with these standard deviations in pixels; over the wrap, or
    mirrored at the edges."""
    import numpy as np

    rows, columns = plane.shape
    if not wraps:
        margin = min(rows, columns, round(3 * max(radii)))
        plane = np.pad(plane, margin, "symmetric")
    tall, wide = plane.shape
    down = np.square(2 * np.pi * np.fft.fftfreq(tall))[:, None]
    across = np.square(2 * np.pi * np.fft.rfftfreq(wide))[None, :]
    weight = sum(
        np.exp(-0.5 * radius**2 * down).astype(np.float32)
        * np.exp(-0.5 * radius**2 * across).astype(np.float32)
        for radius in radii
    )
    waves = np.fft.rfft2(plane)
    waves *= weight / np.float32(len(radii))
    result = np.fft.irfft2(waves, s=plane.shape).astype(np.float32, copy=False)
    return result if wraps else result[margin : margin + rows, margin : margin + columns]


def _difference(plane: Plane, into: Plane, wraps: bool) -> None:
    """What is right of each pixel less what is left of it; at an edge without a wrap twice the one step."""
    import numpy as np

    np.subtract(plane[:, 2:], plane[:, :-2], out=into[:, 1:-1])
    if wraps:
        np.subtract(plane[:, 1], plane[:, -1], out=into[:, 0])
        np.subtract(plane[:, 0], plane[:, -2], out=into[:, -1])
    else:
        np.subtract(plane[:, 1], plane[:, 0], out=into[:, 0])
        np.subtract(plane[:, -1], plane[:, -2], out=into[:, -1])
        into[:, 0] *= 2
        into[:, -1] *= 2
