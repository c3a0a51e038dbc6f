# SPDX-License-Identifier: GPL-3.0-or-later
"""What maintainers run: packaging, vendoring, getting the real hosts. Nothing here is shipped."""
