"""Suppresses warnings that another part of the output repeats."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(*packages: str) -> Iterator[None]:
    """Suppresses the warnings that packages log in the block.

    Args:
        packages: Such as `components.ingest`, with everything below it.
    """
    loggers = [logging.getLogger(package) for package in packages]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
