# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills whose answers are, in turn: black, black and white, a refused key, a refused picture, a failure."""

from easel import FILL, OUT, Gimp, case, filled, keep_more, photo, rendered, run_all, select_ellipse
from gi.repository import Gio
from groups import grouped


@case
def painted_black(name):
    image, layer = photo(4000, 3000)
    select_ellipse(image, 1850, 1400, 300, 200)
    before = rendered(image)
    filled(name, image, [layer])
    keep_more(name, before=before, after=rendered(image))
    document = Gio.File.new_for_path(str(OUT / "document.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, document, None)


@case
def two_colours(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    grouped(name, FILL, image, [layer], variations=2)


@case
def refused_key(name):
    _small(name)


@case
def refused_picture(name):
    _small(name)


@case
def failure(name):
    _small(name)


def _small(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


run_all()
