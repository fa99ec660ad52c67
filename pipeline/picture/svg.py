"""Draws the DAG of a compiled package as an SVG document."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.json_format import ParseError
from jinja2 import Environment, PackageLoader, StrictUndefined
from kfp import components
from yaml import YAMLError

from components.errors import DataError
from pipeline.package import compile_package
from pipeline.picture.graph import Graph, within
from pipeline.picture.layout import lay_out
from pipeline.picture.reading import read_graph
from pipeline.picture.shapes import LABEL_SIZE, TITLE_SIZE

_TEMPLATE = "dag.svg.jinja"


def draw(package: Path | None = None) -> str:
    """Draws the DAG of a package.

    Args:
        package: A compiled pipeline; None is this project's own, compiled now.

    Returns:
        The picture, an SVG document.

    Raises:
        DataError: If the file is no compiled pipeline.
    """
    if package is None:
        with tempfile.TemporaryDirectory() as folder:
            compile_package(compiled := Path(folder) / "package.yaml")
            return draw(compiled)
    try:
        graph = read_graph(components.load_component_from_file(str(package)).pipeline_spec)
    except OSError as error:
        raise DataError(f"{package} can't be read: {error.strerror}") from error
    # Whatever KFP's reader stumbles upon.
    except (AttributeError, LookupError, TypeError, ValueError, ParseError, YAMLError) as error:
        raise DataError(
            f"{package} must be a compiled pipeline: make one with `kfp dsl compile`"
        ) from error
    environment = Environment(
        loader=PackageLoader("pipeline.picture", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(_TEMPLATE).render(
        drawing=lay_out(graph),
        name=graph.name,
        description=" ".join(_sentences(graph)),
        title_size=TITLE_SIZE,
        label_size=LABEL_SIZE,
    )


def _sentences(graph: Graph) -> Iterator[str]:
    # For those who listen: the steps in running order, where they stand, what they hand on.
    for step in graph.steps:
        groups = [group.title for group in graph.groups if within(step.key, group.key)]
        where = f" ({', '.join(groups)})" if groups else ""
        what = [bundle.artifact for bundle in graph.bundles_from(step) if bundle.artifact]
        makes = f" makes {', '.join(what)}" if what else ""
        on = f" on a {step.accelerator}" if step.accelerator else ""
        yield f"{step.title}{where}{makes}{on}."
