# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts read of results and spending, results placed again, and a budget that is passed on purpose."""

import json

from easel import (
    FILL,
    GENERATE,
    OUT,
    PLACE_RESULT,
    RESULTS,
    SPENDING,
    Gimp,
    call,
    call_for_text,
    case,
    described,
    filled,
    keep,
    mask_format,
    new_image,
    photo,
    read,
    run_all,
    select_ellipse,
)
from groups import group_facts, grouped


def _placed_again(name, image, layer, into=None):
    """Fill, take the layer and the selection away, place the result again."""
    new = filled(name, image, [layer])
    result = _result_of(new)
    image.remove_layer(new)
    Gimp.Selection.none(image)
    target = into or image
    returned, again = call(PLACE_RESULT, target, target.get_layers()[:1], **{"result-id": result})
    facts = returned | {"layers": [one.get_name() for one in target.get_layers()]}
    raw = {"again": read(again, "R'G'B'A u8")} if again else {}
    if again and again.get_mask():
        raw["mask"] = read(again.get_mask(), mask_format(target))
    first = json.loads((OUT / f"{name}.json").read_text())
    keep(name, {"first": first, "second": facts}, **raw)


def _result_of(layer):
    return json.loads(bytes(layer.get_parasite("scumble-result").get_data()))["result"]


@case
def placed_again(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    _placed_again(name, image, layer)


@case
def placed_again_padded(name):
    """The window is larger than the canvas; only what is on it is placed."""
    image, layer = photo(300, 200)
    select_ellipse(image, 60, 40, 160, 130)
    _placed_again(name, image, layer)


@case
def placed_again_deep(name):
    image, layer = photo(1200, 900, precision="FLOAT_LINEAR")
    select_ellipse(image, 300, 300, 200, 150)
    _placed_again(name, image, layer)


@case
def variations_again(name):
    """Two pictures as one group, which is taken away and placed again."""
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    group = grouped(f"{name}_first", FILL, image, [layer], variations=2)
    result = _result_of(group.get_children()[1])
    image.remove_layer(group)
    returned, again = call(PLACE_RESULT, image, [layer], **{"result-id": result})
    children = group_facts(again)
    masks = [read(one.get_mask(), mask_format(image)) for one in again.get_children()]
    same = [mask == read(image.get_selection(), mask_format(image), one["place"])
            for mask, one in zip(masks, children, strict=True)]  # fmt: skip
    keep(name, returned | {"children": children, "same": same})


@case
def placed_on_a_small_canvas(name):
    """Of another image, which does not reach to where the selection was."""
    image, layer = photo(2400, 1800)
    select_ellipse(image, 2000, 1500, 200, 150)
    small, _layer = photo(200, 160)
    _placed_again(name, image, layer, small)


@case
def no_such_result(name):
    image, _layer = photo(200, 160)
    keep(name, call(PLACE_RESULT, image, [], **{"result-id": "../../etc"})[0])


@case
def placed_on_an_indexed_image(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    result = _result_of(filled(name, image, [layer]))
    image.flatten()
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.WEB, 0, False, False, "")
    keep(name, call(PLACE_RESULT, image, [], **{"result-id": result})[0])


@case
def generated_again(name):
    """Without a mask, over the whole canvas."""
    image = new_image(1024, 768)
    returned, layer = call(GENERATE, image, [], prompt=name)
    first = read(layer, "R'G'B'A u8")
    image.remove_layer(layer)
    again, layer = call(PLACE_RESULT, image, [], **{"result-id": returned["result"]})
    keep(name, {"second": again}, first=first, again=read(layer, "R'G'B'A u8"))


@case
def listed(name):
    everything = json.loads(call_for_text(RESULTS))
    one = json.loads(call_for_text(RESULTS, search="AGAIN_deep"))
    keep(name, {"all": everything, "one": one, "unplaced": json.loads(call_for_text(RESULTS, unplaced=True)),
                "two": json.loads(call_for_text(RESULTS, limit=2))})  # fmt: skip


@case
def spending_without_image(name):
    keep(name, json.loads(call_for_text(SPENDING)))


@case
def spending_with_image(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    before = json.loads(call_for_text(SPENDING, image))
    returned, layer = call(FILL, image, [layer], prompt=name)
    keep(name, {"before": before, "after": json.loads(call_for_text(SPENDING, image)), "fill": returned,
                "place": described(image, layer)})  # fmt: skip


run_all()
