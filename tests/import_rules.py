"""An import-linter contract for files that belong to no package: Airflow loads `dags/` and `plugins/` by their path.

import-linter's own contracts cannot see them: its graph holds packages that can be imported by name. So this one reads
the imports out of the files, those inside functions and behind `TYPE_CHECKING` included.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from typing_extensions import override


class FilesContract(Contract):
    """The files import of one package only the modules that are allowed, and what is in them."""

    type_name = "files"

    files = fields.ListField(subfield=fields.StringField())
    package = fields.StringField()
    allowed_modules = fields.ListField(subfield=fields.StringField())

    @override
    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = [
            f"{path}:{line} imports {module}"
            for pattern in self.files
            for path in _found(str(pattern))
            for line, module in self._forbidden(path)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    @override
    def render_broken_contract(self, check: ContractCheck) -> None:
        output.print_error(
            f"Only these may be imported from {self.package}: {', '.join(map(str, self.allowed_modules))}"
        )
        for line in check.metadata["broken"]:
            output.print_error(f"- {line}")

    def _forbidden(self, path: Path) -> Iterator[tuple[int, str]]:
        for line, module, name in _imports(path):
            if module.split(".")[0] != self.package:
                continue
            # `from package.a import b` imports the module package.a.b, or something that package.a holds.
            candidates = (module, f"{module}.{name}") if name else (module,)
            if not any(_is_within(candidate, str(ok)) for candidate in candidates for ok in self.allowed_modules):
                yield line, candidates[-1]


def _found(pattern: str) -> list[Path]:
    paths = sorted(Path().glob(pattern))
    if not paths:
        raise FileNotFoundError(f"No file matches {pattern!r}: the contract would hold of nothing.")
    return paths


def _imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, module and imported name (empty for `import module`) of each absolute import in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
