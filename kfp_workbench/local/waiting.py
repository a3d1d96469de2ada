"""Has a step's interpreter wait for what it is to run: `kfp_workbench.local.interpreters` starts it.

HOOK is a line of a ``.pth`` file of the step's environment (https://docs.python.org/3/library/site.html).
By it Python executes this file while it starts, before it looks for ``sitecustomize`` and for the script.
It waits here until it is told what stands on the script's command line, takes that on, and goes on as
if it had just been started so. Without a word it ends, and has run nothing.

Meanwhile it imports modules of Python's own that the script will import, and has the code of the
project's own ready. That is kept in the step's environment, as long as their texts stay what they are.

Python 3.10 and later, of any environment, read this file: it needs nothing but them.
"""

import _imp
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from _frozen_importlib_external import SourceFileLoader as Loader

TYPE_CHECKING = False  # as typing has it, which takes longer to load than this
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

OPTION = "kfp_workbench"
"""The name of the option ``-X``: PIPE,PIPE,MODULE+MODULE,PATH: what it reads and writes, this file."""
HOOK = (
    f'import sys, _frozen_importlib_external; "{OPTION}" in getattr(sys, "_xoptions", ()) and '
    f'exec(_frozen_importlib_external.SourceFileLoader("{OPTION}", '
    f'sys._xoptions["{OPTION}"].split(",", 3)[3]).get_code("{OPTION}"), '
    f'{{"__name__": "{OPTION}"}})'
)
BEGUN = b"+"  # what it says when it goes on
OWN = "common."  # how the modules of the project begin: none of these is imported here
_KEPT = "common.code"  # the file, in the step's environment
_CUSTOM = ("sitecustomize", "usercustomize")


def wait(incoming: int, outgoing: int, modules: list[str]) -> None:
    """Import modules, or have their code ready, and wait for a word.

    That is, with a zero byte between them: a folder, how many variables there are, these
    (NAME=VALUE), and the words of the command line.
    """
    own = []
    for module in modules:
        if module.startswith(OWN):
            own.append(f"{module.replace('.', '/')}.py")
        else:
            __import__(module)
    _have_ready(_compiled(own))
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


def _compiled(names: list[str]) -> "dict[str, tuple[bytes, CodeType]]":
    """Return text and code of the files with these names in this folder, which is the project's.

    What is no module, or would warn, is left to the import that tells of it.
    """
    kind = [MAGIC_NUMBER, sys.flags.optimize, os.environ.get("PYTHONNODEBUGRANGES")]
    kept = _kept(kind)
    found = {}
    for name in names:
        try:
            with open(name, "rb") as file:
                text = file.read()
            found[name] = kept[name] if kept.get(name, ())[:1] == (text,) else _made(text, name)
        except Exception:  # noqa: S110
            pass
    if found != kept:
        _keep(kind, found)
    return found


def _kept(kind: "list[object]") -> "dict[str, tuple[bytes, CodeType]]":
    try:
        with open(f"{sys.prefix}/{_KEPT}", "rb") as file:
            found_kind, found = marshal.loads(file.read())  # noqa: S302  # code of ours, like a .pyc
        return dict(found) if found_kind == kind else {}
    except Exception:  # it is not there, or another Python's
        return {}


def _keep(kind: "list[object]", found: "dict[str, tuple[bytes, CodeType]]") -> None:
    path = f"{sys.prefix}/{_KEPT}"
    try:
        with open(f"{path}.{os.getpid()}", "wb") as file:
            file.write(marshal.dumps((kind, found)))
        os.replace(file.name, path)
    except OSError:
        pass  # it only takes longer


def _made(text: bytes, name: str) -> "tuple[bytes, CodeType]":
    warnings = sys.modules["warnings"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return text, Loader("", "").source_to_code(text, name)


def _have_ready(found: "dict[str, tuple[bytes, CodeType]]") -> None:
    """Have code taken where the script imports a file with the same text, beside itself.

    Until that has been done with all, Python's own loader asks here first, in a frame that tracebacks
    leave out like its own.
    """
    ready = {f"{os.path.dirname(sys.argv[0])}/{name}": each for name, each in found.items()}
    plain = Loader.source_to_code

    def source_to_code(
        self: Loader, data: bytes, path: str, *more: "Any", **others: "Any"
    ) -> "CodeType":
        text, code = ready.pop(path, (None, None))
        if not ready and "source_to_code" in vars(Loader):
            del Loader.source_to_code
        if code is None or text != data:
            return plain(self, data, path, *more, **others)
        _imp._fix_co_filename(code, path)  # type: ignore
        return code

    if ready:
        name = plain.__code__.co_filename
        source_to_code.__code__ = source_to_code.__code__.replace(co_filename=name)
        Loader.source_to_code = source_to_code  # type: ignore


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
        return os.listdir(folder or "/dev/null")
    except OSError:
        return []


if __name__ == OPTION:
    try:
        _incoming, _outgoing, _modules, _ = sys._xoptions.pop(OPTION).split(",", 3)
        wait(int(_incoming), int(_outgoing), [name for name in _modules.split("+") if name])
    except BaseException:
        os._exit(1)
