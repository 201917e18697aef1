"""RunTask: the class that a user's tasks derive from.

Two forms, which may be mixed in one pipeline. The declarative one::

    @requires(Preprocessor)
    class Trainer(RunTask):
        config: TrainerConfig
        outputs = {"model": "model.skops"}

        def run(self) -> None:
            train = pd.read_csv(self.inputs["train"])
            ...
            dump(model, self.outputs["model"])

and the older one, where ``build_input_output_path_dicts`` returns both dicts, built from
``self.path_config["Preprocessor"]`` and the like. Either way `run()` writes into a place of its
own, and what it wrote appears in the task's directory only when all of it is there.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner import context as run_context
from runner import inputs as task_inputs
from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.context import Placement, RunContext
from runner.declared import Section, check_names, config_class, overlaid, own_values, typed
from runner.errors import GraphError, RunnerError
from runner.outputs import Outputs, output_path, target_paths


class RunTask(luigi.Task):
    """A luigi task whose paths lie under the run's artifact directory.

    Attributes:
        outputs: name -> file or folder in the task's own directory; on an instance the absolute
            `pathlib.Path` of each.
        sources: name -> file, folder or glob that the task reads from outside, below
            ``PathConfig.input``, or below another named input as ``"labels:train.csv"``.
        version: change it to have outputs computed anew though nothing else changed.
        reusable: whether outputs may be taken from an earlier run by fingerprint.
        fingerprint_packages: installed packages whose versions the outputs depend on.
        retries: how often the task is tried again when it fails.
        timeout: seconds that `run()` may take; None for as long as luigi's `worker_timeout` says.
        config: the task's section: an instance of the class that ``config: …`` names, or a dict.
    """

    outputs: Mapping[str, Any] = {}
    sources: ClassVar[Mapping[str, str]] = {}
    version: Any = ""
    reusable: bool = True
    fingerprint_packages: Sequence[str] = ()
    retries: int = 0
    timeout: float | None = None

    _params: ClassVar[list[tuple[str, luigi.Parameter[Any]]]]
    _partial: Path | None = None  # where run() writes while it is executed
    _inputs: Mapping[str, Any] | None = None
    _text = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls)
        if not isinstance(cls.__dict__.get("config", cls.config), cached_property):
            raise TypeError(
                f"{cls.__name__}: write `config: <class>` alone; values are in the TOML"
            )
        declared = inspect.getattr_static(cls, "outputs")
        if not isinstance(declared, Outputs):
            outputs: Any = Outputs(declared, cls.__name__)
            cls.outputs = outputs
        if isinstance(cls.fingerprint_packages, str):
            raise TypeError(f"{cls.__name__}: fingerprint_packages is a list of names")
        if not isinstance(cls.sources, Mapping):
            raise TypeError(f"{cls.__name__}: sources is a dict of names and paths")

    @classmethod
    def get_params(cls) -> list[tuple[str, luigi.Parameter[Any]]]:
        """As luigi's, which looks at every attribute of the class each time.

        Decorators add parameters while modules are imported; in a run a class does not change.
        """
        if not run_context.is_open():
            return list(super().get_params())
        if "_params" not in cls.__dict__:
            cls._params = super().get_params()
        return cls._params.copy()

    def __repr__(self) -> str:
        """As luigi's, which asks every parameter each time, and is asked for often."""
        if not self._text:
            self._text = super().__repr__()
        return self._text

    # What a task reads.

    @cached_property
    def config(self) -> Any:
        values = self._section()
        model = config_class(type(self))
        if model:
            return typed(model, values)
        params = {n: value for n, value in self.param_kwargs.items() if n in self._written()}
        return Section(self.get_task_family(), {**values, **params})

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the required tasks and `sources` offer, by name: `Path`, or a list for a glob.

        A name that several of them offer must be said in full: ``"Preprocessor.train"``.
        """
        if self._partial is None:
            return task_inputs.of(self)
        if self._inputs is None:  # looked up once for each start of `run()`
            self._inputs = task_inputs.of(self)
        return self._inputs

    @property
    def path_config(self) -> Mapping[str, str]:
        """Directories by name: tasks of the graph, and the entries of `[PathConfig]`."""
        return task_inputs.PathLookup(self, self.run_context)

    @property
    def input_paths_dict(self) -> dict[str, str]:
        """Inputs of the older form, by name, as strings."""
        if self.older_form:
            found = self._older_dicts()[0].items()
            run = self.run_context
            return {name: task_inputs.redirected(str(path), run) for name, path in found}
        return {name: str(path) for name, path in self.inputs.items()}

    # What a task writes.

    @property
    def directory(self) -> Path:
        """The task's directory; while `run()` is executed, the place that will become it."""
        return self._partial or self.placement.directory

    @property
    def output_paths_dict(self) -> dict[str, str]:
        """Outputs by name, as strings."""
        return {name: str(self.directory / path) for name, path in self.declared_outputs().items()}

    def output(self) -> dict[str, luigi.LocalTarget]:
        return {name: luigi.LocalTarget(path) for name, path in self.output_paths_dict.items()}

    def build_input_output_path_dicts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The older form: override it to return (inputs, outputs), name -> path."""
        return {}, {}

    def complete(self) -> bool:
        """Whether the task's manifest is there and valid, or its directory was pinned as it is."""
        run = self.run_context
        if self.task_id in run.finished:
            return True
        place = self.placement
        if place.decision != "reused":
            manifest = manifests.read(place.directory)
            if manifest is None or contents.damage(place.directory, manifest):
                return False
        run.finished.add(self.task_id)
        return True

    # Where it stands.

    @property
    def run_context(self) -> RunContext:
        return run_context.current()

    @property
    def placement(self) -> Placement:
        """Where the task lies.

        Raises:
            RunnerError: nothing in this run requires the task.
        """
        try:
            return self.run_context.places[self.task_id]
        except KeyError:
            text = f"{self} has no directory: nothing in this run requires it"
            raise RunnerError(text, "name it in requires(), or yield it in run()") from None

    @property
    def artifacts_uri_path(self) -> str:
        """The run's artifact directory, ending in a slash."""
        return f"{self.run_context.artifact_dir}/"

    def declared_outputs(self) -> dict[str, str]:
        """Declared outputs: name -> path inside of the task's directory.

        Raises:
            GraphError: one lies outside of it, or is no path.
        """
        family = self.get_task_family()
        if self.older_form:
            declared = self._older_dicts()[1]
        elif fixed := self._fixed_outputs():
            return dict(fixed)
        elif type(self).output is not RunTask.output:
            declared = target_paths(self.output(), family)
        else:
            declared = self.outputs
        # The older form may build them from `artifacts_uri_path`, which knows nothing of pins.
        bases = [self.directory, self.placement.directory, self.run_context.artifact_dir / family]
        return {name: output_path(path, bases, family, name) for name, path in declared.items()}

    @classmethod
    def _fixed_outputs(cls) -> dict[str, str] | None:
        found = next((vars(c)["outputs"] for c in cls.__mro__ if "outputs" in vars(c)), None)
        if cls.output is not RunTask.output or not isinstance(found, Outputs):
            return None
        return found.fixed

    def section_values(self) -> Any:
        """The section without luigi parameters: an instance of its class, or a plain dict."""
        return self._section() if isinstance(self.config, Section) else self.config

    def effective_config(self) -> dict[str, Any]:
        """The section with defaults written out, as plain values, without luigi parameters."""
        found = self.section_values()
        return found if isinstance(found, dict) else found.model_dump(mode="json")

    def logged_config(self) -> dict[str, Any]:
        """The effective config as it may be written down: ``${VAR}`` unexpanded."""
        params = set(self.get_param_names(include_significant=True))
        written = self.run_context.config.written.get(self.get_task_family(), {})
        values = own_values(self.config, {n: v for n, v in written.items() if n not in params})
        return overlaid(self.effective_config(), values)

    def _written(self) -> dict[str, Any]:
        return self.run_context.config.section(self.get_task_family())

    def _section(self) -> dict[str, Any]:
        params = set(self.get_param_names(include_significant=True))
        return {name: value for name, value in self._written().items() if name not in params}

    def _older_dicts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        method = f"{self.get_task_family()}: build_input_output_path_dicts()"
        try:
            found = self.build_input_output_path_dicts()
        except RunnerError:
            raise
        except Exception as error:  # the user's own code
            raise GraphError(f"{method} failed: {type(error).__name__}: {error}") from error
        match found:
            case (Mapping() as inputs, Mapping() as outputs):
                return inputs, outputs
        raise GraphError(f"{method} must return two dicts, inputs and outputs")

    @property
    def older_form(self) -> bool:
        return type(self).build_input_output_path_dicts is not RunTask.build_input_output_path_dicts
