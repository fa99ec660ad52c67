"""The program that steps are forked from: imports their libraries once, then forks on request.

`server.StepServer` starts it. A fork has only the thread that called it, so importing must start no
Python thread; a test checks that. Some libraries do start threads of their own, and prepare them
for a fork (OpenBLAS, jemalloc). TensorFlow creates its devices and threads when it is first used.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path

# Of prctl(2): the signal that this process receives when its parent ends, and the name that `ps`
# and `top` show.
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def main(descriptor: str, parent: str, *modules: str) -> None:
    """Imports modules, then runs the steps that it is asked to run, one after the other.

    Args:
        descriptor: The file descriptor of a connection that receives a request, JSON with the
            `name`, `source`, `arguments` and `environment` of a step, and the file descriptor of
            its output; and that sends the exit code, negative for a signal.
        parent: The id of the process that runs the pipeline.
        modules: The modules that the steps import. If one can't be imported, the step says so.
    """
    _end_with(int(parent))
    # Ctrl-C in a terminal reaches this process, too; the steps alone should end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_by_imports = _import(modules)
    with Connection(int(descriptor)) as connection, contextlib.suppress(EOFError, OSError):
        while request := connection.recv_bytes():
            output = recv_handle(connection)
            server = os.getpid()
            step = os.fork()
            if not step:
                connection.close()
                _run(server, output, set_by_imports, **json.loads(request))
            os.close(output)
            _, status = os.waitpid(step, 0)
            connection.send_bytes(str(os.waitstatus_to_exitcode(status)).encode())
    _end(0)


def _import(modules: Sequence[str]) -> dict[str, str]:
    """Imports modules; returns the environment variables that they have set."""
    before = dict(os.environ)
    # A library gives its logger a handler of its own if the root logger has none.
    logging.basicConfig()
    # As the documentation of `gc.freeze` advises: without collections, importing takes a fifth less
    # time, and forks share the memory of what was imported.
    gc.disable()
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    # Looked up once for all steps that need it.
    if code_version := sys.modules.get("components.artifacts.code_version"):
        code_version.library_distributions()
    gc.freeze()
    logging.getLogger().handlers.clear()
    # Otherwise each step would print it again.
    sys.stdout.flush()
    return {name: text for name, text in os.environ.items() if before.get(name) != text}


def _run(
    server: int,
    output: int,
    set_by_imports: Mapping[str, str],
    name: str,
    source: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    """Runs a step in this process, as the script in KFP's command does, and ends the process."""
    code = 1
    try:
        gc.enable()
        # What libraries registered when they were imported is the server's.
        atexit._clear()
        _end_with(server)
        _set_name(f"step {name}")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.close(output)
        os.environ.clear()
        os.environ.update({**set_by_imports, **environment})
        # A library may have looked for it already, with the variables of that time.
        tempfile.tempdir = None
        _execute(source, arguments)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException:  # outermost frame of the process
        traceback.print_exc()
    finally:
        _end(code)


def _execute(source: str, arguments: Sequence[str]) -> None:
    from kfp.dsl.executor_main import executor_main

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ephemeral_component.py")
        file.write_text(source, encoding="utf-8")
        sys.argv = [executor_main.__module__, "--component_module_path", str(file), *arguments]
        executor_main()


def _end(code: int) -> None:
    """Ends this process as Python does, but without waiting for TensorFlow's own threads."""
    try:
        threading._shutdown()  # type: ignore[attr-defined] # waits for Python's threads
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    """Makes the kernel kill this process when its parent ends, even by SIGKILL; only on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # The parent ended before the call took effect.
            os._exit(1)


def _set_name(name: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
