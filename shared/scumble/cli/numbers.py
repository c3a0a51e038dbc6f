# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole numbers as arguments of the commands."""

from __future__ import annotations

import argparse
import re

from ..translation import _


def count(text: str) -> int:
    """At least one. Raises ArgumentTypeError."""
    return _whole_number(text, 1, 999_999)


def percent(text: str) -> int:
    """From 0 to 100. Raises ArgumentTypeError."""
    return _whole_number(text, 0, 100)


def port(text: str) -> int:
    """A port of this machine, 0 for any free one. Raises ArgumentTypeError."""
    return _whole_number(text, 0, 65_535)


def _whole_number(text: str, least: int, most: int) -> int:
    # Asked of the text first: int() also takes "1_0" and digits of other scripts.
    if re.fullmatch(r"[0-9]{1,6}", text) and least <= int(text) <= most:
        return int(text)
    reason = _("{text} is not a whole number from {least} to {most}")
    raise argparse.ArgumentTypeError(reason.format(text=text, least=least, most=most))
