"""A table of the feature store: a row for each encoder, and for each version of the checks."""

from collections.abc import Iterable, Sequence

import typer
from pydantic import ByteSize
from rich.console import Console
from rich.table import Column, Table

from components.features.eviction import StoreFolder
from components.storage.shared_folder import StoredFile


def show_store(folders: Sequence[StoreFolder], location: str) -> None:
    """Prints what a feature store holds, folder by folder, and its total size.

    Args:
        folders: Obtained from `survey`.
        location: The store's folder or URI.
    """
    table = Table(
        Column("encoder or checks", overflow="fold"),
        "key",
        *(Column(name, justify="right") for name in ("entries", "files", "size")),
        "used",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for each in folders:
        table.add_row(
            each.name or "unknown",
            each.key[:8],
            str(each.entries),
            str(len(each.files)),
            total_size(each.files),
            f"{each.used:%Y-%m-%d}",
        )
    if folders:
        Console().print(table)
    files = [file for each in folders for file in each.files]
    typer.echo(f"{len(files)} files, {total_size(files)} in {location}")


def total_size(files: Iterable[StoredFile]) -> str:
    """Returns the total size of files as text, such as `381B` or `1.2GB`."""
    return ByteSize(sum(file.size for file in files)).human_readable(decimal=True)
