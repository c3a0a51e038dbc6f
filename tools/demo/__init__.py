# SPDX-License-Identifier: GPL-3.0-or-later
"""`nox -s demo`: the main job of both hosts, on the sandbox, from the built zips in fresh profiles."""
