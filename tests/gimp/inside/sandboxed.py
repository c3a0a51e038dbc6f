# SPDX-License-Identifier: GPL-3.0-or-later
"""What is registered, and a fill in the sandbox."""

from easel import (
    FILL,
    GENERATE,
    PLACE_RESULT,
    REPEAT,
    RESULTS,
    SPENDING,
    VARIATION,
    Gimp,
    case,
    filled,
    keep,
    photo,
    run_all,
    select_ellipse,
)


@case
def procedures(name):
    names = (FILL, GENERATE, REPEAT, VARIATION, RESULTS, SPENDING, PLACE_RESULT)
    found = {one: Gimp.get_pdb().lookup_procedure(one) for one in names}
    facts = {
        "menus": {one: procedure.get_menu_paths() for one, procedure in found.items()},
        "labels": {one: procedure.get_menu_label() for one, procedure in found.items()},
        "arguments": {
            one: [argument.name for argument in procedure.get_arguments()] for one, procedure in found.items()
        },
    }
    in_dialog = {
        one: [
            argument.get_nick() for argument in found[one].get_arguments() if argument.name != "over-budget"
        ]
        for one in (FILL, GENERATE)
    }
    keep(name, facts | {"in_dialog": in_dialog})


@case
def sandbox_fill(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


@case
def korean_refusal(name):
    image, _layer = photo(1200, 900)
    filled(name, image, [])


run_all()
