# SPDX-License-Identifier: GPL-3.0-or-later
"""A fill under a budget that is used up: stopped, let through once, stopped again."""

from easel import FILL, call, case, keep, photo, run_all, select_ellipse


@case
def stopped(name):
    _fill(name)


@case
def let_through(name):
    _fill(name, **{"over-budget": True})


@case
def stopped_again(name):
    _fill(name)


def _fill(name, **arguments):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    keep(name, call(FILL, image, [layer], prompt=name, **arguments)[0])


run_all()
