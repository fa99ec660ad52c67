"""The commands `captionflow models`: list, show, approve, reject, promote and roll back."""

import typer

from pipeline.cli.models import decisions, listing

app = typer.Typer(
    no_args_is_help=True,
    help="Show registered models; approve, reject or promote a version; roll back.",
)
app.command("list")(listing.list_versions)
app.command("show")(listing.show)
app.command("approve")(decisions.approve)
app.command("reject")(decisions.reject)
app.command("promote")(decisions.promote)
app.command("rollback")(decisions.rollback)
