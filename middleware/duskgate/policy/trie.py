"""A trie of path templates: most specific first, at a cost that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from duskgate.policy.paths import Segments

T = TypeVar("T")
Other = TypeVar("Other")


class TemplateError(ValueError):
    """A path template that cannot be read; the message says what is wrong with it."""


def parse_template(template: str) -> tuple[str | None, ...]:
    """Split ``/users/{id}`` into its literal segments, with ``None`` for each parameter.

    Raises TemplateError.
    """
    if not template.startswith("/"):
        raise TemplateError("a path starts with /")
    if "?" in template or "#" in template or ";" in template:
        raise TemplateError("a path holds no ?, # or ;")
    names = parameter_names(template)
    if len(set(names)) != len(names):
        raise TemplateError("a parameter's name stands twice")
    return tuple(_segment(part) for part in template.split("/") if part)


def parameter_names(template: str) -> tuple[str, ...]:
    """The names of a template's parameters, in order."""
    return tuple(part[1:-1] for part in template.split("/") if part[:1] == "{" and part[-1:] == "}")


def _segment(part: str) -> str | None:
    if part[:1] == "{" and part[-1:] == "}":
        if not part[1:-1].isidentifier():
            raise TemplateError(f"{part} is not a parameter; write {{name}}")
        return None
    if "{" in part or "}" in part or "*" in part:
        raise TemplateError(f"in {part!r} a parameter must be the whole segment, as in /users/{{id}}")
    if part in (".", ".."):
        raise TemplateError("a path holds no dot segments")
    return part


class Trie(Generic[T]):
    """Values under path templates. Build it with ``add`` at load; look it up with ``find`` afterwards."""

    __slots__ = ("_any", "_literals", "_methods", "_parameter")

    def __init__(self) -> None:
        self._literals: dict[bytes, Trie[T]] = {}
        self._parameter: Trie[T] | None = None
        self._methods: dict[str, T] = {}
        self._any: T | None = None

    def add(self, template: tuple[str | None, ...], methods: frozenset[str], value: T) -> T | None:
        """Put ``value`` under a template for some methods (none named: for all).

        Returns the value that is already there for one of them, and then adds nothing.
        """
        node = self
        for segment in template:
            node = node._child(segment)
        taken = next(node._taken(methods), None)
        if taken is None:
            node._put(methods, value)
        return taken

    def find(self, path: Segments, method: str) -> T | None:
        """The most specific value for a path and method: literals before parameters, a named method first."""
        return self._find(path, 0, method)

    def values(self) -> Iterator[T]:
        """Every value, each once for a template, in no particular order."""
        found = {id(value): value for value in self._methods.values()}
        if self._any is not None:
            found[id(self._any)] = self._any
        yield from found.values()
        for child in (*self._literals.values(), *((self._parameter,) if self._parameter else ())):
            yield from child.values()

    def mapped(self, change: Callable[[T], Other]) -> Trie[Other]:
        """A trie with ``change`` of every value in its place; values that are one object stay one."""
        made: dict[int, Other] = {}

        def once(value: T) -> Other:
            if id(value) not in made:
                made[id(value)] = change(value)
            return made[id(value)]

        return self._mapped(once)

    def _mapped(self, change: Callable[[T], Other]) -> Trie[Other]:
        trie: Trie[Other] = Trie()
        trie._literals = {segment: child._mapped(change) for segment, child in self._literals.items()}
        trie._parameter = self._parameter._mapped(change) if self._parameter is not None else None
        trie._methods = {method: change(value) for method, value in self._methods.items()}
        trie._any = change(self._any) if self._any is not None else None
        return trie

    def _find(self, path: Segments, index: int, method: str) -> T | None:
        if index == len(path):
            return self._methods.get(method, self._any)
        literal = self._literals.get(path[index])
        if literal is not None:
            found = literal._find(path, index + 1, method)
            if found is not None:
                return found
        if self._parameter is not None:
            return self._parameter._find(path, index + 1, method)
        return None

    def _child(self, segment: str | None) -> Trie[T]:
        if segment is None:
            self._parameter = self._parameter or Trie()
            return self._parameter
        return self._literals.setdefault(segment.encode(), Trie())

    def _taken(self, methods: frozenset[str]) -> Iterator[T]:
        if not methods and self._any is not None:
            yield self._any
        for method in methods:
            if method in self._methods:
                yield self._methods[method]

    def _put(self, methods: frozenset[str], value: T) -> None:
        if not methods:
            self._any = value
        for method in methods:
            self._methods[method] = value
