"""Which run is meant: by its id, its name, the beginning of either, or how recent it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from runner.errors import MissingInputError, did_you_mean
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT_TAG = "mlflow.parentRunId"  # MLflow's own, of a run inside of another one

_LATEST = re.compile(r"latest(?:~([0-9]{1,9}))?")
_ID = re.compile(r"[0-9a-f]{32}")
_ID_PREFIX = re.compile(r"[0-9a-f]{1,32}")
_PAGE = 1000
_SOME = 100  # runs of a page where a few are enough
_SHOWN = 5
_RECENT = 200  # runs whose names are compared with a misspelt one

Accept = Callable[[Any], bool]


def is_child(run: Any) -> bool:
    """Whether a run is inside of another one."""
    return PARENT_TAG in run.data.tags


class RunNames:
    """Finds runs in a store, as MLflow's own `Run`; the store is contacted with the first one."""

    def __init__(self, connect: Callable[[], MlflowClient], location: StoreLocation) -> None:
        self._connect = connect
        self._location = location

    def find(self, asked: str, experiment: str, accept: Accept | None = None) -> Any:
        """The run that is asked for.

        Args:
            asked: an id, a name, or the beginning of one; ``latest``, or ``latest~2`` for the one
                two before it; after ``run:`` the same.
            experiment: the name of the one of which `latest` speaks. Runs inside of others, as
                a task may start them, do not count there.
            accept: what else `latest` must be.

        Raises:
            MissingInputError: no run, or more than one.
        """
        asked = asked.removeprefix("run:")
        return self.recent(experiment, accept)(asked) or self.by_prefix(asked)

    def recent(self, experiment: str, accept: Accept | None = None) -> Callable[[str], Any]:
        """Answers for `latest`, `latest~1` and so on as `find` does, and asks the store once.

        Returns:
            A function of such a word; what it returns is None for any other.
        """
        seen: list[Any] = []
        runs: Iterator[Any] | None = None

        def find(asked: str) -> Any:
            nonlocal runs
            back = how_recent(asked)
            if back is None:
                return None
            if runs is None:
                runs = _met(self._of(experiment, min(back + 10, _PAGE)), accept)
            seen.extend(islice(runs, max(0, back + 1 - len(seen))))
            if back < len(seen):
                return seen[back]
            count = f"{len(seen) or 'no'} {'such ' if accept else ''}run{'s'[len(seen) == 1 :]}"
            text = f"there is no {asked}: the experiment {experiment!r} has {count}"
            hint = "see those of all experiments: python -m runner runs --experiment '*'"
            raise MissingInputError(text, hint)

        return find

    def by_id(self, run_id: str) -> Any:
        """Raises MissingInputError when there is no such run."""
        return self._only(self.by_ids([run_id]), run_id)

    def by_ids(self, run_ids: Iterable[str]) -> list[Any]:
        """Those of the runs that there are, in one question for a thousand of them."""
        ids = [run_id for run_id in dict.fromkeys(run_ids) if _ID.fullmatch(run_id)]
        found: list[Any] = []
        for start in range(0, len(ids), _PAGE):
            some = ", ".join(f"'{run_id}'" for run_id in ids[start : start + _PAGE])
            found += self.search(f"attributes.run_id IN ({some})")
        return found

    def by_prefix(self, prefix: str) -> Any:
        """The run whose id or name is, or alone begins with, a prefix.

        Raises:
            MissingInputError: no run, or more than one.
        """
        if _ID.fullmatch(prefix) and (found := self.by_ids([prefix])):
            return found[0]
        found = self._beginning_with(prefix)
        exact = [run for run in found if run.info.run_name == prefix]
        if len(found) >= _SOME and not exact:  # there may be more than were looked at
            exact = self._named(_quoted(prefix), lambda name: name == prefix)
        return self._only(exact or found, prefix)

    def search(
        self,
        condition: str = "",
        experiments: Sequence[str] | None = None,
        *,
        page: int = _PAGE,
        order: str = "attributes.start_time DESC",
        deleted: bool = False,
    ) -> Iterator[Any]:
        """Runs that meet a condition in MLflow's words, newest first.

        Args:
            experiments: their ids; default: all that are not deleted.
            page: how many runs to ask for at once.
            deleted: those that were deleted, and no others.
        """
        from mlflow.entities import ViewType

        view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
        with errors_of(self._location):
            client = self._connect()
            if experiments is None:
                of_any = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
                found = client.search_experiments(view_type=of_any)
                experiments = [experiment.experiment_id for experiment in found]
            token = None
            while experiments:
                runs = client.search_runs(
                    list(experiments), condition, view, page, [order], page_token=token
                )
                yield from runs
                token = runs.token
                if not token:
                    return

    def _of(self, experiment: str, page: int) -> Iterator[Any]:
        with errors_of(self._location):
            known = self._connect().get_experiment_by_name(experiment)
        yield from self.search("", [known.experiment_id] if known is not None else [], page=page)

    def _beginning_with(self, prefix: str) -> list[Any]:
        found = self._named(f"{_quoted(prefix)}%", lambda name: name.startswith(prefix))
        if _ID_PREFIX.fullmatch(prefix):
            condition = f"attributes.run_id LIKE '{prefix}%'"
            found += islice(self.search(condition, page=_SOME), _SOME)
        return list({run.info.run_id: run for run in found}.values())

    def _named(self, pattern: str, fits: Callable[[str], bool]) -> list[Any]:
        """Some runs by a pattern of SQL, which knows no case and has no escapes."""
        if not pattern.strip("%"):
            return []
        runs = self.search(f"attributes.run_name LIKE '{pattern}'", page=_SOME)
        return list(islice((run for run in runs if fits(run.info.run_name or "")), _SOME))

    def _only(self, found: list[Any], asked: str) -> Any:
        if len(found) == 1:
            return found[0]
        if not found:
            raise self._unknown(asked)
        names = ", ".join(f"{run.info.run_name} ({run.info.run_id[:8]})" for run in found[:_SHOWN])
        count = f"{_SOME} or more" if len(found) >= _SOME else len(found)
        more = ", …" if len(found) > _SHOWN else ""
        text = f"{count} runs begin with {asked!r}: {names}{more}"
        raise MissingInputError(text, "say more of it, or the id")

    def _unknown(self, asked: str) -> MissingInputError:
        text = f"no run in {self._location.shown} is called {asked!r}"
        pattern = _quoted(asked)
        named = f"attributes.run_name LIKE '{pattern}'"
        by_id = f"attributes.run_id LIKE '{asked}%'" if _ID_PREFIX.fullmatch(asked) else named
        for condition in dict.fromkeys((by_id, named)) if asked else ():
            gone = next(self.search(condition, page=1, deleted=True), None)
            if gone is not None:
                text += f": {gone.info.run_name} ({gone.info.run_id[:8]}) was deleted in MLflow"
                restore = f"mlflow runs restore --run-id {gone.info.run_id}"
                return MissingInputError(text, f"bring it back with: {restore}")
        recent = islice(self.search(page=_RECENT), _RECENT)
        near = did_you_mean(asked, [run.info.run_name or "" for run in recent])
        return MissingInputError(f"{text}{near}", "see the runs with: python -m runner runs")


def how_recent(asked: str) -> int | None:
    """2 of `latest~2`, 0 of `latest`; None of anything else."""
    found = _LATEST.fullmatch(asked)
    return int(found[1] or 0) if found else None


def _met(runs: Iterable[Any], accept: Accept | None) -> Iterator[Any]:
    return (run for run in runs if not is_child(run) and (accept is None or accept(run)))


def _quoted(text: str) -> str:
    """A text inside of MLflow's quotes, which know no escape; what is found is compared again."""
    return re.sub(r"['\"%\\]", "_", text)
