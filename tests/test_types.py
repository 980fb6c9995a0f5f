"""Public functions, methods and constructors say the types of what they take and give."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "keras_gan"


def functions(tree, place=""):
    """Public functions of a module and public methods of its public classes, each with its name."""
    for node in tree.body:
        special = getattr(node, "name", "").startswith("__")
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (special or not node.name.startswith("_")):
            if isinstance(node, ast.FunctionDef):
                yield place + node.name, node
            else:
                yield from functions(node, f"{place}{node.name}.")


def untyped(function):
    spec = function.args
    named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, (spec.vararg, spec.kwarg))]
    missing = [each.arg for each in named if each.annotation is None and each.arg not in ("self", "cls")]
    return missing if function.returns else [*missing, "return"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_signatures_are_typed(path):
    missing = {name: untyped(function) for name, function in functions(ast.parse(path.read_text()))}
    assert not {name: arguments for name, arguments in missing.items() if arguments}
