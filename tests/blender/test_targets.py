# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a texture goes: new and active materials on ordinary and awkward objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from blender import scenes
from servers import FaultServer

pytestmark = pytest.mark.usefixtures("service")


def _generate(**options: Any) -> None:
    assert bpy.ops.scumble.generate(prompt="worn oak planks", **options) == {"FINISHED"}


def test_an_object_with_uvs_gets_a_new_material_mapped_by_them(session: Any) -> None:
    """The material sits in the active slot and its texture comes through a Mapping from the UVs."""
    item = scenes.plane()
    _generate()
    material = item.active_material
    assert session.last_materials == material.name == "Scumble Texture"
    assert scenes.coordinates_of(material) == "UV"
    assert scenes.texture_of(material).projection == "FLAT"
    assert tuple(scenes.mapping_of(material).inputs["Scale"].default_value) == (1.0, 1.0, 1.0)


def test_an_object_without_uvs_gets_a_projection_that_spans_it() -> None:
    """A box projection whose single tile covers the object, 4 units wide from -2 to 2 on each axis."""
    item = scenes.cube(uvs=False, size=4.0)
    _generate()
    material = item.active_material
    texture, mapping = scenes.texture_of(material), scenes.mapping_of(material)
    assert scenes.coordinates_of(material) == "Object"
    assert texture.projection == "BOX" and texture.projection_blend == pytest.approx(0.2)
    assert tuple(mapping.inputs["Scale"].default_value) == pytest.approx((0.25, 0.25, 0.25))
    assert tuple(mapping.inputs["Location"].default_value) == pytest.approx((0.5, 0.5, 0.5))


def test_several_objects_share_one_new_material() -> None:
    first, second = scenes.plane("First"), scenes.cube("Second")
    scenes.select(first, second)
    _generate()
    assert first.active_material is not None
    assert first.active_material == second.active_material
    assert len(bpy.data.materials) == 1


def test_one_object_without_uvs_makes_the_projection_the_rule_for_all() -> None:
    first, second = scenes.plane("First"), scenes.cube("Second", uvs=False)
    scenes.select(first, second)
    _generate()
    assert scenes.coordinates_of(first.active_material) == "Object"


def test_objects_of_very_different_size_get_a_tile_each() -> None:
    """With one grain for all, the cup on the field would show a single pixel."""
    field, cup = scenes.plane("Field", uvs=False, size=100.0), scenes.cube("Cup", uvs=False, size=0.1)
    scenes.select(field, cup)
    _generate()
    assert scenes.coordinates_of(cup.active_material) == "Generated"


def test_an_empty_slot_is_filled_and_no_further_one_made() -> None:
    item = scenes.plane()
    item.data.materials.append(None)
    _generate()
    assert [slot.material for slot in item.material_slots] == [bpy.data.materials["Scumble Texture"]]


def test_only_the_active_slot_changes() -> None:
    item = scenes.plane()
    kept = [scenes.with_nodes(name) for name in ("A", "B", "C")]
    for material in kept:
        item.data.materials.append(material)
    item.active_material_index = 1
    _generate()
    names = [slot.material.name for slot in item.material_slots]
    assert names == ["A", "Scumble Texture", "C"]


def test_a_slot_that_belongs_to_the_object_is_filled_there() -> None:
    """The other user of the mesh keeps the mesh's own material."""
    item = scenes.plane()
    shared = scenes.with_nodes("Shared")
    item.data.materials.append(shared)
    other = bpy.data.objects.new("Other", item.data)
    bpy.context.scene.collection.objects.link(other)
    item.material_slots[0].link = "OBJECT"
    scenes.select(item)
    _generate()
    assert item.material_slots[0].material.name == "Scumble Texture"
    assert other.material_slots[0].material == shared


@pytest.mark.parametrize(
    "add", ["curve.primitive_bezier_circle_add", "object.text_add", "object.metaball_add"]
)
def test_objects_that_are_no_meshes_are_projected_on(add: str) -> None:
    operators, name = add.split(".")
    getattr(getattr(bpy.ops, operators), name)()
    item = bpy.context.active_object
    _generate()
    assert item.active_material.name == "Scumble Texture"
    assert scenes.texture_of(item.active_material).projection == "BOX"


def test_what_cannot_have_a_material_is_passed_over() -> None:
    """A camera selected beside a mesh does not stand in the way."""
    item = scenes.plane()
    bpy.ops.object.camera_add()
    scenes.select(item, bpy.context.active_object)
    _generate()
    assert item.active_material.name == "Scumble Texture"


