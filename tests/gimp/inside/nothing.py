# SPDX-License-Identifier: GPL-3.0-or-later
"""A start of GIMP and nothing else."""
