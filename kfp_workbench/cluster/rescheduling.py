"""Brings the schedules on a server to what is planned, one key at a time.

The server can change nothing of a schedule but whether it is enabled, so that another
cron means another schedule. It is made disabled and looked at; then the old one is
disabled, the new one enabled, and both are looked at; last, the old one is deleted. At
whatever request that breaks off, the old one is enabled again. A Ctrl-C counts when the
request that is under way has its answer, and breaks off nothing of what it takes to restore.

Two people may do this at once. Each looks after making and before enabling anything, so
that at least one of them sees the other's and steps back; and should both be past that,
the schedule that was made first stays.
"""

from collections.abc import Callable, Mapping, Sequence

from kfp_workbench import signals
from kfp_workbench.cluster import runs, schedules
from kfp_workbench.cluster.schedule_requests import Requests
from kfp_workbench.cluster.schedules import Action, Live, Wanted
from kfp_workbench.cluster.server import Server
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.signals import Interrupts

Say = Callable[[str], None]


def carry_out(server: Server, owner: str, actions: Sequence[Action], say: Say) -> dict[str, str]:
    """Do what is planned, and return the id of each schedule that is there now, by its key.

    ``say`` gets a line for each thing done. Raises WorkbenchError: 1 when the server cannot be
    reached, refuses or fails, or somebody else changed something meanwhile; 130 after an
    interrupt. What was done to earlier keys stays; the one that failed is as before, or the
    message says what it is.
    """
    for action in actions:
        if action.wanted:
            schedules.describe(owner, action.wanted)
    there: dict[str, str] = {}
    with signals.taken("interrupted: it takes a moment to see what is in force") as taken:
        for action in actions:
            try:
                identifier = _Change(server, owner, action, say, taken).carry_out()
            except WorkbenchError as error:
                raise WorkbenchError(f"schedule {action.key}: {error}", error.status) from None
            if identifier:
                there[action.key] = identifier
    return there


