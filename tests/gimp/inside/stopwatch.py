# SPDX-License-Identifier: GPL-3.0-or-later
"""GIMP's side of one fill of a 12-megapixel photo: step by step here, then as one call of the procedure."""

import json
import os
import sys
import time

from easel import FILL, OUT, Gimp, call, photo, select_ellipse

sys.path.insert(0, Gimp.directory() + "/plug-ins/scumble-gimp")

image, layer = photo(4000, 3000)
select_ellipse(image, 1850, 1400, 300, 200)
laps = {}
last = time.perf_counter()


def lap(name):
    global last
    now = time.perf_counter()
    laps[name], last = now - last, now


from scumble_gimp import pixels, session, waiting  # noqa: E402  (what is measured begins here)
from scumble_gimp.asking import Desk, Options  # noqa: E402
from scumble_gimp.fill import Fill  # noqa: E402

pixels.start()
lap("import")
source = os.environ["SCUMBLE_TEST_SOURCE"]
task, desk, options = Fill.on(image, [layer]), Desk.open(), Options("", "medium", "selection", source=source)
proposal = task.propose(desk, options, "a small red door")
lap("propose")
order = task.prepare(proposal, options)
lap("read and encode")
job = session.new_job(task, order, desk)
result = waiting.run(job, lambda progress: None)
lap("request")
laps["service"] = result.seconds
session.place_answer(task, order, result, desk)
lap("decode and place")
Gimp.Selection.none(image)
image.remove_layer(image.get_layers()[0])
select_ellipse(image, 1850, 1400, 300, 200)
last = time.perf_counter()
returned, _layer = call(FILL, image, [layer], prompt="a small red door", source=source)
lap("whole call")
kept = json.loads((desk.home.results / returned["result"] / "result.json").read_text("utf-8"))
laps["whole call"] -= kept["seconds"]
(OUT / "laps.json").write_text(json.dumps(laps), "utf-8")
image.delete()
