"""What a task reads, as records for its fingerprint and its manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import inputs, upstream
from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import InputRecord, Manifest
from runner.artifacts.reading import Changed, Reading
from runner.task import RunTask

#: Names by which code may ask for folders of others.
PLACES = frozenset("path_config artifacts_uri_path run_context placement current".split())


class Unsettled(Exception):
    """A task's fingerprint can't be told, now or ever; the message says why."""


class InputRecords:
    """Makes records of what tasks read, and remembers what it read.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self._reading = Reading(root)
        self._contents: dict[Path, str] = {}

    def of(self, task: RunTask, asks: Collection[str]) -> dict[str, InputRecord]:
        """What a task reads, by name, in order.

        Args:
            asks: names that its code asks for.

        Raises:
            Unsettled: a task that it requires is not complete, or a file changed meanwhile.
            MissingInputError, OSError: something can't be read.
        """
        try:
            return _unique(self._inputs(task, asks))
        except Changed as changed:
            raise Unsettled(f"{changed} changed while the run went on") from None

    def content(self, task: luigi.Task) -> str:
        """One digest over all that a complete task published.

        Raises:
            Unsettled: it is not complete, or published something that is no file.
        """
        return self._published(task).digest

    def published(self, directory: Path, manifest: Manifest) -> None:
        """Notes what this run has published: it need not be read again."""
        self._contents[directory] = manifest.content

    def _inputs(self, task: RunTask, asks: Collection[str]) -> Iterator[tuple[str, InputRecord]]:
        for name, found in sorted(inputs.sources(task).items()):
            base, by = inputs.source_base(task, name), inputs.digested_by(task, name)
            yield name, self._reading.record(found, base, by)
        required = list(upstream.by_name(task))
        direct = {one.task_id for _, one in required}
        for name, text in sorted(inputs.of_older_form(task).items()):
            try:
                producer = upstream.producer(Path(text), task)
            except LookupError as error:
                raise Unsettled(str(error.args[0])) from None
            if producer is None:
                yield name, self._reading.record(Path(text), Path(text))
            elif producer.task_id not in direct:
                yield f"{name} of {producer.get_task_family()}", self._published(producer)
        if PLACES.intersection(asks):
            yield from self._all_that_lies_about(task, direct)
        for name, one in required:
            yield name, self._published(one)

    def _all_that_lies_about(
        self, task: RunTask, direct: set[str]
    ) -> Iterator[tuple[str, InputRecord]]:
        """Code that asks for folders by name may read anything in them."""
        for one in upstream.all_of(task):
            if one.task_id not in direct and not upstream.is_group(one):
                yield f"{one.get_task_family()} (all of it)", self._published(one)
        config = task.run_context.config
        for name in sorted(config.paths.keys() - task.run_context.families.keys()):
            path = config.path(name)
            if path.exists():
                yield f"PathConfig.{name}", self._reading.record(path, path)

    def _published(self, task: luigi.Task) -> InputRecord:
        """All that a task published: its files may be read by any name."""
        family = task.get_task_family()
        if not task.complete():
            raise Unsettled(f"{family} may change")
        if isinstance(task, RunTask):
            place = task.placement
            origin = place.origin.run_id if place.origin else ""
            digest = place.content or self._content_of(place.directory)
            return InputRecord(kind="task", path=place.directory.name, digest=digest, run_id=origin)
        paths = [getattr(target, "path", None) for target in flatten(task.output())]
        if any(path is None or not Path(path).exists() for path in paths):
            raise Unsettled(f"{family} has outputs that are no files")
        found = [Path(str(path)) for path in paths]
        parts = {
            f"{number} {key} {path.name}": self._reading.record(path, path).digest
            for number, (key, path) in enumerate(
                zip(upstream.target_keys(task.output()), found, strict=True)
            )
        }
        return InputRecord(kind="task", path=family, digest=contents.combined(parts))

    def _content_of(self, directory: Path) -> str:
        if directory in self._contents:
            return self._contents[directory]
        manifest = manifests.read(directory)
        if manifest is not None:
            return manifest.content
        return self._reading.record(directory, directory).digest


def _unique(pairs: Iterable[tuple[str, InputRecord]]) -> dict[str, InputRecord]:
    """Inputs by name; a source and a task may be called the same."""
    found: dict[str, InputRecord] = {}
    for name, record in pairs:
        number = 1
        while (key := name if number == 1 else f"{name} ({record.kind} {number})") in found:
            number += 1
        found[key] = record
    return found
