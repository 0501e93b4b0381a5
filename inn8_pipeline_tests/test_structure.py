"""The structure of the package: class names, late imports, and the size and the purpose of each package."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import inn8_pipeline
from inn8_pipeline import errors

ROOT = Path(inn8_pipeline.__file__).parent
MODULES = {path.relative_to(ROOT.parent): ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")}
PACKAGES = sorted(path.parent for path in MODULES if path.name == "__init__.py")

OPTIONAL = {"celery", "kombu", "dagster_celery", "dagster_k8s", "platformdirs", "psutil"}
"""The packages that may not be installed. `lazy_imports` says so too."""

LOADERS = {"lazy_imports.py", "cli/support/dagster_modules.py", "cli/support/group.py"}
"""The modules that import others by name."""

LARGE_PACKAGES = {
    "inn8_pipeline/cli/commands": "one module for each command",
    "inn8_pipeline/cli/support": "small helpers of the commands",
    "inn8_pipeline/probe": "one module for each subject of the probe's report",
    "inn8_pipeline/warehouse/schema/migrations/versions": "one module for each version",
}
"""Packages with more than ten modules, each with its reason."""


def imports_in_functions(module: ast.Module) -> Iterator[str]:
    """Yield the names of the modules that are imported inside functions."""
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in (inner for function in functions for inner in ast.walk(function)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def calls(module: ast.Module, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a function of this name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def test_no_two_classes_have_the_same_name() -> None:
    places = defaultdict(list)
    for path, module in MODULES.items():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_only_optional_packages_are_imported_inside_functions() -> None:
    late = {
        (str(path), name)
        for path, module in MODULES.items()
        for name in imports_in_functions(module)
        if name.partition(".")[0] not in OPTIONAL
    }
    assert late == set()


def test_modules_are_loaded_by_name_in_three_modules_only() -> None:
    loading = {str(path.relative_to("inn8_pipeline")) for path in MODULES if any(calls(MODULES[path], "import_module"))}
    assert loading == LOADERS


def test_every_module_that_is_imported_lazily_exists() -> None:
    named = {ast.literal_eval(call.args[0]) for module in MODULES.values() for call in calls(module, "lazy_module")}
    assert {name for name in named if find_spec(name) is None} == set()


def test_every_name_that_the_package_of_errors_offers_is_found_when_it_is_first_used() -> None:
    assert {name for name in errors.__all__ if not issubclass(getattr(errors, name), errors.Inn8Error)} == set()
    with pytest.raises(AttributeError, match=r"'inn8_pipeline.errors' has no attribute 'NoSuchError'"):
        errors.NoSuchError  # type: ignore[attr-defined]  # noqa: B018 (the access is what is tested)


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_says_what_it_is_for(package: Path) -> None:
    first, _, _ = (ast.get_docstring(MODULES[package / "__init__.py"]) or "").partition("\n")
    assert len(first.split()) >= 4, f"the docstring of {package} is: {first}"


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_has_at_most_ten_modules_or_a_reason_for_more(package: Path) -> None:
    modules = [path.name for path in MODULES if path.parent == package and not path.name.startswith("__")]
    assert (len(modules) > 10) == (str(package) in LARGE_PACKAGES), sorted(modules)


def reads_a_row(node: ast.AST) -> bool:
    """Return True for an expression that is the row of a statement, or None."""
    return any(isinstance(each, ast.Attribute) and each.attr == "fetchone" for each in ast.walk(node))


def truths(function: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions of a function that are judged by their truth."""
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield node.test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand
        elif isinstance(node, ast.BoolOp):
            yield from node.values
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "bool":
            yield from node.args


def rows_judged_by_their_truth(module: ast.Module) -> Iterator[int]:
    """Yield the lines in which a row is judged by its truth, itself or by the name that it was given."""
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef):
            continue
        rows = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Compare) and reads_a_row(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for test in truths(function):
            is_row = (
                isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "fetchone"
            )
            if is_row or (isinstance(test, ast.Name) and test.id in rows):
                yield test.lineno


def test_a_row_is_compared_with_none_because_one_without_columns_is_false() -> None:
    """`select from …` returns such rows: the answer "it is there" was taken for "it is not"."""
    found = [f"{path}:{line}" for path, module in MODULES.items() for line in rows_judged_by_their_truth(module)]
    assert not found
    wrong = """
def write(connection):
    if not execute(connection, IS_STORED).fetchone():
        row = execute(connection, NEWEST).fetchone()
        return 1 if row else 2
    return execute(connection, NEWEST).fetchone() or {}
"""
    assert set(rows_judged_by_their_truth(ast.parse(wrong))) == {3, 5, 6}


def test_no_test_depends_on_the_day_of_the_week() -> None:
    tests = Path(__file__).parent
    modules = [each for each in tests.rglob("*.py") if tests / "sandbox" not in each.parents]
    undated = [
        f"{path.relative_to(tests)}:{call.lineno}"
        for path in modules
        for call in calls(ast.parse(path.read_text(encoding="utf-8")), "World")
        if not {"first_date", "last_date"} & {keyword.arg for keyword in call.keywords}
    ]
    assert not undated, f"worlds without a date; take world_of_today: {undated}"
