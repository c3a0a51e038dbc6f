# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to work on, calls of the procedures, and records of what came of it. Runs inside GIMP."""

import json
import os
import traceback
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
gi.require_version("Babl", "0.1")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  (the versions have to be chosen first)
from patterns import coded  # noqa: E402

Gegl.init(None)

FILL = "plug-in-scumble-fill"
GENERATE = "plug-in-scumble-generate"
REPEAT = "plug-in-scumble-repeat-last"
VARIATION = "plug-in-scumble-another-variation"
RESULTS = "plug-in-scumble-results"
PLACE_RESULT = "plug-in-scumble-place-result"
SPENDING = "plug-in-scumble-spending"
OUT = Path(os.environ["SCUMBLE_TEST_OUT"])


def new_image(width, height, kind="RGB", precision="U8_NON_LINEAR"):
    return Gimp.Image.new_with_precision(
        width, height, getattr(Gimp.ImageBaseType, kind), getattr(Gimp.Precision, precision)
    )


def new_layer(image, width, height, pixels=None, format="R'G'B' u8", alpha=False, place=(0, 0), parent=None):
    kind = {
        (Gimp.ImageBaseType.RGB, False): Gimp.ImageType.RGB_IMAGE,
        (Gimp.ImageBaseType.RGB, True): Gimp.ImageType.RGBA_IMAGE,
        (Gimp.ImageBaseType.GRAY, False): Gimp.ImageType.GRAY_IMAGE,
        (Gimp.ImageBaseType.GRAY, True): Gimp.ImageType.GRAYA_IMAGE,
        (Gimp.ImageBaseType.INDEXED, False): Gimp.ImageType.INDEXED_IMAGE,
    }[image.get_base_type(), alpha]
    layer = Gimp.Layer.new(image, "photo", width, height, kind, 100, Gimp.LayerMode.NORMAL)
    if pixels is not None:
        write(layer, pixels, format)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(*place)
    return layer


def photo(width, height, pixels=coded, **options):
    """An image with one layer as large as it is."""
    image = new_image(width, height, **options)
    return image, new_layer(image, width, height, pixels(width, height))


def write(drawable, pixels, format):
    buffer = drawable.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height()), format, pixels)
    buffer.flush()
    del buffer
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def read(drawable, format, area=None):
    x, y, width, height = area or (0, 0, drawable.get_width(), drawable.get_height())
    rectangle = Gegl.Rectangle.new(x, y, width, height)
    return bytes(drawable.get_buffer().get(rectangle, 1.0, format, Gegl.AbyssPolicy.NONE))


def rendered(image, format="R'G'B' u8"):
    """Everything visible."""
    layer = Gimp.Layer.new_from_visible(image, image, "rendered")
    try:
        return read(layer, format)
    finally:
        layer.delete()


def mask_format(image):
    return Babl.get_name(image.get_selection().get_format())


def select_ellipse(image, x, y, width, height, feather=12):
    Gimp.context_set_antialias(True)
    Gimp.context_set_feather(feather > 0)
    if feather:
        Gimp.context_set_feather_radius(feather, feather)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, x, y, width, height)


def call(procedure, image, drawables, **arguments):
    """Run a procedure without a window; what it returned, and the layer itself."""
    run = Gimp.get_pdb().lookup_procedure(procedure)
    config = run.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for name, value in arguments.items():
        config.set_property(name, value)
    values = run.run(config)
    status = values.index(0).value_nick
    if status != "success":
        return {"status": status, "error": Gimp.get_pdb().get_last_error()}, None
    layer = values.index(1)
    returned = {"status": status}
    if values.length() > 2:
        returned |= {"cost": values.index(2), "result": values.index(3)}
    return returned | {"layer": described(image, layer)}, layer


def call_for_text(procedure, image=None, **arguments):
    """Run a procedure that returns a text, without a window; its error when it fails."""
    run = Gimp.get_pdb().lookup_procedure(procedure)
    config = run.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [])
    for name, value in arguments.items():
        config.set_property(name, value)
    values = run.run(config)
    if values.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(Gimp.get_pdb().get_last_error())
    return values.index(1)


def described(image, layer):
    _known, x, y = layer.get_offsets()
    parent = layer.get_parent()
    return {
        "name": layer.get_name(),
        "place": [x, y, layer.get_width(), layer.get_height()],
        "parent": parent.get_name() if parent else None,
        "position": image.get_item_position(layer),
        "masked": layer.get_mask() is not None,
        "edits_mask": layer.get_edit_mask(),
        "selected": [one.get_name() for one in image.get_selected_layers()],
        "parasites": {
            name: bytes(layer.get_parasite(name).get_data()).decode() for name in layer.get_parasite_list()
        },
    }


def selection_facts(image):
    _known, some, left, top, right, bottom = Gimp.Selection.bounds(image)
    return [some, left, top, right, bottom]


def keep(name, facts, **raw):
    for part, data in raw.items():
        (OUT / f"{name}.{part}.raw").write_bytes(data)
    (OUT / f"{name}.json").write_text(json.dumps(facts), "utf-8")


def filled(name, image, drawables, **arguments):
    """Fill with the case's name as the prompt, and keep what every fill is checked by."""
    before = selection_facts(image)
    returned, layer = call(FILL, image, drawables, prompt=name, **arguments)
    facts = returned | {
        "selection_kept": selection_facts(image) == before,
        "layers": [one.get_name() for one in image.get_layers()],
    }
    raw = {}
    if layer is not None:
        raw["layer"] = read(layer, "R'G'B'A u8")
        if layer.get_mask() is not None:
            format = mask_format(image)
            facts["mask_format"] = format
            raw["mask"] = read(layer.get_mask(), format)
            raw["selection"] = read(image.get_selection(), format, facts["layer"]["place"])
    keep(name, facts, **raw)
    return layer


def keep_more(name, **raw):
    for part, data in raw.items():
        (OUT / f"{name}.{part}.raw").write_bytes(data)


def newest_place(image):
    return described(image, image.get_selected_layers()[0])["place"]


def native_pixel(layer, x, y):
    """One pixel's bytes as the layer holds them, in the image's own profile."""
    area = Gegl.Rectangle.new(x, y, 1, 1)
    return bytes(layer.get_buffer().get(area, 1.0, None, Gegl.AbyssPolicy.NONE))


_cases = []


def case(function):
    _cases.append(function)
    return function


def run_all():
    """Each case by its function; one that breaks leaves its trace and does not stop the others."""
    for function in _cases:
        try:
            function(function.__name__)
        except Exception:  # noqa: BLE001  (the trace is the record, and pytest shows it)
            keep(function.__name__, {"status": "broken", "error": traceback.format_exc()})
        for image in Gimp.get_images():
            image.delete()
