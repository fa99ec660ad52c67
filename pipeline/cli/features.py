"""`captionflow features`: show and prune the feature store.

captionflow features show
captionflow features prune --older-than 30 --dry-run
captionflow features prune --keep-bytes 2GB --store gs://bucket/features

The next run that needs what was pruned computes it again; runs in progress are not affected.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from components.errors import SettingError
from pipeline.cli.errors import one_line_errors
from pipeline.cli.feature_store import DEFAULT_STORE, Store, bytes_of, store_location
from pipeline.cli.options import Root
from pipeline.cli.waiting import announce

app = typer.Typer(no_args_is_help=True, help="Show or prune the feature store.")


@app.command("show")
def show(root: Root = Path("runs"), store: Store = DEFAULT_STORE) -> None:
    """Show the features of each encoder, and the checks of photos, that the store holds."""
    with one_line_errors():
        announce("Reading the feature store …")
        from components.features.eviction import survey
        from pipeline.cli.feature_table import show_store

        location = store_location(root, store)
        show_store(survey(location), location)


@app.command("prune")
def prune(
    root: Root = Path("runs"),
    store: Store = DEFAULT_STORE,
    older_than: Annotated[
        int | None, typer.Option(help="Remove files that no run has used for N days.", min=0)
    ] = None,
    keep_bytes: Annotated[
        str | None,
        typer.Option(help="Remove the least recently used files down to this size, such as 2GB."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all files.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how much would be removed; remove nothing.")
    ] = False,
) -> None:
    """Remove features and checks of photos that have not been used for some time."""
    with one_line_errors():
        if older_than is None and keep_bytes is None and not everything:
            raise SettingError("prune needs one of --older-than, --keep-bytes and --all")
        announce("Reading the feature store …")
        from components.features.eviction import choose_evicted, survey
        from components.storage.shared_folder import remove_files
        from pipeline.cli.feature_table import total_size

        location = store_location(root, store)
        evicted = choose_evicted(
            survey(location),
            older_than=None if older_than is None else timedelta(days=older_than),
            keep_bytes=0 if everything else bytes_of(keep_bytes),
        )
        if not dry_run:
            remove_files(location, [file.name for file in evicted])
        action = "would be freed" if dry_run else "freed"
        typer.echo(f"{len(evicted)} files, {total_size(evicted)} {action} in {location}")
