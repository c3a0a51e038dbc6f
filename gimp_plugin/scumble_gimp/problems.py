# SPDX-License-Identifier: GPL-3.0-or-later
"""What only GIMP can be in the way with, as members of the library's error tree."""

from __future__ import annotations

from scumble.errors import Billing, ScumbleError

from .i18n import N_, _


class _InGimp(ScumbleError):
    """A problem whose sentences are in this plug-in's catalogue."""

    def _filled(self, template: str) -> str:
        return _(template).format_map(self.details) if template else ""


class IndexedImage(_InGimp):
    code = "gimp-indexed-image"
    sentence = N_("This image is indexed, and a new layer would be squeezed into its palette.")
    remedy = N_("Choose Image > Mode > RGB first.")


class NotOneLayer(_InGimp):
    code = "gimp-not-one-layer"
    sentence = N_("This needs one layer, and {count} are selected.")
    remedy = N_("Select exactly one layer in the Layers dialog.")


class NotALayer(_InGimp):
    code = "gimp-not-a-layer"
    sentence = N_("A channel cannot be filled.")
    remedy = N_("Select a layer in the Layers dialog.")


class FloatingSelection(_InGimp):
    code = "gimp-floating-selection"
    sentence = N_("There is a floating selection.")
    remedy = N_("Anchor it, or make it a layer, first.")


class EmptyLayer(_InGimp):
    code = "gimp-empty-layer"
    sentence = N_("The layer is empty here, so there is nothing to send.")
    remedy = N_("Send what is visible, or use Generate Layer.")


class NothingToCover(_InGimp):
    code = "gimp-nothing-to-cover"
    sentence = N_("Nothing is selected.")
    remedy = N_("Make a selection, or let the new layer cover the canvas.")


class OutsideCanvas(_InGimp):
    code = "gimp-outside-canvas"
    sentence = N_("The layer lies outside the canvas, where nothing is visible.")
    remedy = N_("Send the current layer instead.")


class Gone(_InGimp):
    code = "gimp-gone"
    sentence = N_("The image or the layer is no longer there.")
    remedy = N_("Close this window and start again.")


class PriceChanged(_InGimp):
    code = "gimp-price-changed"
    sentence = N_("The image changed, and so did the price.")
    remedy = N_("Look at the new price and press the button again.")


class NothingAsked(_InGimp):
    code = "gimp-nothing-asked"
    sentence = N_("Nothing was made for this image yet, so there is nothing to repeat.")
    remedy = N_("Begin with Filters > AI > Fill Selection… or Generate Layer….")


class NotAskedHere(_InGimp):
    code = "gimp-not-asked-here"
    sentence = N_("Where the last picture was asked for, this image has no place for another one.")
    remedy = N_("Use Repeat Last, which takes the selection as it is now.")


class FilledLayerGone(_InGimp):
    code = "gimp-filled-layer-gone"
    sentence = N_("The layer that was filled last is no longer in this image.")
    remedy = N_("Use Repeat Last, which works on the current layer.")


class DearerThanLastTime(_InGimp):
    code = "gimp-dearer-than-last-time"
    sentence = N_("This would cost about {price}, and the last time it was {last}.")
    remedy = N_("Use Fill Selection… or Generate Layer…, which show the price before it is paid.")


class ImageGone(_InGimp):
    code = "gimp-image-gone"
    sentence = N_("The image was closed while the service was at work.")
    remedy = N_("The picture is kept in {folder}.")
    billing = Billing.BILLED


class ResultGone(_InGimp):
    code = "gimp-result-gone"
    sentence = N_("No kept result has that id.")
    remedy = N_("Filters > AI > Results… lists what is kept.")


class UnreadableAnswer(_InGimp):
    code = "gimp-unreadable-answer"
    sentence = N_("The picture that came cannot be read here.")
    remedy = N_("It is kept in {folder}.")
    billing = Billing.BILLED


class Defect(_InGimp):
    code = "gimp-defect"
    sentence = N_("Scumble met a defect of its own: {kind}.")
    remedy = N_("What has arrived is kept in {folder}. Please report what GIMP's error console says.")
    billing = Billing.MAYBE
