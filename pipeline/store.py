"""Shows the feature store, and prunes it: `python -m pipeline.store`.

    python -m pipeline.store show
    python -m pipeline.store prune --older-than 30 --dry-run
    python -m pipeline.store prune --keep-bytes 2GB --store gs://bucket/features

What is pruned is computed anew by the next run that needs it; runs that go on are not disturbed.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Column, Table

from components.errors import CaptionflowError, SettingError
from components.features.eviction import choose_evicted, survey
from components.settings.encoder import EncoderSettings
from components.storage.filesystem import is_remote, local_path
from components.storage.shared_folder import StoredFile, remove_files

_DEFAULT: str = EncoderSettings.model_fields["store"].default

_Root = Annotated[Path, typer.Option(help="The work folder of the runs.")]
_Store = Annotated[
    str, typer.Option(help="The store: a folder in the work folder, gs:// or s3://.")
]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Shows the store of features that were computed before, and prunes it.",
)


@app.command("show")
def show(root: _Root = Path("runs"), store: _Store = _DEFAULT) -> None:
    """Shows what the store holds, encoder by encoder."""
    with _failures_in_a_line():
        place = _place(root, store)
        encoders = survey(place)
        table = Table(
            Column("encoder", overflow="fold"),
            "key",
            *(Column(name, justify="right") for name in ("features", "files", "size")),
            "used",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        for each in encoders:
            table.add_row(
                each.name or "unknown",
                each.key[:8],
                str(each.features),
                str(len(each.files)),
                _shown(each.files),
                f"{each.used:%Y-%m-%d}",
            )
        if encoders:
            Console().print(table)
        everything = [file for each in encoders for file in each.files]
        typer.echo(f"{len(everything)} files, {_shown(everything)} in {place}")


@app.command("prune")
def prune(
    root: _Root = Path("runs"),
    store: _Store = _DEFAULT,
    older_than: Annotated[
        int | None, typer.Option(help="Remove what no run used for so many days.", min=0)
    ] = None,
    keep_bytes: Annotated[
        str | None,
        typer.Option(help="Remove what was not used for longest, until no more is left: 2GB."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Removes what was not used for long, and says what that freed."""
    with _failures_in_a_line():
        if older_than is None and keep_bytes is None and not everything:
            raise SettingError(
                "prune must be told what may go: --older-than, --keep-bytes or --all"
            )
        place = _place(root, store)
        chosen = choose_evicted(
            survey(place),
            older_than=None if older_than is None else timedelta(days=older_than),
            keep_bytes=0 if everything else _bytes(keep_bytes),
        )
        if not dry_run:
            remove_files(place, [file.name for file in chosen])
        would = "would be freed" if dry_run else "freed"
        typer.echo(f"{len(chosen)} files, {_shown(chosen)} {would} in {place}")


def _place(root: Path, store: str) -> str:
    if not store:
        raise SettingError("store must be named. Received: ''")
    return store if is_remote(store) else str(root / local_path(store))


def _bytes(text: str | None) -> int | None:
    try:
        return None if text is None else TypeAdapter(ByteSize).validate_python(text)
    except ValidationError as error:
        raise SettingError(
            f"keep-bytes must be a size, such as 500MB or 2GiB. Received: {text!r}"
        ) from error


def _shown(files: Iterable[StoredFile]) -> str:
    return ByteSize(sum(file.size for file in files)).human_readable(decimal=True)


@contextmanager
def _failures_in_a_line() -> Iterator[None]:
    try:
        yield
    except CaptionflowError as error:
        typer.echo(f"captionflow: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    app()
