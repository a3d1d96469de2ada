"""`make run WAIT=1`: follows a run, says how it ended, and asks what a Ctrl-C means."""

import contextlib
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kfp_workbench.cluster import failures
from kfp_workbench.cluster.following import UNKNOWN, Clock, Follower, GoneError, Pace
from kfp_workbench.cluster.runs import Submission
from kfp_workbench.cluster.server import Server
from kfp_workbench.cluster.tasks import Tasks
from kfp_workbench.cluster.transport import LOOK_SECONDS
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import progress
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import NO_MASK, Mask
from kfp_workbench.signals import INTERRUPTED, EndedError, Signals

CHOICES = ("ask", "leave", "terminate")
_LONGEST = 366 * 24 * 3600.0  # seconds; a wait without end is one without a time-out
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Options(NamedTuple):
    """How to wait: for how many seconds at most, and what an interrupt does to the run."""

    timeout: float | None = None
    on_interrupt: str = "ask"  # one of CHOICES; asks only where there is a terminal


class Result(NamedTuple):
    """What is known of the run at the end, and the error to end with if it did not succeed."""

    answer: dict[str, object]
    problem: WorkbenchError | None


def seconds(text: str, source: str) -> float:
    """Return a time-out in seconds: ``90``, ``90s``, ``30m``, ``2h`` or ``1d``.

    Raises WorkbenchError (2), naming ``source``, for what is none.
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)", text.strip())
    value = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < value <= _LONGEST:
        raise WorkbenchError(
            f"{source}={shown(text)} is no time: give seconds, or such as 30m or 2h, up to 366d", 2
        )
    return value


def wait(
    server: Server,
    submission: Submission,
    places: Sequence[progress.Place],
    options: Options,
    signals: Signals,
    mask: Mask = NO_MASK,
    pace: Pace = Pace(),  # noqa: B008  # it cannot change
    clock: Clock = Clock(),  # noqa: B008  # it cannot change
) -> Result:
    """Follow a run that was submitted until it ends, the time is over, or a Ctrl-C.

    A signal that ``signals`` holds back counts as one that comes now, and those that come
    after the end are held back. Nothing is shown of what ``mask`` hides. The problem's
    status is 1 when the run failed, was cancelled or was lost, 124 when it
    took too long, 130 after an interrupt.
    """
    places = [place._replace(label=mask(place.label)) for place in places]
    display = progress.make(lambda: places)
    tasks = Tasks(places, display)

    def say(text: str) -> None:
        display.say(mask(text))

    follower = Follower(server, submission.run_id, tasks, say, pace, clock)
    try:
        signals.release()
        display.say(f"submitted: {submission.url}")
        problem = _follow(follower, submission.url, options.timeout)
        display.close()
        if follower.has_ended:
            problem = _outcome(server, submission, follower, tasks, mask)
        signals.hold()
    except KeyboardInterrupt as interrupt:
        signals.hold()
        with contextlib.suppress(OSError):  # the terminal may be gone
            display.close()
        asks = options.on_interrupt == "ask"
        may_ask = not isinstance(interrupt, EndedError) and _is_terminal()
        choice = "leave" if asks and not may_ask else options.on_interrupt
        problem = _interrupted(follower, submission.url, choice, signals)
    except BaseException:
        display.close()
        raise
    state = {} if follower.state == UNKNOWN else {"state": follower.state}
    if problem:
        problem = WorkbenchError(mask(str(problem)), problem.status)
    return Result({**submission._asdict(), **state}, problem)


def _follow(follower: Follower, url: str, timeout: float | None) -> WorkbenchError | None:
    """Follow the run; return why that ended before the run did."""
    try:
        follower.follow(timeout)
    except GoneError as error:
        return error
    except WorkbenchError as error:
        return WorkbenchError(f"{error}; the run goes on: {url}", error.status)
    return None


def _outcome(
    server: Server, submission: Submission, follower: Follower, tasks: Tasks, mask: Mask
) -> WorkbenchError | None:
    """Return what a run that ended came to: nothing when it succeeded."""
    url = submission.url
    if follower.state == "SUCCEEDED":
        print(f"the run succeeded: {url}", file=sys.stderr)
        return None
    if follower.was_terminated:
        return WorkbenchError(f"the run was terminated: {url}")
    failure = failures.find(server, submission.run_id, tasks, mask)
    if failure.log:
        print(f"\nThe last lines of {failure.step}:", file=sys.stderr)
        print("\n".join(f"  {line}" for line in failure.log), file=sys.stderr)
    return WorkbenchError(_failed(failure, url))


def _failed(failure: failures.Failure, url: str) -> str:
    """Return a failure on one line, with where to read on, or what to do."""
    what = f"step {failure.step} failed" if failure.step else "the run failed"
    if failure.cure:
        return f"{what}: Kubernetes refuses its pod ({failure.reason}): {failure.cure}: {url}"
    if failure.reason.startswith("exit status "):
        what = f"{what} with {failure.reason}"
    elif failure.reason:
        what = f"{what} ({failure.reason})"
    space = ["-n", failure.namespace] if failure.namespace else []
    words = ["kubectl", "logs", *space, failure.pod, "-c", "main"]
    where = f"{shlex.join(words)}, or " if failure.pod else ""  # for a shell, by a server's words
    return f"{what}: its log: {where}{url}"


def _interrupted(follower: Follower, url: str, choice: str, signals: Signals) -> WorkbenchError:
    """Do with the run what was chosen; return what to say."""
    if follower.has_ended:
        return WorkbenchError(
            f"interrupted; the run had ended as {follower.state}: {url}", INTERRUPTED
        )
    text = "the run goes on"
    try:
        signals.release()
        if choice == "ask":
            choice = _ask()
        if choice == "terminate":
            signals.heed_ctrl_c_alone()
            text = "it is not known whether the run ends"
            text = _terminate(follower)
        signals.hold()
    except KeyboardInterrupt:
        signals.hold()  # once more: it is left as it is
    return WorkbenchError(f"interrupted; {text}: {url}", INTERRUPTED)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask() -> str:
    """Ask what becomes of the run; whatever ends the asking leaves it."""
    question = "The run goes on in the cluster: (l)eave it, or (t)erminate it? [l] "
    with contextlib.suppress(OSError, ValueError), _on_lines_of_its_own():
        while True:
            print(question, end="", file=sys.stderr, flush=True)
            answer = sys.stdin.readline()
            word = answer.strip().lower()
            if word and "terminate".startswith(word):
                return "terminate"
            if "leave".startswith(word):  # or nothing
                break
    return "leave"


@contextlib.contextmanager
def _on_lines_of_its_own() -> Iterator[None]:
    """Begin and end on a new line, as after ``^C``."""
    print(file=sys.stderr)
    try:
        yield
    finally:
        print(file=sys.stderr)


def _terminate(follower: Follower) -> str:
    """Terminate the run; return what came of that."""
    refusal = None
    try:
        follower.terminate()
    except WorkbenchError as error:
        refusal = error
    with contextlib.suppress(WorkbenchError):
        follower.look(LOOK_SECONDS)
    if follower.has_ended and not follower.was_terminated:
        return f"the run had ended as {follower.state}"
    if refusal is None or follower.was_terminated:
        return f"the run {'was' if follower.has_ended else 'is being'} terminated"
    return f"the run could not be terminated and goes on ({refusal})"