def test_the_active_material_keeps_its_nodes_and_settings() -> None:
    """Only the link to Base Color is replaced; the node that was there stays, unlinked."""
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    tree, shader = material.node_tree, scenes.principled(material)
    shader.inputs["Roughness"].default_value = 0.25
    checker = tree.nodes.new("ShaderNodeTexChecker")
    tree.links.new(checker.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(checker.outputs["Fac" if "Fac" in checker.outputs else "Factor"], shader.inputs["Alpha"])
    _generate(target="ACTIVE")
    assert item.active_material == material and len(bpy.data.materials) == 1
    assert scenes.texture_of(material).image.name == "Scumble Texture"
    assert scenes.before(shader.inputs["Alpha"]) == checker
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.25)


def test_generating_again_keeps_the_artists_mapping() -> None:
    """The second texture takes the first one's place in the same node, scale and all."""
    item = scenes.plane()
    _generate()
    material = item.active_material
    scenes.mapping_of(material).inputs["Scale"].default_value = (3.0, 3.0, 3.0)
    first, count = scenes.texture_of(material).image, len(material.node_tree.nodes)
    _generate(target="ACTIVE")
    assert scenes.texture_of(material).image != first
    assert len(material.node_tree.nodes) == count
    assert tuple(scenes.mapping_of(material).inputs["Scale"].default_value) == (3.0, 3.0, 3.0)


def test_a_material_without_nodes_gets_them() -> None:
    item = scenes.plane()
    material = bpy.data.materials.new("Plain")
    item.data.materials.append(material)
    _generate(target="ACTIVE")
    assert scenes.texture_of(material).image.name == "Scumble Texture"


def test_a_shared_active_material_is_mapped_for_all_its_users() -> None:
    """The active object has UVs, another user of its material has none."""
    material = scenes.with_nodes()
    other, item = scenes.cube("Other", uvs=False), scenes.plane()
    for each in (other, item):
        each.data.materials.append(material)
    scenes.select(item)
    _generate(target="ACTIVE")
    assert scenes.coordinates_of(material) == "Object"


def test_the_shader_is_found_behind_others_and_under_any_name() -> None:
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    tree, shader = material.node_tree, scenes.principled(material)
    shader.name, shader.label = "프린시플드", "Lack"
    mix, output = tree.nodes.new("ShaderNodeMixShader"), tree.get_output_node("ALL")
    stray = tree.nodes.new("ShaderNodeBsdfPrincipled")
    tree.links.new(shader.outputs["BSDF"], mix.inputs[2])
    tree.links.new(mix.outputs["Shader"], output.inputs["Surface"])
    _generate(target="ACTIVE")
    assert scenes.before(shader.inputs["Base Color"]).image.name == "Scumble Texture"
    assert not stray.inputs["Base Color"].is_linked


def test_new_nodes_lie_beside_the_old_ones_not_on_them() -> None:
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    tree, shader = material.node_tree, scenes.principled(material)
    old = tree.nodes.new("ShaderNodeTexChecker")
    old.location = (shader.location.x - 340.0, shader.location.y)
    _generate(target="ACTIVE")
    texture, mapping = scenes.texture_of(material), scenes.mapping_of(material)
    assert mapping.location.x + mapping.width < texture.location.x
    assert texture.location.x + texture.width < shader.location.x
    assert abs(texture.location.y - old.location.y) >= 300.0


def test_nothing_selected_is_said_and_costs_nothing(service: FaultServer, session: Any) -> None:
    scenes.select()
    with pytest.raises(RuntimeError, match=r"No object is selected\. Nothing was billed\."):
        bpy.ops.scumble.generate(prompt="oak")
    assert session.last_error_code == "no-target"
    assert service.connections == 0


def test_a_selection_without_anything_to_texture_is_said() -> None:
    bpy.ops.object.camera_add()
    with pytest.raises(RuntimeError, match="No selected object can have a material"):
        bpy.ops.scumble.generate(prompt="oak")


def test_a_linked_object_is_refused_by_name(tmp_path: Path, service: FaultServer) -> None:
    item = scenes.linked(tmp_path, scenes.plane("Borrowed"))
    scenes.select(item)
    with pytest.raises(RuntimeError, match="Borrowed is linked from another file"):
        bpy.ops.scumble.generate(prompt="oak")
    assert service.connections == 0


def test_a_local_object_with_a_linked_mesh_is_refused_too(tmp_path: Path) -> None:
    borrowed = scenes.linked(tmp_path, scenes.plane("Borrowed"))
    item = bpy.data.objects.new("Mine", borrowed.data)
    bpy.context.scene.collection.objects.link(item)
    scenes.select(item)
    with pytest.raises(RuntimeError, match="Mine is linked from another file"):
        bpy.ops.scumble.generate(prompt="oak")


