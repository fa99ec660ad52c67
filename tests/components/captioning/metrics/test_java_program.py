import shutil
import subprocess
from importlib.resources import files

import pytest
from java_programs import FakeJava

from components.captioning.metrics.java_program import failure, java_version

# What SPICE wrote without Stanford CoreNLP, on Java 17.
TRACE = """\
Exception in thread "main" java.lang.NoClassDefFoundError: edu/stanford/nlp/semgraph/semgrex/Sem
	at edu.anu.spice.SpiceParser.<clinit>(SpiceParser.java:64)
	at edu.anu.spice.SpiceScorer.scoreBatch(SpiceScorer.java:70)
	at edu.anu.spice.SpiceScorer.main(SpiceScorer.java:60)
Caused by: java.lang.ClassNotFoundException: edu.stanford.nlp.semgraph.semgrex.SemgrexPattern
	at java.base/jdk.internal.loader.BuiltinClassLoader.loadClass(BuiltinClassLoader.java:641)
	at java.base/jdk.internal.loader.ClassLoaders$AppClassLoader.loadClass(ClassLoaders.java:188)
	at java.base/java.lang.ClassLoader.loadClass(ClassLoader.java:525)
	... 3 more
"""
CAUSE = "java.lang.ClassNotFoundException: edu.stanford.nlp.semgraph.semgrex.SemgrexPattern"


def test_failure_names_the_root_cause_of_a_stack_trace() -> None:
    assert str(failure(1, TRACE)) == f"exit code 1, {CAUSE}"
    nested = f"{TRACE}Caused by: java.io.IOException: disk\n\tat A.b(A.java:1)\n\t... 9 more\n"
    assert str(failure(1, nested)) == "exit code 1, java.io.IOException: disk"


def test_failure_without_a_cause_is_the_last_line_that_is_no_frame() -> None:
    trace = (
        "Parsing\njava.lang.OutOfMemoryError: Java heap space\n\tat A.b(A.java:1)\n\t... 2 more\n"
    )
    assert str(failure(1, trace)) == "exit code 1, java.lang.OutOfMemoryError: Java heap space"
    assert str(failure(-9, "")) == "exit code -9, no message"


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
def test_failure_understands_the_java_that_is_here() -> None:
    jars = files("pycocoevalcap") / "spice"
    command = ["java", "-cp", f"{jars}/spice-1.0.jar", "edu.anu.spice.SpiceScorer", "in.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "\tat " in done.stderr
    assert "java.lang.ClassNotFoundException: " in str(failure(done.returncode, done.stderr))


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xss9m\\nopenjdk version "21" 2023-09-19', 21),
        ("no Java here", None),
    ],
)
def test_java_version_is_the_first_number(
    line: str, version: int | None, fake_java: FakeJava
) -> None:
    fake_java(f"import sys\nprint('{line}', file=sys.stderr)\n")
    assert java_version() == version
