"""What a step's image holds of the project, and where: its Dockerfile read without an engine.

Followed are ``FROM`` of a stage, ``WORKDIR``, ``COPY`` and ``ADD`` of files that the engine gets, ``ENV``
and ``USER`` (https://docs.docker.com/reference/dockerfile/). What ``RUN`` makes is not known here.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.files import is_file
from kfp_workbench.images import dockerignore, staging
from kfp_workbench.project import instructions, steps
from kfp_workbench.project.base_images import filled
from kfp_workbench.project.instructions import Instruction, is_heredoc
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step

_MADE_WRITABLE = re.compile(r"\b(?:chmod|chown)\b")


class Layout:
    """The files of an image that are the project's, by their paths in it."""

    def __init__(
        self,
        folder: str = "/",
        files: Mapping[str, Path] = MappingProxyType({}),
        variables: Mapping[str, str] = MappingProxyType({}),
        user: str = "",
        *,
        opens_up: bool = False,
        is_guess: bool = False,
        has_more: bool = False,
    ) -> None:
        """``folder`` is the one that commands are run in.

        ``opens_up`` is that it may let its user write where its files are, ``is_guess`` that its
        Dockerfile could not be followed, ``has_more`` that something is copied that could not be.
        """
        self.folder, self.user = folder, user
        self.files, self.variables = dict(files), dict(variables)
        self.opens_up, self.is_guess, self.has_more = opens_up, is_guess, has_more

    @property
    def is_writable(self) -> bool:
        """Tell whether the image's user may write to the folder that commands are run in."""
        return self.opens_up or self.user.partition(":")[0] in ("", "0", "root")

    def lacks(self, path: Path) -> bool:
        """Tell whether a file of the project is surely not copied, wherever to."""
        return not (self.is_guess or self.has_more or path in self.files.values())

    @property
    def search(self) -> list[str]:
        """Return where Python looks for modules, beyond a script's own folder."""
        return [part for part in self.variables.get("PYTHONPATH", "").split(":") if part]


def read(step: Step, root: Path = ROOT, build_args: Mapping[str, str] | None = None) -> Layout:
    """Return what the image of a step holds.

    A Dockerfile that is not there, or copies nothing that can be followed, stands for that of new
    steps: the step's own files beside ``common/``.
    """
    names = {path.relative_to(root).as_posix(): path for path in _staged(step, root)}
    dockerfile = step.folder / "Dockerfile"
    if not is_file(dockerfile):  # a pipe would never end
        return _usual(step, names)
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return _usual(step, names)
    found = _Reader(names, build_args or {}).read(instructions.parse(text))
    return found if found.files else _usual(step, names, found.user)


def _usual(step: Step, names: Mapping[str, Path], user: str = "") -> Layout:
    own = f"steps/{step.name}/"
    files = {f"/app/{name.removeprefix(own)}": path for name, path in names.items()}
    return Layout("/app", files, user=user, is_guess=True)


def _staged(step: Step, root: Path) -> list[Path]:
    try:
        return staging.staged(step, root)
    except WorkbenchError:  # in .dockerignore, which `make check` tells
        return steps.content_files(step, root)


class _Reader:
    def __init__(self, names: Mapping[str, Path], build_args: Mapping[str, str]) -> None:
        self._names, self._build_args = names, build_args
        self._stages: dict[str, Layout] = {}
        self._arguments: dict[str, str] = {}
        self._current = Layout()

    def read(self, found: Sequence[Instruction]) -> Layout:
        """Return what the last stage holds."""
        for instruction in found:
            if handle := getattr(self, f"_{instruction.word.lower()}", None):
                handle(instruction)
        return self._current

    def _from(self, instruction: Instruction) -> None:
        base, *alias = instruction.text.lower().split() or [""]
        before = self._stages.get(base, Layout())
        self._current = Layout(
            before.folder,
            before.files,
            before.variables,
            before.user,
            opens_up=before.opens_up,
            has_more=before.has_more,
        )
        self._stages[str(len({id(stage) for stage in self._stages.values()}))] = self._current
        if alias:
            self._stages[alias[-1]] = self._current

    def _workdir(self, instruction: Instruction) -> None:
        self._current.folder = self._path(" ".join(instruction.words()))

    def _user(self, instruction: Instruction) -> None:
        self._current.user = self._filled(instruction.text)

    def _run(self, instruction: Instruction) -> None:
        text = f"{instruction.text}\n{instruction.body}"
        self._current.opens_up |= bool(_MADE_WRITABLE.search(text))

    def _arg(self, instruction: Instruction) -> None:
        for word in instruction.words():
            name, _, default = word.partition("=")
            self._arguments[name] = self._build_args.get(name, self._filled(default))

    def _env(self, instruction: Instruction) -> None:
        words = instruction.words()
        if words and "=" not in words[0]:  # the old form, ENV NAME and a value of many words
            words = [f"{words[0]}={' '.join(words[1:])}"]
        for word in words:
            name, _, value = word.partition("=")
            self._current.variables[name] = self._filled(value)

    def _add(self, instruction: Instruction) -> None:
        self._copy(instruction)

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = [self._filled(word) for word in instruction.words()] or [""]
        flags = dict(flag.partition("=")[::2] for flag in instruction.flags)
        self._current.opens_up |= "--chown" in flags or "--chmod" in flags
        origin = flags.get("--from", "").lower()
        stage = self._stages.get(origin, Layout(has_more=bool(origin)))
        self._current.has_more |= stage.has_more or "$" in instruction.text
        available = self._available(flags.get("--from"))
        is_folder = len(sources) > 1 or target.endswith("/") or self._has_folder(target)
        for source in sources:
            if not is_heredoc(source):
                self._copy_one(source, target, available, is_folder)

    def _copy_one(
        self, source: str, target: str, available: Mapping[str, Path], is_folder: bool
    ) -> None:
        pattern = posixpath.normpath(f"/{source}").lstrip("/")
        place = self._path(target)
        for name, path in available.items():
            if not pattern or pattern == ".":
                self._current.files[posixpath.join(place, name)] = path
            elif dockerignore.stands_for(pattern, name):
                inside = is_folder or any(mark in pattern for mark in "*?[")
                to = posixpath.join(place, posixpath.basename(name)) if inside else place
                self._current.files[to] = path
            else:
                for folder in dockerignore.folders(name):
                    if dockerignore.stands_for(pattern, folder):
                        rest = name.removeprefix(f"{folder}/")
                        self._current.files[posixpath.join(place, rest)] = path

    def _available(self, stage: str | None) -> Mapping[str, Path]:
        """Return the files that can be copied, by relative paths: the engine's, or a stage's."""
        if stage is None:
            return self._names
        found = self._stages.get(stage.lower(), Layout()).files
        return {name.lstrip("/"): path for name, path in found.items()}

    def _has_folder(self, target: str) -> bool:
        place = self._path(target)
        inside = f"{place.rstrip('/')}/"
        return place == self._current.folder or any(
            name.startswith(inside) for name in self._current.files
        )

    def _path(self, text: str) -> str:
        joined = posixpath.join(self._current.folder, self._filled(text))
        return posixpath.normpath(joined).replace("//", "/")

    def _filled(self, text: str) -> str:
        return filled(text, {**self._arguments, **self._current.variables})
