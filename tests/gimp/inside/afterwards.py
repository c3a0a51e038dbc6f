# SPDX-License-Identifier: GPL-3.0-or-later
"""The next start after the kills: what is offered, and each of it placed."""

import json

from easel import PLACE_RESULT, RESULTS, call, call_for_text, keep, mask_format, photo, read, select_ellipse

offered = json.loads(call_for_text(RESULTS, unplaced=True))
keep("offered", {"offered": offered})
for one in offered:
    image, _layer = photo(1200, 900)
    returned, layer = call(PLACE_RESULT, image, [], **{"result-id": one["id"]})
    select_ellipse(image, 300, 300, 200, 150)
    name = f"placed.{one['prompt']}"
    format = mask_format(image)
    keep(
        name,
        returned,
        layer=read(layer, "R'G'B' u8"),
        mask=read(layer.get_mask(), format),
        selection=read(image.get_selection(), format, returned["layer"]["place"]),
    )
    image.delete()
keep("left", {"left": json.loads(call_for_text(RESULTS, unplaced=True))})
