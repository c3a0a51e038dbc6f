# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands take beside prompt, model and size: formats, backgrounds, frames, references, markup."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TypedDict

from .. import formats
from ..catalog import Model
from ..errors import BadPicture, BadRequest
from ..inputs import Source
from ..models import AnimationRule
from ..request import BACKGROUNDS, SVG_EFFORTS
from ..shapes import Size
from ..translation import _
from .numbers import count, percent

_USUAL_SIZE = Size(1024, 1024)
_PLACEABLE = ("png", "jpeg", "webp")
_MEDIA_OF_ENDING = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
}


class Chosen(TypedDict, total=False):
    """Fields of a Request, as far as a command has words for them."""

    n: int
    background: str
    output_format: str
    output_compression: int | None
    moderation: str
    complexity: str | None
    safety_identifier: str | None
    frames: int | None
    frame_ms: int | None
    svg_author: str | None
    svg_effort: str | None


def add(parser: argparse.ArgumentParser) -> None:
    """The words that generate and edit share."""
    parser.add_argument("--n", type=count, default=1, help=_("number of pictures"))
    parser.add_argument("--background", choices=BACKGROUNDS, default="auto")
    parser.add_argument(
        "--compression", type=percent, metavar="0-100", help=_("of what the service sends as jpeg or webp")
    )
    parser.add_argument(
        "--moderation", metavar="auto|low", default="auto", help=_("how strict the filter is")
    )
    parser.add_argument(
        "--complexity", metavar="low|medium|high", help=_("how much the model plans, apart from quality")
    )
    parser.add_argument(
        "--safety-identifier",
        metavar="HASH",
        help=_("a hash that stands for the person who asks, sent along"),
    )


def add_formats(parser: argparse.ArgumentParser) -> None:
    """The words of what is made and not placed."""
    parser.add_argument(
        "--format",
        choices=tuple(formats.MEDIA_TYPES),
        help=_("what the service sends; default: png, or svg for OUT.svg"),
    )
    parser.add_argument("--frames", type=count, metavar="N", help=_("of a GIF"))
    parser.add_argument("--frame-ms", type=count, metavar="MS", help=_("how long each frame of a GIF stands"))
    parser.add_argument(
        "--svg-author", metavar="M", help=_("the model that draws an SVG, where the account may choose it")
    )
    parser.add_argument("--svg-effort", choices=SVG_EFFORTS, help=_("how hard that model thinks"))


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The pictures of an edit beside the one that is changed."""
    parser.add_argument("--format", choices=_PLACEABLE, help=_("what the service sends; default: png"))
    parser.add_argument(
        "--reference",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=_("a further picture to go by"),
    )
    parser.add_argument(
        "--markup",
        type=Path,
        metavar="FILE",
        help=_("a PNG as large as IN, drawn over it and else transparent; sent in place of a mask"),
    )


def chosen(arguments: argparse.Namespace) -> Chosen:
    """What was asked for; what a command has no word for is left out."""
    found: Chosen = {
        "n": arguments.n,
        "background": arguments.background,
        "output_format": arguments.format or _default_format(arguments),
        "output_compression": arguments.compression,
        "moderation": arguments.moderation,
        "complexity": arguments.complexity,
        "safety_identifier": arguments.safety_identifier,
    }
    if "frames" in arguments:
        found["frames"] = arguments.frames
        found["frame_ms"] = arguments.frame_ms
        found["svg_author"] = arguments.svg_author
        found["svg_effort"] = arguments.svg_effort
    return found


def size(arguments: argparse.Namespace, model: Model) -> Size | None:
    """`--size`, None for "auto"; without it 1024x1024, or the frame next to it that fits a GIF's sheet."""
    if arguments.size is not None:
        return None if arguments.size == "auto" else Size.parse(arguments.size)
    rule = model.animation
    if rule is None or chosen(arguments)["output_format"] != "gif":
        return _USUAL_SIZE
    return rule.sizes(model.sizes, _possible_frames(arguments, rule)).nearest(_USUAL_SIZE)


def holds(output: Path, media_type: str) -> bool:
    """Whether the file's ending stands for exactly this format, so that the reply's own bytes go there."""
    return _MEDIA_OF_ENDING.get(output.suffix.lower()) == media_type


def check_ending(output: Path, output_format: str) -> None:
    """Before anything is paid: GIF and SVG are written as they come, or not at all. Raises BadRequest."""
    if output_format in ("gif", "svg") and not holds(output, formats.MEDIA_TYPES[output_format]):
        reason = _("what comes as {format} is written as it comes, to a file that ends in .{format}")
        raise BadRequest(reason=reason.format(format=output_format))


def read(path: Path) -> Source:
    """A picture to send along. Raises BadPicture."""
    try:
        return Source(path.name, path.read_bytes())
    except FileNotFoundError:
        raise BadPicture(name=path.name, reason=_("there is no such file")) from None
    except OSError as error:
        raise BadPicture(name=path.name, reason=error.strerror or type(error).__name__) from None


def _default_format(arguments: argparse.Namespace) -> str:
    output: Any = getattr(arguments, "output", None)
    is_drawing = arguments.command == "generate" and output is not None and output.suffix.lower() == ".svg"
    return "svg" if is_drawing else "png"


def _possible_frames(arguments: argparse.Namespace, rule: AnimationRule) -> int:
    return min(max(rule.frames_min, arguments.frames or rule.default_frames), rule.frames_max)
