# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m scumble.cli`."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
