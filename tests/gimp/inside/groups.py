# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a request for several pictures."""

from easel import call, described, keep, mask_format, read, rendered


def group_facts(group):
    """Of each layer in it, from the top."""
    return [
        described(group.get_image(), one) | {"visible": one.get_visible()} for one in group.get_children()
    ]


def grouped(name, procedure, image, drawables, **arguments):
    """Ask for several pictures with the case's name as the prompt, and keep the group that comes."""
    before = rendered(image)
    returned, group = call(procedure, image, drawables, prompt=name, **arguments)
    facts = returned | {"layers": [one.get_name() for one in image.get_layers()]}
    raw = {"before": before, "after": rendered(image)}
    if group is not None and group.is_group():
        format = mask_format(image)
        facts |= {"children": group_facts(group), "mask_format": format}
        for number, layer in enumerate(group.get_children(), start=1):
            raw[f"layer-{number}"] = read(layer, "R'G'B'A u8")
            if layer.get_mask() is not None:
                raw[f"mask-{number}"] = read(layer.get_mask(), format)
                raw["selection"] = read(image.get_selection(), format, described(image, layer)["place"])
    keep(name, facts, **raw)
    return group
