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
    "money", "models", "catalog", "catalog_update", "tokens", "cost", "turns", "learned", "alternatives",
    "quotes", "spendings", "entries", "awaiting", "reports", "budgets", "ledger", "ledger_forms",
    "ledger_file", "gathering", "rescue", "costs_export", "records", "recovery", "batches", "batch_lines",
    "batch_records", "collecting", "conversations", "cli/spend_documents", "cli/spending", "cli/settling",
    "cli/budgeting", "cli/updating", "cli/planning", "cli/rows", "cli/report_charts", "cli/report_page",
    "cli/tables",
)  # fmt: skip
SECONDS = re.compile(r"(^|_)(seconds|timeout|patience|deadline|now|wait|pause)(_|$)", re.IGNORECASE)
PATHS = re.compile(r"(^|_)(path|folder|home|parent|root)$|^Path$", re.IGNORECASE)
MAKERS = {
    "float", "round", "sqrt", "pow", "fsum", "truediv", "itruediv", "__truediv__", "mean", "fmean", "median",
    "stdev", "quantiles", "exp", "log", "log2", "log10", "hypot", "fdiv", "ldexp", "fmod", "uniform",
}  # fmt: skip
# What makes a real number inside the ledger's file.
REAL_SQL = re.compile(r"\b(avg|total|round|pow)\s*\(|\breal\b|[0-9]\.[0-9]|\bfloat\b", re.IGNORECASE)
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|CREATE|ALTER)\b")
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
        is_division = isinstance(each, ast.BinOp) and isinstance(each.op, ast.Div) and not is_path(each)
        # 10 ** -6 is one.
        is_power = isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow) and not is_count(each.right)
        if is_literal or is_maker or is_division or is_power:
            yield each


def is_path(division: ast.BinOp) -> bool:
    """Whether `/` joins a path: its beginning is called one, or text follows it."""
    begins = division.left
    while isinstance(begins, ast.BinOp) and isinstance(begins.op, ast.Div):
        begins = begins.left
    if isinstance(begins, ast.Call):
        begins = begins.func
    name = begins.attr if isinstance(begins, ast.Attribute) else getattr(begins, "id", "")
    is_text = isinstance(division.right, ast.Constant) and isinstance(division.right.value, str)
    return bool(PATHS.search(name)) or is_text or isinstance(division.right, ast.JoinedStr)


def is_count(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def imported_makers(tree: ast.AST) -> Iterator[ast.AST]:
    """Under another name a maker would not be known again."""
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom):
            for name in each.names:
                if name.name in MAKERS:
                    yield each


def in_sql(tree: ast.AST) -> Iterator[ast.AST]:
    """Statements by which the ledger's file would make a real number."""
    for each in ast.walk(tree):
        is_text = isinstance(each, ast.Constant) and isinstance(each.value, str)
        if is_text and SQL.search(each.value) and REAL_SQL.search(each.value):  # type: ignore[attr-defined]
            yield each


def of_seconds(tree: ast.AST) -> Iterator[ast.AST]:
    """What is bound to a name of seconds, given to a call under one, or made of one: `int(now * 1e6)`."""
    for node in ast.walk(tree):
        bound: list[tuple[str, ast.AST | None]] = []
        if isinstance(node, ast.Assign):
            bound = [(ast.unparse(target), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            bound = [(ast.unparse(node.target), node.value)]
        elif isinstance(node, ast.keyword) and node.arg:
            bound = [(node.arg, node.value)]
        for name, value in bound:
            if value is not None and SECONDS.search(name) and not MONEY.search(name):
                yield from ast.walk(value)


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def in_whole_module(source: str) -> list[str]:
    """Every real number of a module, but for seconds."""
    tree = ast.parse(source)
    excused = {id(each) for each in of_seconds(tree)}
    made = (*reals(tree), *imported_makers(tree), *in_sql(tree))
    found = [f"line {each.lineno}: {ast.unparse(each)}" for each in made if id(each) not in excused]  # type: ignore[attr-defined]
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
    "known = total * 0.5",
    "price_now = total * 0.5",
    "each = sum(costs) / len(names)",
    "each = total / profile.rate",
    "scale = 10 ** -6",
    "scale = 10 ** places",
    "from operator import truediv as over",
    "each = total.__truediv__(3)",
    "middle = statistics.median(bills)",
    "connection.execute('SELECT avg(billed) FROM standing')",
    "connection.execute('SELECT billed * 0.5 FROM standing')",
    "connection.execute('CREATE TABLE sums (billed REAL)')",
    "connection.execute('SELECT total(billed) FROM standing')",
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
        "path = home.folder / name / end",
        "path = parts[0] / 'ledger.sqlite3'",
        "million = 10**6",
        "connection.execute('SELECT sum(billed) FROM standing')",
        "amount = Decimal(text) * 1_000_000",
        "cost = tokens * rate // 1_000_000",
        "now = int(now * 1_000_000)",
    ],
)
def test_seconds_paths_and_whole_numbers_are_left_alone(snippet: str) -> None:
    """Or the rules would be worked around."""
    assert in_whole_module(snippet) == [] and named_as_money(snippet) == []
