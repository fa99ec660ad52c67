"""Failures of a Kubeflow Pipelines (KFP) server, each in one line that says what to do."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from kfp_server_api import ApiException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from components.errors import CaptionflowError, SettingError

_WHERE = "--host or KF_PIPELINES_ENDPOINT"
_FORWARD = "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
#: Holds a token, in the manner of kfp's own variables.
TOKEN_VARIABLE = "KF_PIPELINES_TOKEN"  # noqa: S105 # the variable's name
# Longest text of a server that is passed on.
_LONGEST = 300


class NoAnswerError(CaptionflowError):
    """The server does not answer now; it may in a while."""


@contextmanager
def in_words(address: str, secrets: Collection[str] = ()) -> Iterator[None]:
    """Puts what fails in the block in one line.

    Args:
        address: The server's, for the message.
        secrets: What must not be in the message, should the server repeat it.

    Raises:
        NoAnswerError: If the server does not answer, and may later.
        CaptionflowError: If it refuses, or is no KFP server.
    """
    try:
        yield
    except ApiException as error:
        raise _refused(error, shown(address), secrets) from error
    except HTTPError as error:
        cause = error.reason if isinstance(error, MaxRetryError) else error
        raise _unreached(cause, shown(address)) from error


def shown(address: str) -> str:
    """Returns an address without a user and password in it."""
    return re.sub(r"//[^/@\s]+@", "//", address).rstrip("/")


def not_the_api(address: str) -> CaptionflowError:
    """Returns the error for a page of HTML, or anything else, where the API should be."""
    return CaptionflowError(
        f"{shown(address)} does not answer as KFP's API does: it is another address, or a "
        f"page to log in. Set {TOKEN_VARIABLE}, or go past that page: {_FORWARD}, and --host "
        "http://localhost:8080"
    )


def no_such_api(address: str, error: ApiException) -> CaptionflowError:
    """Returns the error for a server without KFP's API of this version."""
    return CaptionflowError(
        f"{shown(address)} has no KFP API v2beta1 ({error.status}): correct {_WHERE}, or, if this "
        f"is KFP 1, update the server to KFP 2.{_told(error, ())}"
    )


def other_version(address: str, server: str, own: str) -> CaptionflowError:
    """Returns the error for a server whose version can't run the packages made here."""
    return CaptionflowError(
        f"KFP at {shown(address)} is version {server}, and packages made here are for {own}: "
        f"update the server, or install the kfp {server.split('.')[0]} that fits it"
    )


def _refused(error: ApiException, address: str, secrets: Collection[str]) -> CaptionflowError:
    told = _told(error, secrets)
    match error.status:
        case 0 if address.startswith("https"):
            return _unreached(SSLError(error.reason), address)
        case 0:
            return CaptionflowError(
                f"KFP at {address} answers what this client can't read: is it of another version?"
            )
        case 401:
            return CaptionflowError(
                f"KFP at {address} wants a valid token (401): this one is missing, wrong or "
                f"expired. Set {TOKEN_VARIABLE} to a new one, or log in to the cluster again.{told}"
            )
        case 403:
            return CaptionflowError(
                f"KFP at {address} does not allow this (403): ask for the role kubeflow-edit in "
                f"the namespace, or name another with --namespace.{told}"
            )
        case 429 | 500 | 502 | 503 | 504 as status:
            return NoAnswerError(
                f"KFP at {address} is not ready ({status}): try again in a minute, or look at the "
                f"log of the deployment ml-pipeline.{told}"
            )
        case status:
            return CaptionflowError(f"KFP at {address} refuses this ({status}).{told}")


def _told(error: ApiException, secrets: Collection[str]) -> str:
    # gRPC's gateway answers with JSON; a proxy in between may not.
    try:
        answer = json.loads(error.body or "{}")
        told = str(answer.get("message") or answer.get("error") or "")
    except (ValueError, AttributeError):
        told = ""
    for secret in secrets:
        told = told.replace(secret, "…")
    told = " ".join(told.split())
    return f" It says: {told[:_LONGEST]}" if told else ""


def _unreached(cause: Exception | None, address: str) -> CaptionflowError:
    match cause:
        case LocationValueError():
            return SettingError(
                f"host must be an address such as http://localhost:8080. Received: {address!r}"
            )
        case NameResolutionError():
            # No network for a while looks the same as a name that there is not.
            return NoAnswerError(
                f"No machine of this name is found: {address}. Correct {_WHERE}, or see whether "
                "this machine has a network"
            )
        case NewConnectionError():
            return NoAnswerError(
                f"Nothing listens at {address}: start the server or the way to it, such as "
                f"{_FORWARD}, or correct {_WHERE}"
            )
        case ConnectTimeoutError() | ReadTimeoutError():
            return NoAnswerError(
                f"KFP at {address} does not answer in time: see whether a firewall or VPN is in "
                f"between, or correct {_WHERE}"
            )
        case SSLError():
            return CaptionflowError(
                f"No secure connection to {address} can be made: write http:// if the server has "
                "no TLS, or name its authority's certificate with --ca-cert"
            )
    return NoAnswerError(
        f"The connection to KFP at {address} broke off: try again. Received: {type(cause).__name__}"
    )
