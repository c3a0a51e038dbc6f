# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug-ins in the profiles of a user's GIMP and Blender: put there, removed, examined."""
