"""Errors of a Kubeflow Pipelines (KFP) server, in one line each that says what to do."""

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

_HOST = "--host or KF_PIPELINES_ENDPOINT"
_FORWARD = "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
#: Environment variable with the token, named like kfp's own variables.
TOKEN_VARIABLE = "KF_PIPELINES_TOKEN"  # noqa: S105 # the variable's name
# Longest text of a server that a message quotes.
_MAX_LENGTH = 300


class NoResponseError(CaptionflowError):
    """The server does not respond now, but may do so later."""


@contextmanager
def translated_errors(address: str, secrets: Collection[str] = ()) -> Iterator[None]:
    """Translates errors of kfp's client in the block into one-line messages.

    Args:
        address: Address of the server, for the message.
        secrets: Texts that are masked in the message, in case the server repeats them.

    Raises:
        NoResponseError: If the server does not respond, but may do so later.
        CaptionflowError: If it rejects the request, or is not a KFP server.
    """
    try:
        yield
    except ApiException as error:
        raise _rejected(error, without_credentials(address), secrets) from error
    except HTTPError as error:
        cause = error.reason if isinstance(error, MaxRetryError) else error
        raise _unreachable(cause, without_credentials(address)) from error


def without_credentials(address: str) -> str:
    """Returns an address without its user name and password."""
    return re.sub(r"//[^/@\s]+@", "//", address).rstrip("/")


def not_the_api(address: str) -> CaptionflowError:
    """Returns the error for a response that is not from KFP's API, such as a page of HTML."""
    return CaptionflowError(
        f"{without_credentials(address)} does not respond like KFP's API: it is another service, "
        f"or a login page. Set {TOKEN_VARIABLE}, or bypass the login page: {_FORWARD}, and --host "
        "http://localhost:8080"
    )


def no_such_api(address: str, error: ApiException) -> CaptionflowError:
    """Returns the error for a server that lacks this version of KFP's API."""
    return CaptionflowError(
        f"{without_credentials(address)} has no KFP API v2beta1 ({error.status}). Correct {_HOST}; "
        f"if the server is KFP 1, update it to KFP 2{_server_text(error, ())}"
    )


def other_version(address: str, server: str, own: str) -> CaptionflowError:
    """Returns the error for a server that can't run packages of the installed kfp."""
    return CaptionflowError(
        f"KFP at {without_credentials(address)} is version {server}, but the installed kfp is "
        f"{own}. Update the server, or install kfp {server.split('.')[0]}"
    )


def _rejected(error: ApiException, address: str, secrets: Collection[str]) -> CaptionflowError:
    text = _server_text(error, secrets)
    match error.status:
        case 0 if address.startswith("https"):
            return _unreachable(SSLError(error.reason), address)
        case 0:
            return CaptionflowError(
                f"KFP at {address} sent a response that this client can't read. Check that it is "
                "KFP 2"
            )
        case 401:
            return CaptionflowError(
                f"KFP at {address} requires a valid token (401): it is missing, wrong or expired. "
                f"Set {TOKEN_VARIABLE} to a new token, or log in to the cluster again{text}"
            )
        case 403:
            return CaptionflowError(
                f"KFP at {address} denies access (403). Ask for the role kubeflow-edit in the "
                f"namespace, or choose another one with --namespace{text}"
            )
        case 429 | 500 | 502 | 503 | 504 as status:
            return NoResponseError(
                f"KFP at {address} is not ready ({status}). Try again in a minute, or read the log "
                f"of the deployment ml-pipeline{text}"
            )
        case status:
            return CaptionflowError(f"KFP at {address} rejected the request ({status}){text}")


def _server_text(error: ApiException, secrets: Collection[str]) -> str:
    # gRPC's gateway sends JSON; a proxy in between may not.
    try:
        body = json.loads(error.body or "{}")
        text = str(body.get("message") or body.get("error") or "")
    except (ValueError, AttributeError):
        text = ""
    for secret in secrets:
        text = text.replace(secret, "…")
    text = " ".join(text.split())
    return f". Its message: {text[:_MAX_LENGTH]}" if text else ""


def _unreachable(cause: Exception | None, address: str) -> CaptionflowError:
    match cause:
        case LocationValueError():
            return SettingError(
                f"host must be an address such as http://localhost:8080. Received: {address!r}"
            )
        case NameResolutionError():
            # A missing network looks the same as an unknown name.
            return NoResponseError(
                f"Can't find the machine of {address}. Correct {_HOST}, or check this machine's "
                "network"
            )
        case NewConnectionError():
            return NoResponseError(
                f"No server is running at {address}. Start it or the port-forward ({_FORWARD}), or "
                f"correct {_HOST}"
            )
        case ConnectTimeoutError() | ReadTimeoutError():
            return NoResponseError(
                f"KFP at {address} did not respond in time. Check for a firewall or VPN in "
                f"between, or correct {_HOST}"
            )
        case SSLError():
            return CaptionflowError(
                f"Can't open a secure connection to {address}. Use http:// if the server has no "
                "TLS, or give its CA certificate with --ca-cert"
            )
    return NoResponseError(
        f"The connection to KFP at {address} was lost. Try again. Received: {type(cause).__name__}"
    )
