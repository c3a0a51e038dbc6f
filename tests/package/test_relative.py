# SPDX-License-Identifier: GPL-3.0-or-later
"""Absolute imports become relative ones, and nothing else in a file changes."""

from __future__ import annotations

import pytest

from tools.relative import absolute_imports, make_relative
from tools.vendoring import made_to_use_vendored

PACKAGES = {"requests", "urllib3"}


@pytest.mark.parametrize(
    ("absolute", "relative"),
    [
        ("import requests", "from .. import requests"),
        ("import requests as r", "from .. import requests as r"),
        ("import os, requests", "import os; from .. import requests"),
        ("from requests import get", "from ..requests import get"),
        ("from urllib3.util.retry import Retry as R", "from ..urllib3.util.retry import Retry as R"),
        ("import urllib3.util as u", "from ..urllib3 import util as u"),
        ("if x: import requests", "if x: from .. import requests"),
        ("def f():\n    try:\n        import requests\n    except ImportError:\n        pass",
         "def f():\n    try:\n        from .. import requests\n    except ImportError:\n        pass"),
        ("from urllib3 import (  # urllib3\n    a,\n)", "from ..urllib3 import (  # urllib3\n    a,\n)"),
        ("é = 1; import requests  # import requests", "é = 1; from .. import requests  # import requests"),
        ("x = 1\r\nimport requests\r\n", "x = 1\r\nfrom .. import requests\r\n"),
    ],
)  # fmt: skip
def test_an_import_of_a_vendored_package_is_made_relative(absolute: str, relative: str) -> None:
    assert make_relative(absolute.encode(), PACKAGES, "..").decode() == relative


@pytest.mark.parametrize(
    "source",
    [
        "'''import requests'''\n# import requests\nx = 'from urllib3 import y'\n",
        "import requests_toolbelt\nfrom . import requests\nfrom .requests import x\n",
        "import os\nfrom urllib.request import urlopen\n",
    ],
)
def test_strings_comments_and_other_imports_stay(source: str) -> None:
    assert make_relative(source.encode(), PACKAGES, ".").decode() == source


def test_a_dotted_import_still_binds_its_first_name() -> None:
    """`import a.b` loads a.b and binds a; both hold afterwards."""
    made = make_relative(b"import urllib3.util.retry", PACKAGES, ".").decode()
    assert made.startswith("from .urllib3.util import retry as ")
    assert made.endswith("; from . import urllib3")


@pytest.mark.parametrize(("path", "dots"), [("client.py", "."), ("sandbox/adapter.py", "..")])
def test_the_library_is_led_to_the_vendored_packages(path: str, dots: str) -> None:
    """From each depth with the dots that lead there."""
    source = b"import requests\nfrom requests.adapters import BaseAdapter\n"
    wanted = f"from {dots}_vendor import requests\nfrom {dots}_vendor.requests.adapters import BaseAdapter\n"
    assert made_to_use_vendored(path, source).decode() == wanted


@pytest.mark.parametrize(
    "source",
    [
        "import requests.api",
        "from urllib3 import x",
        "__import__('requests')",
        "importlib.import_module('urllib3.util')",
    ],
)
def test_what_is_left_absolute_is_found(source: str) -> None:
    assert len(absolute_imports(source.encode(), PACKAGES)) == 1
    assert absolute_imports(b"from . import requests\nx = 'import requests'", PACKAGES) == []
