# SPDX-License-Identifier: GPL-3.0-or-later
"""What a texture leaves behind: the image, the notes on it, the ledger, undo, and the saved file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from blender import scenes
from blender.services import KEY

from scumble import store
from scumble.ledger import Ledger
from scumble.settings import Home

pytestmark = pytest.mark.usefixtures("service")

PROMPT = "planted-prompt of worn oak"

# Operators called from Python make no undo steps, nor do those that they call, unless this is said.
_AS_FROM_A_BUTTON = ("EXEC_DEFAULT", True)


def _generate(**options: Any) -> bpy.types.Image:
    assert bpy.ops.scumble.generate(prompt=PROMPT, **options) == {"FINISHED"}
    return bpy.data.images[bpy.context.window_manager.scumble.last_image]


def test_the_image_holds_the_reply_byte_for_byte(picture: bytes) -> None:
    """Packed as it came, in sRGB, at its full size and readable."""
    scenes.plane()
    image = _generate()
    assert image.packed_file.data == picture
    assert image.colorspace_settings.name == "sRGB"
    assert tuple(image.size) == (1024, 1024)
    top_right = image.pixels[(1023 * 1024 + 1023) * 4 :][:3]
    assert top_right == pytest.approx((1.0, 0.0, 64 / 255), abs=0.002)


def test_image_and_material_say_where_they_come_from(session: Any, home: Home) -> None:
    """Result, model and price; the next image gets a number from Blender."""
    item = scenes.plane()
    image = _generate()
    expected = {
        "scumble_result": session.last_result,
        "scumble_model": "gpt-image-2.5-flare",
        "scumble_micro_dollars": session.last_billed,
    }
    assert dict(image.items()) == expected
    noted = item.active_material
    assert {name: noted[name] for name in expected} == expected
    assert store.find(home, session.last_result).facts["placed"][0]["where"] == noted.name
    assert _generate().name == "Scumble Texture.001"


def test_the_bill_is_in_the_ledger_and_on_the_window_manager(session: Any, home: Home) -> None:
    scenes.plane()
    _generate()
    with Ledger(home.ledger) as ledger:
        (entry,) = ledger.entries()
    assert (entry.id, entry.state) == (session.last_result, "settled")
    assert entry.billed == session.last_billed == session.last_would_bill > 0
    assert entry.spending.host == "blender"
    assert not session.last_sandbox and session.last_error == ""


def test_one_undo_takes_all_of_it_back() -> None:
    """Material, image and slot go in one step and come back in one; before it, nothing else was made."""
    item = scenes.plane()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.scumble.generate(*_AS_FROM_A_BUTTON, prompt=PROMPT)
    bpy.ops.ed.undo()
    item = bpy.data.objects["Plane"]
    assert not bpy.data.materials and not bpy.data.images and not item.material_slots
    bpy.ops.ed.redo()
    item = bpy.data.objects["Plane"]
    assert scenes.texture_of(item.active_material).image.name == "Scumble Texture"


def test_one_undo_gives_the_active_material_its_old_link_back() -> None:
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    checker = material.node_tree.nodes.new("ShaderNodeTexChecker")
    material.node_tree.links.new(checker.outputs["Color"], scenes.principled(material).inputs["Base Color"])
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.scumble.generate(*_AS_FROM_A_BUTTON, prompt=PROMPT, target="ACTIVE")
    bpy.ops.ed.undo()
    material = bpy.data.materials["Given"]
    assert scenes.texture_of(material).type == "TEX_CHECKER"
    assert not bpy.data.images


def test_a_reopened_file_has_it_all(tmp_path: Path, picture: bytes) -> None:
    """Texture packed byte for byte, colour space, links and mapping."""
    scenes.cube(uvs=False)
    _generate()
    path = scenes.saved(tmp_path)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    material = bpy.data.objects["Cube"].active_material
    texture = scenes.texture_of(material)
    assert texture.image.packed_file.data == picture
    assert texture.image.colorspace_settings.name == "sRGB"
    assert texture.projection == "BOX" and scenes.coordinates_of(material) == "Object"


def test_neither_prompt_nor_key_is_in_any_file_of_blender(
    tmp_path: Path, session: Any, module: Callable[[str], ModuleType]
) -> None:
    """Set in the panel and given to the operator; the scene's own name shows that the search can find."""
    scenes.plane()
    bpy.context.scene.name = "planted-scene"
    module("panels")._prompt_owner(bpy.context).prompt = PROMPT
    _generate()
    assert session.prompt == PROMPT and bpy.ops.scumble.generate() == {"FINISHED"}
    written = scenes.saved(tmp_path).read_bytes()
    assert b"planted-scene" in written
    assert b"planted-prompt" not in written and KEY.encode() not in written
    bpy.ops.wm.save_userpref()
    preferences = [
        path
        for path in Path(os.environ["BLENDER_USER_RESOURCES"]).rglob("*")
        if path.suffix in {".blend", ".txt"}
    ]
    assert any(path.name == "userpref.blend" for path in preferences)
    for path in preferences:
        content = path.read_bytes()
        assert b"planted-prompt" not in content and KEY.encode() not in content


