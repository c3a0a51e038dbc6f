# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender: install the zip, put three textures on the objects of a scene, save and render it."""

from __future__ import annotations

import json
import os
from math import radians
from pathlib import Path

import bpy

_SIZE = "1024x1024"


def main() -> None:
    task = json.loads(os.environ["SCUMBLE_DEMO"])
    folder = Path(task["folder"])
    # Factory settings switch every extension off, so the scene comes first.
    objects = _make_scene()
    bpy.ops.extensions.package_install_files(
        filepath=task["zip"], repo="user_default", enable_on_install=True
    )
    made = []
    for name, prompt in task["prompts"].items():
        _select([objects[each] for each in name.split(" + ")])
        bpy.ops.scumble.generate(prompt=prompt, size=_SIZE, target="NEW")
        state = bpy.context.window_manager.scumble
        made.append({"result": state.last_result, "prompt": prompt, "objects": name})
    _give_scale("Floor", objects, 2.0)
    scene = str(folder / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=scene)
    _render(folder / "scene.png")
    (folder / "blender.json").write_text(json.dumps(made), "utf-8")


def _make_scene() -> dict[str, bpy.types.Object]:
    """A corner of a room with things on the floor; Suzanne and the sphere get no UV map, on purpose."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    objects = {
        "Floor": _added(bpy.ops.mesh.primitive_plane_add, "Floor", size=8),
        "Wall": _added(
            bpy.ops.mesh.primitive_plane_add,
            "Wall",
            size=8,
            location=(0, 2.6, 2),
            rotation=(radians(90), 0, 0),
        ),
        "Pillar": _added(
            bpy.ops.mesh.primitive_cylinder_add, "Pillar", radius=0.5, depth=1.6, location=(-1.6, 0.4, 0.8)
        ),
        "Block": _added(bpy.ops.mesh.primitive_cube_add, "Block", size=1.1, location=(1.75, 0.5, 0.55)),
        "Ball": _added(
            bpy.ops.mesh.primitive_uv_sphere_add,
            "Ball",
            radius=0.5,
            location=(-1.6, 0.4, 2.1),
            calc_uvs=False,
        ),
        "Suzanne": _added(
            bpy.ops.mesh.primitive_monkey_add, "Suzanne", size=1.5, location=(0.1, -0.3, 0.75), calc_uvs=False
        ),
    }
    for name in ("Ball", "Suzanne"):
        for polygon in objects[name].data.polygons:
            polygon.use_smooth = True
    objects["Block"].rotation_euler.z = radians(28)
    objects["Suzanne"].rotation_euler = (radians(-12), 0, radians(12))
    light = bpy.data.lights.new("Light", "AREA")
    light.energy, light.size = 420, 3
    lamp = bpy.data.objects.new("Light", light)
    lamp.location, lamp.rotation_euler = (3.2, -3.4, 4.4), (radians(42), 0, radians(42))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -6.6, 2.5), (radians(78), 0, 0)
    camera.data.lens = 42
    scene = bpy.context.scene
    for each in (lamp, camera):
        scene.collection.objects.link(each)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("World")
    scene.world.color = (0.25, 0.27, 0.3)
    return objects


def _added(operator: object, name: str, **options: object) -> bpy.types.Object:
    operator(**options)  # type: ignore[operator]  # an operator of bpy.ops, which has no type of its own
    added: bpy.types.Object = bpy.context.object
    added.name = name
    return added


def _select(objects: list[bpy.types.Object]) -> None:
    for each in bpy.context.scene.objects:
        each.select_set(each in objects)
    bpy.context.view_layer.objects.active = objects[0]


def _give_scale(name: str, objects: dict[str, bpy.types.Object], times: float) -> None:
    """What an artist does next: let the texture repeat, by its Mapping node."""
    for node in objects[name].active_material.node_tree.nodes:
        if node.type == "MAPPING":
            node.inputs["Scale"].default_value = (times, times, times)


def _render(path: Path) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 32
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = 1000, 600
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


main()
