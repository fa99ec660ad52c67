"""Checks cached results before they are reused: the entry in kfp's cache, and the artifacts."""

from collections.abc import Iterable, Mapping
from typing import Any

from kfp.dsl import Artifact, Metrics
from kfp.local.cache import LocalCache

from components.artifacts.checksums import artifact_damage


def cached_outputs(store: LocalCache, key: str, artifacts: Iterable[str]) -> Any:
    """Returns the cached outputs of a step by name; None if there are none, or kfp can't read them.

    Args:
        store: kfp's cache.
        key: The step's key in it.
        artifacts: Names of the artifacts that the step has; all of them must be there.
    """
    try:
        outputs = store.get(key)
    except (ValueError, TypeError, AttributeError, LookupError):  # a damaged entry
        return None
    if outputs is None or not all(isinstance(outputs.get(name), Artifact) for name in artifacts):
        return None
    return outputs


def result_damage(outputs: Mapping[str, Any]) -> str:
    """Returns how a step's artifacts differ from what it wrote; empty if they do not.

    Metrics are part of their entry in the cache; nothing reads the file at their path.
    """
    files = (
        output
        for output in outputs.values()
        if isinstance(output, Artifact) and not isinstance(output, Metrics)
    )
    return next(filter(None, map(artifact_damage, files)), "")