def test_the_prompt_is_not_in_blenders_list_of_operators() -> None:
    """What is in that list is shown in the Info editor, to be copied into scripts."""
    scenes.plane()
    bpy.ops.scumble.generate(*_AS_FROM_A_BUTTON, prompt=PROMPT)
    bpy.ops.object.shade_smooth(*_AS_FROM_A_BUTTON)
    listed = bpy.context.window_manager.operators.keys()
    assert "OBJECT_OT_shade_smooth" in listed and "SCUMBLE_OT_generate" not in listed


def test_a_packed_image_brings_no_stray_memory_into_the_file(
    tmp_path: Path, picture: bytes, module: Callable[[str], ModuleType]
) -> None:
    """Blender up to 5.0 saves 1 kB of old memory with each packed image; here that memory is all prompts."""
    images = module("images")
    # Of the size that Blender takes for it, so that what is freed here is what it gets.
    prompts = [bytes(bytearray(b"planted-prompt. " * 64 + b"number ")) for _ in range(3000)]
    del prompts
    images.pack(picture, images.Origin("id", "model", 1)).use_fake_user = True
    written = scenes.saved(tmp_path).read_bytes()
    assert picture in written
    assert b"planted-prompt" not in written


def test_the_prompt_outlives_a_file_load(session: Any) -> None:
    """It belongs to the session, as a window's contents do."""
    session.prompt = PROMPT
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert bpy.context.window_manager.scumble.prompt == PROMPT


def test_the_scenes_choices_are_saved_with_it(tmp_path: Path) -> None:
    settings = bpy.context.scene.scumble
    settings.model = "gpt-image-2.5-sunburst"
    settings.quality, settings.size = "low", "1536x1024"
    settings.seamless, settings.target = False, "ACTIVE"
    path = scenes.saved(tmp_path)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert bpy.context.scene.scumble.quality == "medium"
    bpy.ops.wm.open_mainfile(filepath=str(path))
    settings = bpy.context.scene.scumble
    assert (settings.model, settings.quality, settings.size) == (
        "gpt-image-2.5-sunburst",
        "low",
        "1536x1024",
    )
    assert not settings.seamless and settings.target == "ACTIVE"


def test_blender_has_no_path_to_the_prompt_field_that_it_could_log(
    session: Any, module: Callable[[str], ModuleType]
) -> None:
    """What is typed into a property with a path is shown in the Info editor and repeated in crash reports."""
    owner = module("panels")._prompt_owner(bpy.context)
    owner.prompt = PROMPT
    assert session.prompt == PROMPT
    assert owner.id_data is None
    with pytest.raises(ValueError, match="path"):
        owner.path_from_id("prompt")
