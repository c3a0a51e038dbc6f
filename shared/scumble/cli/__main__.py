# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m scumble.cli`; `python -m scumble` heeds Ctrl+C from an earlier moment."""

from __future__ import annotations

import sys

from . import main

try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(1)
