# SPDX-License-Identifier: GPL-3.0-or-later
"""Cycles shows the texture upright and where it belongs, after saving and reopening.

The light is white from everywhere and the surface has no gloss, so a convex object shows its base colour: the
picture's own colours, to TOLERANCE of 255. Red of the picture grows to the right and green downwards, over
its whole width and height, so that a colour names its place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import pytest
from blender import scenes
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from scumble import png

pytestmark = pytest.mark.usefixtures("service")

TOLERANCE = 4
EDGE = 256

Colour = tuple[int, int, int]
Look = Callable[[Vector], Colour]


def _look_from(folder: Path, place: Vector, towards: Vector) -> Look:
    """Save, reopen and render; gives the colour at a point of the scene."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.data.type, camera.data.ortho_scale = "ORTHO", 3.6
    camera.location = place
    camera.rotation_euler = (towards - place).to_track_quat("-Z", "Y").to_euler()
    scene.camera = camera
    scene.world = bpy.data.worlds.new("White")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    background = next(node for node in scene.world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.render.resolution_x = scene.render.resolution_y = EDGE
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(folder / "render.png")
    for material in bpy.data.materials:
        shader = scenes.principled(material)
        shader.inputs["Roughness"].default_value = 1.0
        shader.inputs["Specular IOR Level"].default_value = 0.0
    bpy.ops.wm.open_mainfile(filepath=str(scenes.saved(folder)))
    bpy.ops.render.render(write_still=True)
    (width, _height), channels, pixels = png.decode((folder / "render.png").read_bytes(), EDGE * EDGE)

    def look(point: Vector) -> Colour:
        scene = bpy.context.scene
        seen = world_to_camera_view(scene, scene.camera, point)
        column, row = int(seen.x * EDGE), int((1.0 - seen.y) * EDGE)
        start = (row * width + column) * channels
        red, green, blue = pixels[start : start + 3]
        return red, green, blue

    return look


def _near(seen: Colour, across: float, down: float) -> bool:
    """Whether this is the picture's colour at these parts of its width and height."""
    expected = (255 * across, 255 * down, 64)
    return all(abs(value - wanted) <= TOLERANCE for value, wanted in zip(seen, expected, strict=True))


PLACES = [(across, down) for across in (0.1, 0.35, 0.5, 0.8) for down in (0.1, 0.4, 0.5, 0.9)]


def test_on_a_plane_with_uvs_it_lies_upright_and_whole(tmp_path: Path) -> None:
    scenes.plane()
    bpy.ops.scumble.generate(prompt="oak")
    look = _look_from(tmp_path, Vector((0.0, 0.0, 5.0)), Vector())
    for across, down in PLACES:
        seen = look(Vector((2.0 * across - 1.0, 1.0 - 2.0 * down, 0.0)))
        assert _near(seen, across, down), f"at {across}, {down} it is {seen}"


def test_a_scaled_mapping_repeats_it(tmp_path: Path) -> None:
    """With a scale of 2 the middle of each quarter shows the middle of the picture."""
    item = scenes.plane()
    bpy.ops.scumble.generate(prompt="oak")
    scenes.mapping_of(item.active_material).inputs["Scale"].default_value = (2.0, 2.0, 1.0)
    look = _look_from(tmp_path, Vector((0.0, 0.0, 5.0)), Vector())
    for x in (-0.5, 0.5):
        for y in (-0.5, 0.5):
            assert _near(look(Vector((x, y, 0.0))), 0.5, 0.5)


@pytest.mark.parametrize(
    ("side", "right"),
    [((0, -1, 0), (1, 0, 0)), ((0, 1, 0), (-1, 0, 0)), ((1, 0, 0), (0, 1, 0)), ((-1, 0, 0), (0, -1, 0))],
)
def test_on_a_wall_without_uvs_it_is_projected_upright(
    tmp_path: Path, side: tuple[int, int, int], right: tuple[int, int, int]
) -> None:
    """Each side of a cube shows the whole picture, unmirrored to whoever stands before it."""
    scenes.cube(uvs=False)
    bpy.ops.scumble.generate(prompt="oak")
    look = _look_from(tmp_path, 5.0 * Vector(side), Vector())
    for across, down in PLACES:
        point = Vector(side) + (2.0 * across - 1.0) * Vector(right) + Vector((0.0, 0.0, 1.0 - 2.0 * down))
        assert _near(look(point), across, down), f"at {across}, {down} it is {look(point)}"


@pytest.mark.parametrize("size", [0.02, 2.0, 50.0])
def test_without_uvs_no_face_of_any_object_is_a_flat_colour(tmp_path: Path, size: float) -> None:
    """Seen from a corner, each of three faces has most of the picture's range of red or of green."""
    item = scenes.cube(uvs=False, size=size)
    bpy.ops.scumble.generate(prompt="oak")
    item.scale = (2.0 / size,) * 3
    look = _look_from(tmp_path, Vector((5.0, -5.0, 5.0)), Vector())
    steps = (-0.8, -0.4, 0.0, 0.4, 0.8)
    faces = {
        "right": [look(Vector((1.0, a, b))) for a in steps for b in steps],
        "front": [look(Vector((a, -1.0, b))) for a in steps for b in steps],
        "top": [look(Vector((a, b, 1.0))) for a in steps for b in steps],
    }
    for face, colours in faces.items():
        for channel in (0, 1):
            values = [colour[channel] for colour in colours]
            assert max(values) - min(values) > 150, f"{face} is too even"
