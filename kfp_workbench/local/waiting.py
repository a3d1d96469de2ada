"""Has a step's interpreter wait for what it is to run: `kfp_workbench.local.interpreters` starts it.

HOOK is a line of a ``.pth`` file of the step's environment (https://docs.python.org/3/library/site.html).
By it Python executes this file while it starts, before it looks for ``sitecustomize`` and for the script.
It waits here until it is told what stands on the script's command line, takes that on, and goes on as
if it had just been started so. Without a word it ends, and has run nothing.

Python 3.10 and later, of any environment, read this file: it needs nothing but them.
"""

import os
import sys

OPTION = "kfp_workbench"
"""The name of the option ``-X``: PIPE,PIPE,MODULE+MODULE,PATH: what it reads and writes, this file."""
HOOK = (
    f'import sys; "{OPTION}" in getattr(sys, "_xoptions", ()) and '
    f'exec(open(sys._xoptions["{OPTION}"].split(",", 3)[3], encoding="utf-8").read(), '
    f'{{"__name__": "{OPTION}"}})'
)
BEGUN = b"+"  # what it says when it goes on
_CUSTOM = ("sitecustomize", "usercustomize")


def wait(incoming: int, outgoing: int, modules: list[str]) -> None:
    """Import modules, and wait for a word.

    That is, with a zero byte between them: a folder, how many variables there are, these
    (NAME=VALUE), and the words of the command line.
    """
    for module in modules:
        __import__(module)
    with open(incoming, "rb") as pipe:
        said = pipe.read()
    if not said:
        os._exit(0)
    folder, count, *rest = map(os.fsdecode, said.split(b"\0"))
    _become(folder, rest[: int(count)], rest[int(count) :])
    if _is_shadowed(sys.argv[0]):
        os._exit(0)
    os.write(outgoing, BEGUN)
    os.close(outgoing)


def _become(folder: str, variables: list[str], words: list[str]) -> None:
    """Be what a command line makes of an interpreter."""
    os.chdir(folder)
    for name, _, value in (variable.partition("=") for variable in variables):
        os.environ[name] = value
    sys.orig_argv[:], sys.argv[:] = words, words[1:]
    for path, finder in [*sys.path_importer_cache.items()]:
        if finder is None:  # it was not there
            del sys.path_importer_cache[path]


def _is_shadowed(script: str) -> bool:
    """Tell whether a folder that comes before Python's own has a module that is here already."""
    folders = [os.path.realpath(script).rpartition("/")[0]]
    folders += os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found = {name.partition(".")[0] for folder in folders for name in _names(folder)}
    return not found.isdisjoint({name.partition(".")[0] for name in (*sys.modules, *_CUSTOM)})


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder or "/dev/null")  # noqa: PTH208  # without loading pathlib
    except OSError:
        return []


if __name__ == OPTION:
    try:
        _incoming, _outgoing, _modules, _ = sys._xoptions.pop(OPTION).split(",", 3)
        wait(int(_incoming), int(_outgoing), [name for name in _modules.split("+") if name])
    except BaseException:
        os._exit(1)
