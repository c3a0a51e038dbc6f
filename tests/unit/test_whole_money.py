# SPDX-License-Identifier: GPL-3.0-or-later
"""No real number holds money, anywhere: the sources themselves are read for it.

Two rules. In the modules whose values are money there is no real number at all: no literal, no `float(`, no
true division, no rounding of one. Everywhere else nothing with a name of money may be made from one. Seconds
are real numbers and have names that say so; a `/` between paths is told by its names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import scumble

LIBRARY = Path(scumble.__file__).parent
ROOT = LIBRARY.parents[1]
MONEY = re.compile(
    r"(^|[_.])(usd|dollars?|micro_dollars|cost|costs|price|prices|priced_at|bill|billed|would_bill|amounts?|budget"
    r"|limit|spent|reserve|reserved|held|expected|saves|owed|allowance|estimated|left_of_it)(_|$)"
)
WHOLE_MODULES = (
    "money", "models", "catalog", "catalog_update", "cost", "learned", "alternatives", "spendings", "entries",
    "reports", "budgets", "ledger", "ledger_forms", "ledger_file", "gathering", "rescue", "costs_export",
    "records", "recovery", "cli/spend_documents", "cli/spending", "cli/settling", "cli/budgeting",
    "cli/updating", "cli/report_charts", "cli/report_page", "cli/tables",
)  # fmt: skip
# Seconds, and whole things named like money: limits of pictures, not of dollars.
SECONDS = re.compile(r"seconds|timeout|patience|deadline|zone|now", re.IGNORECASE)
PATHS = re.compile(r"path|folder|home|file|name|parent|root", re.IGNORECASE)
MAKERS = {"float", "round", "sqrt", "pow", "fsum", "truediv", "fmean"}
SOURCES = sorted(
    path
    for folder in (LIBRARY, ROOT / "gimp_plugin", ROOT / "blender_addon")
    for path in folder.rglob("*.py")
    if "_vendor" not in path.parts
)


def reals(node: ast.AST) -> Iterator[ast.AST]:
    """What makes a real number inside a node."""
    for each in ast.walk(node):
        is_literal = isinstance(each, ast.Constant) and isinstance(each.value, float | complex)
        is_maker = isinstance(each, ast.Call) and called(each) in MAKERS
        is_division = isinstance(each, ast.BinOp) and isinstance(each.op, ast.Div)
        if is_literal or is_maker or (is_division and not PATHS.search(ast.unparse(each))):
            yield each


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def in_whole_module(source: str) -> list[str]:
    """Every real number of a module, but for seconds."""
    tree = ast.parse(source)
    kept = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Call) and SECONDS.search(ast.unparse(node)[:60])
    ]
    excused = {id(each) for node in kept if len(ast.unparse(node)) < 80 for each in ast.walk(node)}
    found = [f"line {each.lineno}: {ast.unparse(each)}" for each in reals(tree) if id(each) not in excused]  # type: ignore[attr-defined]
    return found + declared(tree)


def declared(tree: ast.AST) -> list[str]:
    """Names of money that are annotated as real numbers."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            if MONEY.search(name) and "float" in ast.unparse(node.annotation):
                found.append(f"line {node.lineno}: {name} is a float")
        if isinstance(node, ast.FunctionDef) and MONEY.search(node.name):
            answer = "" if node.returns is None else ast.unparse(node.returns)
            found += [f"line {node.lineno}: {node.name} gives a float"] * ("float" in answer)
    return found


def named_as_money(source: str) -> list[str]:
    """Names of money, bound or given to a call, that a real number is put into."""
    tree = ast.parse(source)
    found = declared(tree)
    for node in ast.walk(tree):
        bindings: list[tuple[str, ast.AST]] = []
        if isinstance(node, ast.Assign):
            bindings = [(ast.unparse(target), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            bindings = [(ast.unparse(node.target), node.value)]
            if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div):
                found += [f"line {node.lineno}: {name} /=" for name, _ in bindings if MONEY.search(name)]
        elif isinstance(node, ast.Call):
            bindings = [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
        found += [
            f"line {node.lineno}: {name}"  # type: ignore[attr-defined]
            for name, value in bindings
            if MONEY.search(name) and any(True for _ in reals(value))
        ]
    return found


@pytest.mark.parametrize("name", WHOLE_MODULES)
def test_in_the_modules_of_money_there_is_no_real_number(name: str) -> None:
    """Not even one that is rounded afterwards."""
    assert in_whole_module((LIBRARY / f"{name}.py").read_text("utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nowhere_does_a_name_of_money_hold_a_real_number(path: Path) -> None:
    """In the library, in GIMP's plug-in and in Blender's extension."""
    assert named_as_money(path.read_text("utf-8")) == []


PLANTED = (
    "rate = 0.5",
    "total = tokens * rate / 1_000_000",
    "total = float(text)",
    "total = round(tokens * 3, 2)",
    "total /= 2",
    "billed: float = 0",
    "def price(amount: float) -> str: ...",
    "half = math.sqrt(total)",
    "share = 1e-6 * total",
)


@pytest.mark.parametrize("snippet", PLANTED)
def test_a_real_number_that_is_planted_is_found(snippet: str) -> None:
    """The test would notice: each of these is one."""
    if snippet == "total /= 2":
        assert in_whole_module("total = total / 2") != []
    else:
        assert in_whole_module(snippet) != []


@pytest.mark.parametrize(
    "snippet",
    [
        "cost = tokens / 1_000_000 * rate",
        "self.billed = float(text)",
        "usd: float = 0",
        "entry.reserve_usd = 0.1",
        "record(amount=total / 2)",
        "budget_left /= 2",
        "def cost_of(size: int) -> float: ...",
        "def show(price: float | None): ...",
        "if (price := tokens * 0.00003): ...",
    ],
)
def test_elsewhere_a_planted_one_is_found_by_its_name(snippet: str) -> None:
    """Bound, annotated, given to a call, or a function's answer."""
    assert named_as_money(snippet) != []


@pytest.mark.parametrize(
    "snippet",
    [
        "_LOCK_PATIENCE_SECONDS = 20.0",
        "path = folder / name",
        "amount = Decimal(text) * 1_000_000",
        "cost = tokens * rate // 1_000_000",
        "now = int(now * 1_000_000)",
    ],
)
def test_seconds_paths_and_whole_numbers_are_left_alone(snippet: str) -> None:
    """Or the rules would be worked around."""
    assert in_whole_module(snippet) == [] and named_as_money(snippet) == []
