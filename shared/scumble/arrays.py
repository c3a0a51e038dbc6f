# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as arrays, for what needs numpy; whether numpy is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .errors import BadRequest, MissingPart
from .translation import _

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.float32]
    """float32 0 .. 1, encoded as in the file (sRGB for colour), of shape (height, width, channels): 1 or 3
    channels, and perhaps alpha after them."""
    Plane: TypeAlias = NDArray[np.float32]
    """float32 of shape (height, width)."""

SMALLEST_EDGE = 64
_LUMA = (0.2126, 0.7152, 0.0722)


def require_numpy() -> None:
    """Raises MissingPart; Blender brings numpy, some distributions' Blender does not."""
    try:
        import numpy  # noqa: F401, ICN001 - only whether it is there
    except ImportError:
        raise MissingPart(part="NumPy", command="pip install 'scumble[cli]'") from None


def colours(pixels: Pixels) -> int:
    """How many of the channels are colour, not alpha. Raises BadRequest below 64x64 pixels."""
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or min(pixels.shape[:2]) < SMALLEST_EDGE:
        reason = _("a texture has at least {edge}x{edge} pixels")
        raise BadRequest(reason=reason.format(edge=SMALLEST_EDGE))
    return 1 if pixels.shape[2] < 3 else 3


def luma(pixels: Pixels) -> Plane:
    """How light each pixel is, by Rec. 709's weights on the encoded values."""
    import numpy as np

    if colours(pixels) == 1:
        return np.ascontiguousarray(pixels[:, :, 0], np.float32)
    return pixels[:, :, :3].astype(np.float32, copy=False) @ np.asarray(_LUMA, np.float32)
