# SPDX-License-Identifier: GPL-3.0-or-later
"""All cases that are answered by an echo, in one GIMP."""

import fills  # noqa: F401  (its cases register themselves)
import generated  # noqa: F401
import kinds  # noqa: F401
import meanwhile  # noqa: F401
import refused  # noqa: F401
import repeated  # noqa: F401
import variations  # noqa: F401
from easel import run_all

run_all()
