# SPDX-License-Identifier: GPL-3.0-or-later
"""A fill after which the day's budget is full: asking again is stopped, and let through once on purpose."""

from easel import FILL, REPEAT, VARIATION, call, case, keep, photo, run_all, select_ellipse


@case
def over_the_budget(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    first, _new = call(FILL, image, [layer], prompt=name)
    stopped = [call(procedure, image, [layer])[0] for procedure in (REPEAT, VARIATION)]
    let_through, _new = call(VARIATION, image, [layer], **{"over-budget": True})
    keep(name, {"first": first, "stopped": stopped, "let_through": let_through})


run_all()
