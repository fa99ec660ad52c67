"""Checks cached results before they are reused: the entry in kfp's cache, and the artifacts."""

from collections.abc import Iterable, Mapping
from typing import Any

from kfp.dsl import Artifact, Metrics
from kfp.local.cache import LocalCache

from components.artifacts.checksums import artifact_damage


def cached_outputs(store: LocalCache, key: str, artifacts: Iterable[str]) -> Any:
    """Returns the cached outputs of a step by name; None if they are missing or unreadable.

    Args:
        store: kfp's cache.
        key: The step's key in it.
        artifacts: Names of the step's artifacts, all of which must be cached.
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

    Metrics are stored in the cache itself; nothing reads the file at their path.

    Args:
        outputs: The step's outputs by name.
    """
    files = (
        output
        for output in outputs.values()
        if isinstance(output, Artifact) and not isinstance(output, Metrics)
    )
    return next(filter(None, map(artifact_damage, files)), "")
