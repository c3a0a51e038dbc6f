# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble` and `python -m scumble`: the way in, on which Ctrl+C is heeded from the first moment."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command; its modules are loaded in here, which takes long enough to be interrupted."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        return _stopped()
    try:
        return run()
    except KeyboardInterrupt:
        # Before or after the command itself, which says of its own what being stopped means for the money.
        return 1


def _stopped() -> int:
    """Nothing was begun; say so as for any other stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from .cli.output import print_error
    from .errors import Stopped

    stopped = Stopped()
    print_error(stopped, "--json" in sys.argv)
    return int(stopped.exit_code)


if __name__ == "__main__":
    sys.exit(main())
