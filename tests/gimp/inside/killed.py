# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills whose process is killed, each at another point of the way; then a fill that nobody kills."""

from easel import FILL, OUT, call, keep, photo, select_ellipse

# Two at their second time: first the call puts right what the kill before it left.
POINTS = {
    "reserved": "scumble/ledger.py reserve return 1",
    "place_made": "scumble/place.py __init__ return 1",
    "marked_sent": "scumble/ledger.py sent return 1",
    "first_piece": "scumble/place.py add return 1",
    "answered": "scumble/client.py send return 1",
    "kept": "scumble/place.py close return 1",
    "read": "scumble/wire.py decode return 2",
    "settled": "scumble/ledger.py settle return 2",
    "described": "scumble/store.py describe return 1",
    "finished": "scumble_gimp/session.py place_answer call 1",
    "decoded": "scumble_gimp/pixels.py decode return 1",
    "placed": "scumble_gimp/layers.py place return 1",
    "noted": "scumble/store.py mark_placed return 1",
}

order = OUT / "kill_at"
for name, point in [*POINTS.items(), ("nobody", "")]:
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    order.unlink(missing_ok=True)
    if point:
        order.write_text(point)
    returned, _layer = call(FILL, image, [layer], prompt=name)
    keep(name, {"status": returned["status"], "layers": [one.get_name() for one in image.get_layers()]})
    image.delete()
order.unlink(missing_ok=True)