def test_a_linked_active_material_is_refused_by_name(tmp_path: Path) -> None:
    original = scenes.plane("Borrowed")
    original.data.materials.append(scenes.with_nodes("Library Oak"))
    borrowed = scenes.linked(tmp_path, original)
    scenes.select(borrowed)
    with pytest.raises(RuntimeError, match="The material Library Oak is linked"):
        bpy.ops.scumble.generate(prompt="oak", target="ACTIVE")


def test_an_object_without_a_material_has_no_active_one() -> None:
    scenes.plane("Bare")
    with pytest.raises(RuntimeError, match=r"Bare has no active material.*Choose New Material"):
        bpy.ops.scumble.generate(prompt="oak", target="ACTIVE")


def test_no_active_object_is_said() -> None:
    with pytest.raises(RuntimeError, match="No object is active"):
        bpy.ops.scumble.generate(prompt="oak", target="ACTIVE")


def test_a_material_without_a_principled_shader_is_refused_and_left_alone(service: FaultServer) -> None:
    """A Principled BSDF that the output does not show would be paid for and not seen."""
    item = scenes.plane()
    material = scenes.with_nodes("Glow")
    item.data.materials.append(material)
    tree = material.node_tree
    emission = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(emission.outputs["Emission"], tree.get_output_node("ALL").inputs["Surface"])
    count = len(tree.nodes)
    with pytest.raises(RuntimeError, match="The material Glow shows no Principled BSDF"):
        bpy.ops.scumble.generate(prompt="oak", target="ACTIVE")
    assert len(tree.nodes) == count and service.connections == 0


def test_uvs_that_are_all_one_point_count_as_none() -> None:
    """They would show the texture's corner pixel all over; exporters leave such maps."""
    item = scenes.plane()
    for place in item.data.uv_layers[0].uv:
        place.vector = (0.0, 0.0)
    _generate()
    assert scenes.coordinates_of(item.active_material) == "Object"


def test_the_map_that_is_rendered_decides_not_the_one_being_edited() -> None:
    item = scenes.plane()
    collapsed = item.data.uv_layers.new(name="Collapsed")
    for place in collapsed.uv:
        place.vector = (0.5, 0.5)
    item.data.uv_layers.active = collapsed
    _generate()
    assert scenes.coordinates_of(item.active_material) == "UV"


def test_uvs_count_in_edit_mode_too() -> None:
    item = scenes.plane()
    bpy.ops.object.mode_set(mode="EDIT")
    _generate()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert scenes.coordinates_of(item.active_material) == "UV"


def test_a_material_with_an_output_for_each_engine_takes_a_texture() -> None:
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    tree, shader = material.node_tree, scenes.principled(material)
    tree.get_output_node("ALL").target = "CYCLES"
    other = tree.nodes.new("ShaderNodeOutputMaterial")
    other.target = "EEVEE"
    tree.links.new(shader.outputs["BSDF"], other.inputs["Surface"])
    _generate(target="ACTIVE")
    assert scenes.texture_of(material).image.name == "Scumble Texture"


def test_the_output_of_the_scenes_render_engine_is_the_one_that_counts() -> None:
    """A texture on the other engine's shader would be paid for and not seen."""
    bpy.context.scene.render.engine = "CYCLES"
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    tree, unseen = material.node_tree, scenes.principled(material)
    output, seen = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeBsdfPrincipled")
    output.target = "CYCLES"
    tree.links.new(seen.outputs["BSDF"], output.inputs["Surface"])
    _generate(target="ACTIVE")
    assert scenes.before(seen.inputs["Base Color"]).image.name == "Scumble Texture"
    assert not unseen.inputs["Base Color"].is_linked


def test_an_active_material_of_several_objects_says_on_how_many_it_is(
    module: Callable[[str], ModuleType],
) -> None:
    """All of them change, selected or not, so the panel tells before anything is paid."""
    material = scenes.with_nodes("Oak")
    for name in ("Table", "Chair"):
        scenes.plane(name).data.materials.append(material)
    assert module("targets").choose(bpy.context, "ACTIVE").title == "Oak, on 2 objects"


def test_that_a_mesh_is_shared_with_objects_not_selected_is_said(module: Callable[[str], ModuleType]) -> None:
    """The slot is the mesh's, so they change too; with all of them selected there is nothing to say."""
    choose = module("targets").choose
    item = scenes.plane("Chair")
    other = bpy.data.objects.new("Other", item.data)
    bpy.context.scene.collection.objects.link(other)
    scenes.select(item)
    assert choose(bpy.context, "NEW").title == "Chair, others by their mesh"
    scenes.select(other, item)
    assert "others" not in choose(bpy.context, "NEW").title
