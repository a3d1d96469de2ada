"""What a step's program reads from its command line, by its text; nothing is run."""

import ast
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from kfp_workbench.check import argparse_flags, click_flags
from kfp_workbench.check.command import Program
from kfp_workbench.check.options import Flag, Reading, keyword, text
from kfp_workbench.project.components import FINAL_STATUS
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.port_types import ARTIFACTS, WAYS
from kfp_workbench.project.sources import Module, Sources, imports_package
from kfp_workbench.project.steps import Step

# Packages that read a command line in a way of their own. All others might: see `_is_own`.
OTHERS = (
    *("absl", "argh", "clize", "configargparse", "cyclopts", "docopt", "fire", "getopt", "hydra"),
    *("jsonargparse", "optparse", "plac", "simple_parsing", "tap", "typer", "tyro"),
)


class Script(NamedTuple):
    """What a step's program reads from its command line."""

    reading: Reading
    findings: list[Finding]

    @property
    def is_sure(self) -> bool:
        """Tell whether the program reads its flags, and no others."""
        return self.reading.is_sure

    def chosen(self, words: Collection[str]) -> list[Flag]:
        """Return the flags of the sub-command that is among words, and those that all have.

        Where it is not plain which one it is, no flag of a sub-command is required.
        """
        found = self.reading.commands.intersection(words)
        possible = {None, *(found or self.reading.commands)}
        flags = [flag for flag in self.reading.flags if flag.command in possible]
        if len(found) == 1:
            return flags
        return [flag._replace(required=flag.required and not flag.command) for flag in flags]


def read_script(step: Step, sources: Sources, program: Program) -> Script:
    """Return what a step's program reads, and what is wrong with its modules.

    Where the command runs none of the step's, that is what ``main.py`` would. Raises
    UnreadableError for what is no Python, and for a script that is missing.
    """
    if program.source is not None:
        return Script(_of_source(step, program.source), [])
    main = step.folder / "main.py"
    is_there = program.missing or (os.path.lexists(main) and not program.is_inline)
    if not (program.script or is_there):
        return Script(Reading(), [])
    modules = sources.modules(program.script or main)
    findings = [found for m in modules for found in _check_module(sources.name(m.path), m)]
    reading = _read(modules) if program.script else Reading()
    if program.script and not reading.is_sure and _reads_nothing(modules):
        reading = reading._replace(is_sure=True)
    return Script(reading, findings)


def _of_source(step: Step, source: str) -> Reading:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Reading()  # a shell's, perhaps, or with a placeholder in it
    return _read([Module(step.folder / "component.yaml", tree)])


def _read(modules: Sequence[Module]) -> Reading:
    """Return what a program reads, its main module first."""
    if _is_typed(modules[0]):
        return Reading([Flag(("--executor-input",), True, True, False)], is_sure=True)
    if any(imports_package(module, name) for module in modules for name in OTHERS):
        return Reading()
    found = argparse_flags.read(modules)
    if clicked := click_flags.read(modules):
        return clicked._replace(is_sure=clicked.is_sure and not found.is_sure)
    return found


def _is_typed(main: Module) -> bool:
    """Tell whether a script is a typed step, to which KFP gives all at once."""
    return any(getattr(node, "module", None) == "common.step" for node in main.imports)


def _instead_of_kfp(module: Module) -> str:
    """Return what a step writes in the place of its imports of kfp."""
    names = {
        alias.name
        for node in module.imports
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kfp.dsl")
        for alias in node.names
    }
    if names and names <= {*ARTIFACTS, *WAYS, FINAL_STATUS}:
        return f"write from common.step import {', '.join(sorted(names))}"
    return "take types from common.step, and values as inputs, no image of a step needs kfp"


def _reads_nothing(modules: Sequence[Module]) -> bool:
    """Tell whether a program takes no notice of its command line, as far as can be told.

    Nothing in it adds a flag that it gets to, and all that it imports is its own or Python's.
    """
    if argparse_flags.reached(modules):
        return False
    own = {module.path.stem for module in modules} | {module.path.parent.name for module in modules}
    for module in modules:
        imported = set(_imported(module))
        if "argv" in imported or not imported <= own | sys.stdlib_module_names:
            return False
        if any(isinstance(node, ast.Attribute) and node.attr == "argv" for node in module.nodes):
            return False
    return True


def _imported(module: Module) -> Iterator[str]:
    """Return the first parts of what a module imports, and what it imports from ``sys``."""
    for node in module.imports:
        if isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                yield node.module.partition(".")[0]
            if node.module == "sys":
                yield from (alias.name for alias in node.names if alias.name == "argv")
        else:
            yield from (alias.name.partition(".")[0] for alias in node.names)


def _check_module(path: str, module: Module) -> Iterator[Finding]:
    """Find what no module of a step should have."""
    if line := imports_package(module, "kfp"):
        yield Finding(path, line, "a step imports kfp", _instead_of_kfp(module))
    for call in argparse_flags.added(module):
        if keyword(call, "type") == "bool":
            name = text(call.args[0]) if call.args else None
            what = f"{shown(name or '...')} has type=bool, which takes any text for true"
            cure = 'compare the text, such as type=lambda text: text.lower() == "true"'
            yield Finding(path, call.lineno, what, cure)