class _Change:
    """The change of one key's schedules."""

    def __init__(
        self, server: Server, owner: str, action: Action, say: Say, taken: Interrupts
    ) -> None:
        self.server, self.owner, self.say, self.interrupts = server, owner, say, taken
        self.action, self.key = action, action.key
        self.requests = Requests(server, owner, action.key, taken)
        self.removes = schedules.can_orphan(server.version)
        self.off: list[Live] = []  # what we have disabled, or at least tried to

    @property
    def wanted(self) -> Wanted:
        """Return the schedule as it should be; one that is deleted has none."""
        assert self.action.wanted
        return self.action.wanted

    def carry_out(self) -> str | None:
        """Do it; return the id of what is there now."""
        try:
            done = self._carry_out()
            self.interrupts.heed()
            return done
        except KeyboardInterrupt:
            raise _interrupted(self._in_force()) from None
        except WorkbenchError as error:
            if self.interrupts.came and error.status != signals.INTERRUPTED:
                raise _interrupted(str(error)) from None
            raise

    def _carry_out(self) -> str | None:
        if self.action.verb == "delete":
            self.delete()
            return None
        if self.action.kept is None:
            return self.replace()
        if self.action.verb != "keep":
            self.correct()
        return self.action.kept.id

    def delete(self) -> None:
        """Disable schedules, then remove them."""
        self._disable(self.action.rows)
        self._remove(self.action.rows)
        self.say(f"{self.key}: {'deleted' if self.removes else 'disabled'}")

    def correct(self) -> None:
        """Enable or disable what stays, and remove all else."""
        kept, on = self.action.kept, self.wanted.enabled
        assert kept
        self._check_unchanged(self.requests.look())
        self._disable(self.action.others)
        if kept.enabled != on:
            self.requests.switch(kept.id, on)
            self._settle(kept.id)
            self.say(f"{self.key}: {'enabled' if on else 'disabled'}")
        self._remove(self.action.others, kept.id)

    def replace(self) -> str:
        """Put a new schedule in the place of those that are there; return its id."""
        experiment = runs.find_experiment(self.server, self.wanted.experiment)
        with self.interrupts.held():
            made = self.requests.create(self.wanted, experiment, self.action.rows)
            try:
                self._put_in_force(made)
            except WorkbenchError as error:
                raise WorkbenchError(f"{error}; {self._restore(made)}") from None
            except KeyboardInterrupt:
                raise _interrupted(self._restore(made)) from None
        self.say(f"{self.key}: {'replaced' if self.action.rows else 'created'}")
        self._remove(self.action.rows, made)
        return made

    def _put_in_force(self, made: str) -> None:
        self.interrupts.heed()
        self._check_made(made)
        self.interrupts.heed()
        self._disable(self.action.rows)
        self.interrupts.heed()
        if self.wanted.enabled:
            self.requests.switch(made, True)
        self.interrupts.heed()
        self._settle(made)

    def _disable(self, rows: Sequence[Live]) -> None:
        for row in rows:
            if row.enabled:
                self.off.append(row)
                self.requests.switch(row.id, False)

    def _remove(self, rows: Sequence[Live], ours: str | None = None) -> None:
        """Delete schedules that are disabled, where their runs survive that."""
        if not rows or not self.removes:
            return
        problem = WorkbenchError(f"{self.server.host} did not delete it, and said that it did")
        there = self.requests.look()
        for row in rows:
            if row.id in there and not there[row.id].enabled:
                try:
                    self.requests.delete(row.id)
                except WorkbenchError as error:
                    problem = error
        there = self.requests.look()
        if there.keys() & {row.id for row in rows}:
            raise WorkbenchError(
                f"{problem}; what was to go is disabled, and still there: do this again"
            )
        if ours and (ours not in there or there[ours].enabled != self.wanted.enabled):
            raise WorkbenchError("somebody else has changed it: do this again")

    def _check_made(self, made: str) -> None:
        """Check that the new one is as it was meant, and that nothing else has changed."""
        rows = self.requests.look()
        row = rows.pop(made, None)
        if row is None:
            raise WorkbenchError(f"{self.server.host} does not show the schedule that it made")
        different = list(schedules.changes(self.wanted, row))
        if row.enabled or row.digest != schedules.digest(self.wanted) or different:
            said = f" ({'; '.join(different)})" if different else ""
            raise WorkbenchError(
                f"{self.server.host} made another schedule than was asked for{said}"
            )
        self._check_unchanged(rows)

    def _check_unchanged(self, rows: Mapping[str, Live]) -> None:
        planned = {row.id: row.enabled for row in self.action.rows}
        if {identifier: row.enabled for identifier, row in rows.items()} != planned:
            raise WorkbenchError("it is not as it was a moment ago: do this again")

    def _settle(self, ours: str) -> None:
        """Check that ours is alone in force; of two people's, the first made stays."""
        rows = self.requests.look()
        row = rows.get(ours)
        if row is None or row.enabled != self.wanted.enabled:
            raise WorkbenchError("somebody else has changed it at this moment: do this again")
        rivals = [rival for rival in rows.values() if rival.enabled and rival.id != ours]
        if rivals and (not row.enabled or row != min([row, *rivals], key=_age)):
            raise WorkbenchError("somebody else has replaced it at this moment: do this again")
        self._disable(rivals)

    def _restore(self, made: str) -> str:
        """Bring back what was there before, as far as the server lets us; say what is in force."""
        old = max(self.off, key=_age, default=None)
        state = "nothing is changed"
        try:
            rows = self.requests.look()
            ran = made in rows and rows[made].enabled
            if ran:
                self.requests.switch(made, False)
            if old and not any(row.enabled for row in rows.values() if row.id != made):
                self.requests.switch(old.id, True)
                state = "the old one is in force again"
        except WorkbenchError as error:
            return _unknown(error)
        if ran and not self.removes:  # one that never ran has no runs to kill
            return f"{state}, and the new one stays, disabled"
        try:
            self.requests.delete(made)
        except WorkbenchError as error:
            return f"{state}, and the new one may still be there, disabled ({error})"
        return state

    def _in_force(self) -> str:
        """Look what is in force after an interrupt, and say it."""
        try:
            on = [row for row in self.requests.look().values() if row.enabled]
        except WorkbenchError as error:
            return _unknown(error)
        if not on:
            return "it is not in force"
        wanted = self.action.wanted
        ours = wanted and wanted.enabled and schedules.digest(wanted) in {row.digest for row in on}
        return f"it is in force, as {'the file has it' if ours else 'it was'}"


def _interrupted(state: str) -> WorkbenchError:
    return WorkbenchError(f"interrupted; {state}", signals.INTERRUPTED)


def _unknown(error: WorkbenchError) -> str:
    return f"what is in force now is not known ({error}): make schedule again"


def _age(row: Live) -> tuple[str, str]:
    return row.created, row.id
