"""Keys that have another name today, or none: an old config is taken for what it would say now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from runner.config.document import Document
from runner.config.schema import SWEEP
from runner.errors import did_you_mean

Path = tuple[str, ...]

#: Path of an old key inside of a section -> what it is now; None where it means nothing any more.
Renames = Mapping[Path, Path | None]

_ATTRIBUTE = "renamed"


def check_renames(model: type[BaseModel], *, more_keys: bool) -> None:
    """Judges the `renamed` of a class.

    Args:
        more_keys: a section may have keys that the class does not know as yet.

    Raises:
        TypeError: an old name is a key of today, or a new one is none.
    """
    fields = model.model_fields
    for old, new in getattr(model, _ATTRIBUTE, {}).items():
        if old in fields:
            raise TypeError(f"{model.__name__}: renamed has {old!r}, which is a key of today")
        if new is not None and not more_keys and new.partition(".")[0] not in fields:
            near = did_you_mean(new, fields)
            raise TypeError(
                f"{model.__name__}: renamed has {old!r}: {new!r}, which is no key{near}"
            )


def renames_of(model: type[BaseModel], above: tuple[type[BaseModel], ...] = ()) -> Renames:
    """What a class and those nested in it call `renamed`, the outer ones first."""
    declared = getattr(model, _ATTRIBUTE, {}).items()
    found = {tuple(old.split(".")): tuple(new.split(".")) if new else None for old, new in declared}
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None and inner not in above:
            for old, new in renames_of(inner, (*above, model)).items():
                found[name, *old] = (name, *new) if new else None
    return found


def rename(document: Document, expanded: dict[str, Any], section: str, renames: Renames) -> None:
    """Moves what a section has under old names, in a document and its values expanded.

    Of a key that is given by both names the later file or layer wins.
    """
    for old, new in renames.items():
        keys = list(_leaves(document.data, (section, *old)))
        for key in keys:
            target = None if new is None else (section, *new, *key[1 + len(old) :])
            _move(document, expanded, key, target)
        name = f"{section}.{'.'.join(old)}"
        if keys and new is None:
            document.notes.append(f"{name} is gone, and has no effect")
        elif keys and new is not None:
            document.notes.append(f"{name} is now {section}.{'.'.join(new)}")
        for tree in (document.data, expanded):
            _pop(tree, (section, *old))
            if new is not None:
                _rename_swept(tree, (section, *old), (section, *new))


def _rename_swept(tree: Any, old: Path, new: Path) -> None:
    """Lets a sweep vary the key by its new name, which it may say in quotes or without."""
    space = _at(tree, (SWEEP, "space"))
    for form, target in ((old, new), ((".".join(old),), (".".join(new),))):
        values = _at(space, form)
        if values is not None:
            _pop(space, form)
            _set(space, target, values)


def _move(document: Document, expanded: dict[str, Any], key: Path, target: Path | None) -> None:
    old = ".".join(key)
    order = list(document.origins)
    place = order.index(old)
    where = document.origins.pop(old)
    if target is None:
        return
    new = ".".join(target)
    if document.origins.get(new) == where:
        now = ".".join(target[1:])
        document.problem(where, old, f"is now {now}, which is given as well; take one of them out")
    elif new not in document.origins or order.index(new) < place:
        document.origins.pop(new, None)
        document.origins[new] = where
        for tree in (document.data, expanded):
            _set(tree, target, _at(tree, key))


def _leaves(tree: Any, key: Path) -> Iterator[Path]:
    value = _at(tree, key)
    if isinstance(value, dict):
        for name in value:
            yield from _leaves(tree, (*key, name))
    elif value is not None:
        yield key


def _at(tree: Any, key: Path) -> Any:
    for name in key:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _set(tree: dict[str, Any], key: Path, value: Any) -> None:
    for name in key[:-1]:
        if not isinstance(tree.get(name), dict):
            tree[name] = {}
        tree = tree[name]
    tree[key[-1]] = value


def _pop(tree: dict[str, Any], key: Path) -> None:
    table = _at(tree, key[:-1])
    if isinstance(table, dict):
        table.pop(key[-1], None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The class of a nested table, also where it may be left out: ``Boosting | None``."""
    kinds = get_args(annotation) or (annotation,)
    models = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
    return models[0] if len(models) == 1 else None
