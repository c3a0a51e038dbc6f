# SPDX-License-Identifier: GPL-3.0-or-later
"""The Images API's behaviour without the API: free, offline and the same every time."""

from __future__ import annotations
