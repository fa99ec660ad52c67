"""`captionflow submit`: starts a run on a Kubeflow Pipelines (KFP) cluster."""

from datetime import datetime
from typing import Annotated, Any

import typer

from components.settings.run import RunSettings
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Config, KfpExperiment, Preset
from pipeline.cli.setting_options import with_options
from pipeline.cli.waiting import announce
from pipeline.cluster.address import Address
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.names import PIPELINE


@with_options(Address, RunSettings, KubernetesSettings)
def submit(
    address: dict[str, Any],
    settings: dict[str, Any],
    kubernetes: dict[str, Any],
    preset: Preset = None,
    config: Config = None,
    run_name: Annotated[
        str, typer.Option(help="Name of the run.", show_default="preset or model name, and time")
    ] = "",
    kfp_experiment: KfpExperiment = PIPELINE,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Follow the steps until the run ends; fail if the run fails.",
        ),
    ] = False,
    pause: Annotated[
        float,
        typer.Option(help="Initial seconds between the queries of --wait.", min=0.05),
    ] = 2.0,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show which steps would run, and why; submit nothing.")
    ] = False,
) -> None:
    """Start a run on a cluster."""
    with one_line_errors("stopped; run the same command again"):
        announce("Connecting to Kubeflow Pipelines …")
        from pipeline.cluster import runs
        from pipeline.cluster.arguments import cluster_arguments
        from pipeline.cluster.connection import connect

        arguments = cluster_arguments(preset, config, settings, kubernetes)
        client = connect(Address(**address))
        if plan:
            from pipeline.cluster.plan import show_submission_plan

            show_submission_plan(client, kfp_experiment, arguments)
            return
        name = (
            run_name
            or f"{PIPELINE} {preset or arguments['model_name']} {datetime.now():%Y-%m-%d %H:%M:%S}"
        )
        run_id = runs.submit(client, arguments, experiment=kfp_experiment, run_name=name)
        page = runs.run_page(client, run_id)
        typer.echo(f"Run   {run_id}\nPage  {page}")
        if wait:
            from pipeline.cluster.follow import follow_run

            with one_line_errors(f"stopped waiting; the run continues: {page}"):
                follow_run(client, run_id, pause=pause)
