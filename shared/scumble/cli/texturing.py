# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble texture`: a texture from words or a picture, its joints measured and mended, its maps."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from .. import formats, maps, seam_repair
from ..arrays import require_numpy
from ..catalog import Catalog
from ..credentials import find_account
from ..errors import BadRequest
from ..jobs import Result
from ..request import Request
from ..seams import Axis, Seams, measure
from ..settings import Home
from ..shapes import Size
from ..textures import seamless_prompt
from ..translation import _
from . import compositing, making
from .compositing import Original
from .output import bill_document, bill_text, estimate_document, print_json, print_warnings
from .planning import chosen_model, warnings

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..arrays import Pixels, Plane

_COLOUR = "colour"
_NAMES = (_COLOUR, *get_args(maps.MapKind))
_USUAL_MAPS = "colour,normal,height,roughness"
_USUAL_SIZE = Size(1024, 1024)


@dataclass(frozen=True)
class _Made:
    """A texture as it is written: its own bytes where they may stay as they came."""

    colour: bytes
    repair: seam_repair.Repair
    maps: dict[maps.MapKind, Plane]


def add_parser(
    add: Callable[..., argparse.ArgumentParser],
    add_model: Callable[[argparse.ArgumentParser], None],
    add_money: Callable[[argparse.ArgumentParser], None],
    size: Callable[[str], Size],
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("texture", help=_("make a seamless texture and its maps"))
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", metavar="TEXT", help=_("what to make; - reads standard input"))
    source.add_argument(
        "--from",
        dest="picture",
        type=Path,
        metavar="FILE",
        help=_("a picture that is there already; costs nothing"),
    )
    parser.add_argument("--size", type=size, metavar="WxH", help=_("default: 1024x1024"))
    parser.add_argument(
        "--seamless",
        choices=("auto", "off"),
        default="auto",
        help=_("auto: ask for it, measure, and mend what does not pass; off: measure only"),
    )
    parser.add_argument(
        "--maps",
        type=_maps,
        default=_maps(_USUAL_MAPS),
        metavar="LIST",
        help=_("of {names}; default: {usual}").format(names=",".join(_NAMES), usual=_USUAL_MAPS),
    )
    parser.add_argument(
        "--relief",
        type=_relief,
        default=maps.RELIEF,
        metavar="R",
        help=_("from the lowest to the highest place, in widths of the texture"),
    )
    add_model(parser)
    add_money(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def texture(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    """All that could fail for a reason of this machine is tried before anything is paid."""
    require_numpy()
    files = {name: arguments.output / f"{name}.png" for name in _NAMES if name in arguments.maps}
    if arguments.picture is not None:
        if arguments.size is not None:
            raise BadRequest(reason=_("--size is for a texture from words; a picture keeps its own"))
        original = compositing.read_original(arguments.picture)
        _make_folder(arguments.output, files)
        made = _made(original, _as_it_is(arguments.picture, original), arguments)
        _write(made, files)
        _report(made, files, original.size, arguments.json, {"id": None, "warnings": _remarks(made)})
        return
    model = chosen_model(arguments, catalog)
    compositing.check_format(Path("colour.png"), "RGB", _USUAL_SIZE)
    account = find_account(home)
    remarks = warnings(model, home, account)
    print_warnings(remarks)
    prompt = arguments.prompt if arguments.seamless == "off" else seamless_prompt(arguments.prompt)
    request = Request(
        kind="generate",
        model=model.id,
        prompt=prompt,
        size=arguments.size or _USUAL_SIZE,
        quality=arguments.quality or catalog.default_quality,
    )
    _make_folder(arguments.output, files)
    result = making.ask(request, arguments, catalog, home, account)
    with making.paid_for(result, arguments.output / "colour.png"):
        answer = result.answer.pictures[0]
        original = _readable(compositing.opened(answer))
        as_it_came = answer if result.answer.media_type == formats.MEDIA_TYPES["png"] else None
        made = _made(original, as_it_came, arguments)
        _write(made, files)
    making.note_placed(home, result)
    _report(made, files, original.size, arguments.json, _paid(result, [*remarks, *_remarks(made)]))
    if not arguments.json:
        print(_("Billed: {bill}").format(bill=bill_text(result.bill, result.sandbox, result.estimate.priced)))


def _maps(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in _NAMES:
            reason = _("{name} is not one of {names}").format(name=name or '""', names=", ".join(_NAMES))
            raise argparse.ArgumentTypeError(reason)
    return names


def _relief(text: str) -> float:
    try:
        relief = float(text)
    except ValueError:
        relief = -1.0
    if not 0 <= relief <= 1:
        raise argparse.ArgumentTypeError(_("{text} is not a number from 0 to 1").format(text=text))
    return relief


def _make_folder(folder: Path, files: dict[str, Path]) -> None:
    """Raises BadRequest where something would be written over, BadPicture, OSError."""
    there = [file for file in files.values() if file.exists()]
    if there:
        reason = _("{file} is there already and would be written over")
        raise BadRequest(reason=reason.format(file=there[0]))
    folder.mkdir(parents=True, exist_ok=True)
    compositing.check_folder(folder / "colour.png")


def _readable(image: Image) -> Original:
    """The service's picture in a mode that textures are worked on in."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return Original(image, image.info.get("icc_profile"))
    return Original(image.convert("RGBA" if image.has_transparency_data else "RGB"), None)


def _as_it_is(path: Path, original: Original) -> bytes | None:
    """The file's own bytes, where they are a PNG that shows what was read of it."""
    from PIL import Image as images

    with images.open(path) as image:
        same = image.format == "PNG" and image.mode == original.image.mode
        upright = image.getexif().get(0x0112, 1) == 1
    return path.read_bytes() if same and upright else None


def _made(original: Original, as_it_came: bytes | None, arguments: argparse.Namespace) -> _Made:
    pixels = _pixels(original.image)
    if arguments.seamless == "auto":
        repair = seam_repair.repair(pixels)
    else:
        seams = measure(pixels)
        repair = seam_repair.Repair(pixels, "none", seams, seams)
    kinds: tuple[maps.MapKind, ...] = tuple(kind for kind in maps.KINDS if kind in arguments.maps)
    # Of a texture that does not meet itself, each map ends at the edge as the texture does.
    derived = maps.derive(repair.pixels, kinds, wraps=repair.after.passes, relief=arguments.relief)
    if repair.means == "none" and as_it_came is not None:
        return _Made(as_it_came, repair, derived)
    image = original.image if repair.means == "none" else _image(repair.pixels)
    return _Made(compositing.encoded(image, original, Path("colour.png")), repair, derived)


def _pixels(image: Image) -> Pixels:
    import numpy as np

    pixels = np.asarray(image, np.float32) / np.float32(255)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _image(pixels: Pixels) -> Image:
    import numpy as np
    from PIL import Image as images

    samples = (pixels * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return images.fromarray(samples[:, :, 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples)


def _write(made: _Made, files: dict[str, Path]) -> None:
    for name, file in files.items():
        compositing.write(file, made.colour if name == _COLOUR else _encoded(name, made.maps))


def _encoded(name: str, derived: dict[maps.MapKind, Plane]) -> bytes:
    """A map as PNG: height of 16 bits, as 256 steps of it would show as terraces, the others of 8."""
    import numpy as np
    from PIL import Image as images

    (plane,) = (plane for kind, plane in derived.items() if kind == name)
    if name == "height":
        image = images.fromarray((plane * np.float32(65_535) + np.float32(0.5)).astype(np.uint16))
    else:
        image = _image(plane)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _remarks(made: _Made) -> list[str]:
    if made.repair.after.passes:
        return []
    remark = _("The joints of this texture may show where it is laid beside itself.")
    print_warnings([remark])
    return [remark]


def _paid(result: Result, remarks: list[str]) -> dict[str, object]:
    return {
        "id": result.id,
        "sandbox": result.sandbox,
        "seconds": round(result.seconds, 3),
        "estimate": estimate_document(result.estimate),
        "bill": bill_document(result.bill, result.sandbox, result.estimate.priced),
        "warnings": remarks,
    }


def _report(made: _Made, files: dict[str, Path], size: Size, as_json: bool, paid: dict[str, object]) -> None:
    repair = made.repair
    if as_json:
        seams = {
            "passes": repair.after.passes,
            "means": repair.means,
            "before": _seams_document(repair.before),
            "after": _seams_document(repair.after),
        }
        named = {name: str(file) for name, file in files.items()}
        print_json({"files": named, "size": list(size), "seams": seams, "derived": list(made.maps), **paid})
        return
    told = _("Seam: {left_right} / {top_bottom} (1 is ideal), mended by: {means}")
    across, down = (f"{axis.wrap:.2f}" for axis in repair.after.axes)
    print(told.format(left_right=across, top_bottom=down, means=_means_text(repair.means)))
    for file in files.values():
        print(file)


def _means_text(means: seam_repair.Means) -> str:
    texts = {
        "none": _("nothing, as it is"),
        "periodic": _("an even transition at the edges"),
        "light+periodic": _("even light and an even transition at the edges"),
        "light+cut": _("even light and a cut along the least difference"),
        "light+cut+periodic": _("even light, a cut along the least difference and an even transition"),
    }
    return texts[means]


def _seams_document(seams: Seams) -> dict[str, object]:
    return {"left_right": _axis_document(seams.left_right), "top_bottom": _axis_document(seams.top_bottom)}


def _axis_document(axis: Axis) -> dict[str, object]:
    return {
        "wrap": round(axis.wrap, 3),
        "usual": [round(bound, 3) for bound in axis.usual],
        "step": round(axis.step, 3),
        "step_near": round(axis.step_near, 3),
        "step_elsewhere": round(axis.step_elsewhere, 3),
        "passes": axis.passes,
    }
