# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to OpenAI's image models with the price known before and every reply kept after."""

from __future__ import annotations

__version__ = "0.1.0"
