"""Collects what the outputs of a task depend on: config, code, and the bytes of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.parameter import ParameterVisibility
from runner import upstream
from runner.artifacts.code import LOADS, UNPICKLES, Code, CodeReader, NoCode
from runner.artifacts.fingerprint import Ingredients, digest_of
from runner.artifacts.manifest import InputRecord
from runner.artifacts.resolve import Place
from runner.declared import config_class
from runner.families import FamilyConfig, known
from runner.input_records import PLACES, InputRecords, Unsettled
from runner.saved_families import families_read
from runner.task import RunTask
from runner.tracking.surroundings import version

#: What code may ask for beside its own inputs, outputs and config, and what that can lead to.
_REQUIREMENTS = frozenset("requires deps _requires clone_parent clone_parents".split())
_CONFIGS = frozenset("get_config configuration run_context current LuigiConfigParser".split())


class Kitchen:
    """Collects ingredients, and remembers what it read.

    Args:
        root: the project's folder.
        packages: installed packages whose versions count for every task.
        loaded: modules of the project that were imported.
        begun: when their import began, in ns; what was written later may not be what was read.
    """

    def __init__(
        self,
        root: Path,
        packages: Sequence[str] = (),
        loaded: Iterable[str] = (),
        begun: int | None = None,
    ) -> None:
        self._packages = packages
        self.records = InputRecords(root)
        self._reader = CodeReader(_is_task, _is_settings, loaded, begun)
        self._configs: dict[type, str] = {}
        self._code: dict[tuple[type, frozenset[str]], Code | str] = {}

    def ingredients(self, task: RunTask) -> Ingredients:
        """What the outputs of a task depend on.

        Raises:
            Unsettled: a task that it requires is not complete, or nothing can be said at all.
            MissingInputError, OSError: something that it reads can't be read.
        """
        if not task.reusable:
            raise Unsettled("it is never reused")
        code = self._code_of(task)
        try:
            beside = dict(self._beside(task, code))
        except TypeError as error:
            raise Unsettled(f"its config {error}") from None
        packages = {*task.fingerprint_packages, *self._packages}
        return Ingredients(
            task=task.get_task_family(),
            version=str(task.version),
            params=_params(task, private=False),
            code=code,
            inputs=self.records.of(task, code.asks),
            packages={name: version(name) for name in sorted(packages)},
            beside=beside,
        )

    def read(self, task: RunTask) -> dict[str, InputRecord]:
        """What a task reads, by name.

        Raises:
            Unsettled, MissingInputError, OSError: as `ingredients`.
        """
        return self.records.of(task, self._code_of(task).asks)

    def _code_of(self, task: RunTask) -> Code:
        """The code of a task, of the family that its config names, and of models that it reads."""
        cls = type(task)
        model = config_class(cls)
        picks = model is not None and issubclass(model, FamilyConfig)
        picked = {task.config.family.module} if picks else set()
        code = self._code_with(cls, frozenset(picked))
        if LOADS not in code.asks:
            return code
        read = families_read(task, code.asks)
        if code.classes:  # it may ask for tasks while it runs: what those save is not known yet
            read |= set(known(cls.__module__).values())
        return self._code_with(cls, frozenset(picked | read))

    def _code_with(self, cls: type[RunTask], families: frozenset[str]) -> Code:
        key = (cls, families)
        if key not in self._code:
            model = config_class(cls)
            try:
                self._code[key] = self._reader.of(cls, [model] if model else [], families)
            except NoCode as why:
                self._code[key] = str(why)
        found = self._code[key]
        if isinstance(found, str):
            raise Unsettled(found)
        return found

    def _beside(self, task: RunTask, code: Code) -> Iterator[tuple[str, str]]:
        yield "config", self._config_of(task)
        private = _params(task, private=True)
        if private:
            yield "private parameters", digest_of(private)
        config = task.run_context.config
        for cls in code.classes:
            family = cls.get_task_family() if issubclass(cls, luigi.Task) else cls.__name__
            yield f"[{family}]", digest_of(config.section(family))
            if _is_settings(cls):
                yield f"values of {family}", digest_of(_all_params(cls()))
        if code.asks & _CONFIGS:
            yield "the whole config", digest_of([config.run, config.sections])
        if code.asks & PLACES:
            texts = {n: text for n, text in config.paths.items() if not config.path(n).exists()}
            yield "paths", digest_of(texts)
        if UNPICKLES in code.asks:
            yield "code of objects that it reads", self._objects(task, code)
        if code.asks & _REQUIREMENTS:
            for number, required in enumerate(upstream.all_of(task)):
                name = f"{required.get_task_family()} ({number}) as an object"
                yield name, self._identity(required)

    def _config_of(self, task: RunTask) -> str:
        """Instances of a class have one section; what differs between them are parameters."""
        if type(task) not in self._configs:
            self._configs[type(task)] = digest_of(task.section_values())
        return self._configs[type(task)]

    def _objects(self, task: RunTask, code: Code) -> str:
        """A digest over what may come out of a pickle, which holds names, not code.

        From a required task come what that one names; from elsewhere anything.
        """
        if task.sources or task.older_form or code.asks & PLACES:
            places = None
        else:
            places = self._named_by_required(task)
        try:
            return self._reader.digest_of(places)
        except NoCode as why:
            raise Unsettled(str(why)) from None

    def _named_by_required(self, task: RunTask) -> set[Place]:
        required = [one for one in upstream.all_of(task) if isinstance(one, RunTask)]
        return {place for one in required for place in self._code_of(one).objects}

    def _identity(self, task: luigi.Task) -> str:
        """A digest over what can be asked of a task as an object."""
        if not isinstance(task, RunTask):
            return digest_of([task.get_task_family(), _all_params(task)])
        values = [task.get_task_family(), _all_params(task), task.config, str(task.version)]
        code = self._code_of(task).digest
        return digest_of([*values, code, dict(task.declared_outputs())])


def _params(task: luigi.Task, *, private: bool) -> dict[str, str]:
    """Significant parameters, those that may be shown or those that may not."""
    return {
        name: str(param.serialize(task.param_kwargs[name]))
        for name, param in task.get_params()
        if param.significant and (param.visibility != ParameterVisibility.PUBLIC) == private
    }


def _all_params(task: luigi.Task) -> dict[str, str]:
    return {n: str(param.serialize(getattr(task, n))) for n, param in task.get_params()}


def _is_task(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, luigi.Task) and not _is_settings(value)


def _is_settings(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, luigi.Config)
