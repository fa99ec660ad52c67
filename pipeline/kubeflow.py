"""`python -m pipeline.kubeflow`: the commands of `captionflow` for a cluster."""

import typer

from pipeline.cli import compile_, schedule, submit

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Run the pipeline on a Kubeflow Pipelines (KFP) cluster.",
)
app.command("submit")(submit.submit)
app.command("schedule")(schedule.schedule)
app.command("schedules")(schedule.list_schedules)
app.command("unschedule")(schedule.unschedule)
app.command("compile")(compile_.compile_package_file)

if __name__ == "__main__":
    app()
