"""What the picture shows: steps, the groups that they stand in, and what passes between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


def within(key: str, outer: str) -> bool:
    """Tells whether a step or group stands in a group, or is the same."""
    return key == outer or key.startswith(f"{outer}/")


@dataclass(frozen=True)
class Step:
    """A step of the DAG.

    Attributes:
        key: The names of the tasks around it and its own, such as `condition-1/train`.
        title: Its display name.
        layer: How many steps at most come one after the other before it.
        accelerator: `GPU` or `TPU`, if it asks for one.
    """

    key: str
    title: str
    layer: int
    accelerator: str = ""


@dataclass(frozen=True)
class Group:
    """Steps that stand together: under a condition, in a loop, or as a pipeline of their own.

    Attributes:
        key: As of a step.
        title: Its display name; that of a condition with `if` before it.
        first: The first layer that a step of it is in.
        last: The last one.
    """

    key: str
    title: str
    first: int
    last: int


@dataclass(frozen=True)
class Link:
    """One thing that waits for another.

    Attributes:
        source: The key of a step.
        target: The key of a step; or of a group, which no artifact goes to as a whole.
        artifact: What its producer calls it. None: the source answers a condition, or has only
            to be done before.
    """

    source: str
    target: str
    artifact: str | None


@dataclass(frozen=True)
class Bundle:
    """What leaves a step as one line.

    Attributes:
        key: Of no other bundle, step or group.
        source: The step.
        artifact: As of a link.
        links: For each link the step where it ends; for one to a group, the group's first.
    """

    key: str
    source: Step
    artifact: str | None
    links: tuple[tuple[Link, Step], ...]

    @property
    def last(self) -> int:
        """The layer of the last step that it goes to."""
        return max(target.layer for _, target in self.links)

    def skips_to(self, target: Step) -> bool:
        """Tells whether it passes a layer on its way to a step."""
        return target.layer > self.source.layer + 1


@dataclass(frozen=True)
class Graph:
    """The DAG of a package.

    Attributes:
        name: The pipeline's.
        steps: In running order.
        groups: Outer ones before inner ones.
        links: Each once, in an order of their own.
    """

    name: str
    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    links: tuple[Link, ...]

    def first_in(self, key: str) -> Step:
        """Returns the first step of a group, or the step itself."""
        return next(step for step in self.steps if within(step.key, key))

    def bundles_from(self, step: Step) -> Iterator[Bundle]:
        """Yields what leaves a step."""
        return (bundle for bundle in self.bundles if bundle.source is step)

    @cached_property
    def bundles(self) -> tuple[Bundle, ...]:
        """The links, those together that carry the same."""
        steps = {step.key: step for step in self.steps}
        links: dict[tuple[str, str | None, str], list[tuple[Link, Step]]] = {}
        for link in self.links:
            name = f"#{link.artifact}" if link.artifact else f">{link.target}"
            ends = links.setdefault((link.source, link.artifact, name), [])
            ends.append((link, self.first_in(link.target)))
        return tuple(
            Bundle(source + name, steps[source], artifact, tuple(pairs))
            for (source, artifact, name), pairs in links.items()
        )

    @cached_property
    def detours(self) -> frozenset[tuple[str, str]]:
        """Pairs of steps, (source, target), that artifacts also join by way of other steps."""
        after: dict[str, set[str]] = {step.key: set() for step in self.steps}
        for link in self.links:
            if link.artifact:
                after[link.source].add(link.target)
        reached: dict[str, set[str]] = {}
        for step in reversed(self.steps):
            further = (reached[key] for key in after[step.key])
            reached[step.key] = after[step.key].union(*further)
        return frozenset(
            (source, target)
            for source, targets in after.items()
            for target in targets
            if any(target in reached[other] for other in targets)
        )
