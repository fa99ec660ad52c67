"""`python -m pipeline.local`: the command `captionflow run`."""

import typer

from pipeline.cli.run import run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(run)

if __name__ == "__main__":
    app()
