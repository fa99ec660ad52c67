"""The jars that SPICE needs besides those of `pycocoevalcap`.

All are in Maven Central. `mvn dependency:copy -Dartifact=COORDINATES -DoutputDirectory=FOLDER`
downloads one; the folder is the library's `spice/lib`. The library's own function would download
some of them, 400 MB, without asking.
"""

from importlib.resources import files
from pathlib import Path

from components.captioning.metrics.java_program import java_version

#: The library's folder, with SPICE's own jar.
SPICE_FOLDER = Path(str(files("pycocoevalcap") / "spice"))

# As groupId:artifactId:version[:packaging:classifier].
_PARSER = (
    "edu.stanford.nlp:stanford-corenlp:3.6.0",
    "edu.stanford.nlp:stanford-corenlp:3.6.0:jar:models",
)
# SPICE writes its answer with a JavaScript engine, which Java itself has up to version 14.
_LAST_WITH_ENGINE = 14
_ENGINE = (
    "org.openjdk.nashorn:nashorn-core:15.4",
    "org.ow2.asm:asm:7.3.1",
    "org.ow2.asm:asm-analysis:7.3.1",
    "org.ow2.asm:asm-commons:7.3.1",
    "org.ow2.asm:asm-tree:7.3.1",
    "org.ow2.asm:asm-util:7.3.1",
)


def missing_jars() -> str:
    """Returns which jars are missing, and where; empty if none is.

    If Java does not tell its version, it is assumed to have a JavaScript engine: what else is wrong
    with it shows when it runs.
    """
    folder = SPICE_FOLDER / "lib"
    version = java_version()
    engine = _ENGINE if version is not None and version > _LAST_WITH_ENGINE else ()
    missing = [jar for jar in (*_PARSER, *engine) if not (folder / _file_name(jar)).is_file()]
    return (
        f"these jars from Maven Central must be in {folder}: {', '.join(missing)}"
        if missing
        else ""
    )


def _file_name(coordinates: str) -> str:
    _, artifact, version, *others = coordinates.split(":")
    return "-".join([artifact, version, *others[1:]]) + ".jar"
