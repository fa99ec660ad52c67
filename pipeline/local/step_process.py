"""The program that steps are forked from: imports their libraries once, then forks on request.

It is started by `step_server.StepServer`. A fork is safe, because importing starts nothing that it
would break: TensorFlow creates its devices and threads when it is first used.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path

# Of prctl(2): the signal that this process receives when its parent ends, and the name that `ps`
# and `top` show.
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def main(descriptor: str, *modules: str) -> None:
    """Imports modules, then runs the steps that it is asked to run, one after the other.

    Args:
        descriptor: The file descriptor of a connection that receives a request, JSON with the
            `name`, `source`, `arguments` and `environment` of a step, and the file descriptor of
            its output; and that sends the exit code, negative for a signal.
        modules: The modules that the steps import. If one can't be imported, the step says so.
    """
    _end_with_parent()
    # Ctrl-C in a terminal reaches this process, too; the steps alone should end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # As the documentation of `gc.freeze` advises: without collections, importing takes a fifth less
    # time, and forks share the memory of what was imported.
    gc.disable()
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()
    with Connection(int(descriptor)) as connection, contextlib.suppress(EOFError):
        while request := connection.recv_bytes():
            output = recv_handle(connection)
            step = os.fork()
            if not step:
                connection.close()
                _run(output, **json.loads(request))
            os.close(output)
            _, status = os.waitpid(step, 0)
            connection.send_bytes(str(os.waitstatus_to_exitcode(status)).encode())


def _run(
    output: int, name: str, source: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Runs a step in this process, as the script in KFP's command does, and ends the process."""
    code = 1
    try:
        gc.enable()
        _end_with_parent()
        _set_name(f"step {name}")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.environ.clear()
        os.environ.update(environment, _KFP_RUNTIME="true")
        # A library may have looked for it already, with the variables of that time.
        tempfile.tempdir = None
        _execute(source, arguments)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # outermost frame of the process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Python would first wait for TensorFlow's threads to end.
        os._exit(code)


def _execute(source: str, arguments: Sequence[str]) -> None:
    from kfp.dsl.executor_main import executor_main

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ephemeral_component.py")
        file.write_text(source, encoding="utf-8")
        sys.argv = [executor_main.__module__, "--component_module_path", str(file), *arguments]
        executor_main()


def _end_with_parent() -> None:
    """Makes the kernel kill this process when its parent ends, even by SIGKILL; only on Linux."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            raise SystemExit(1)


def _set_name(name: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
