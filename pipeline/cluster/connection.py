"""The connection to a Kubeflow Pipelines (KFP) server, made by kfp's own client."""

import io
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import kfp
from google.auth.exceptions import GoogleAuthError
from kfp.client.client import KF_PIPELINES_ENDPOINT_ENV
from kfp_server_api import ApiException, Configuration
from urllib3 import Retry

from components.errors import CaptionflowError, SettingError
from pipeline.cluster.address import Address
from pipeline.cluster.errors import (
    TOKEN_VARIABLE,
    no_such_api,
    not_the_api,
    other_version,
    translated_errors,
    without_credentials,
)

logger = logging.getLogger(__name__)

# Seconds to connect, and to receive a response; without them, kfp waits forever. Before KFP creates
# a run, its MLflow plugin may wait for MLflow: version 2.17.0 for 60 seconds in all, as shipped
# (OnBeforeRunCreation in backend/src/apiserver/plugins/mlflow/dispatcher.go), later versions for 3
# requests with 3 attempts of 60 seconds each (mlflowOperationBudget in config.go of that folder).
_TIMEOUTS = (10, 60)
_TIMEOUTS_TO_CREATE = (10, 60 + 3 * 3 * 60)
# No retries: errors are reported at once, and `follow_run` has its own.
_RETRIES = Retry(total=None, connect=0, read=0, other=0, redirect=5)
# Address of the user interface after `kubectl port-forward`.
_FORWARDED = "http://localhost:8080"


class _Client(kfp.Client):
    """kfp's client with timeouts, no retries, and a single health check.

    Attributes:
        is_checked: Whether the health check has succeeded.
    """

    is_checked = False

    def _load_config(self, *args: Any, **options: Any) -> Any:
        config = super()._load_config(*args, **options)
        config.retries = _RETRIES
        _keep_host(config)
        return config

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Checks that a server of a compatible version responds.

        kfp's own method tries five times, and prints a traceback each time.
        """
        api_client = self._healthz_api.api_client
        address = self._existing_config.host
        if address == Configuration().host and self._uihost == _FORWARDED:
            raise SettingError(
                "No address of a KFP server: give --host http://…, set KF_PIPELINES_ENDPOINT, or "
                "set up a kube config for the cluster (see `kubectl config view`)"
            )
        _set_timeouts(api_client.rest_client, address)
        with talking_to(self):
            try:
                health = self._healthz_api.healthz_service_get_healthz()
            except ApiException as error:
                if error.status in (404, 501):
                    raise no_such_api(address, error) from error
                raise
        _check_version(address, _tag(address, api_client.last_response.data))
        self.is_checked = True
        return health


def connect(address: Address) -> kfp.Client:
    """Connects to a KFP server.

    Returns:
        kfp's client, after a successful health check.

    Raises:
        SettingError: If there is no address, or the address, token or certificate is invalid.
        CaptionflowError: If the server does not respond, rejects the request, or has an
            incompatible version.
    """
    host = address.host or os.environ.get(KF_PIPELINES_ENDPOINT_ENV)
    if host and "://" not in host:
        host = f"https://{host}"
    if host and not re.fullmatch(r"https?://[^\s/]+\S*", host):
        raise SettingError(
            f"host must be an address such as http://localhost:8080. Received: "
            f"{without_credentials(host)!r}"
        )
    token = (address.existing_token or os.environ.get(TOKEN_VARIABLE, "")).strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise SettingError("The token must be one word of ASCII characters")
    if address.ca_cert and not Path(address.ca_cert).is_file():
        raise SettingError(f"ca_cert must be a file. Received: {address.ca_cert!r}")
    try:
        with _quiet():
            client = _Client(
                host=host,
                namespace=address.namespace,
                existing_token=token or None,
                ssl_ca_cert=address.ca_cert or None,
                ui_host=host or _FORWARDED,
            )
    except (json.JSONDecodeError, KeyError) as error:
        raise SettingError(
            f"{kfp.Client._LOCAL_KFP_CONTEXT} is not a valid kfp context file. Repair or delete "
            f"it. Received: {type(error).__name__}: {error}"
        ) from error
    except (GoogleAuthError, OSError) as error:
        raise CaptionflowError(
            "Can't get a token for Google's Identity-Aware Proxy. Run `gcloud auth application-"
            f"default login`, or set {TOKEN_VARIABLE}. Received: {type(error).__name__}"
        ) from error
    # kfp's constructor only does this when it has no namespace.
    if not client.is_checked:
        client.get_kfp_healthz()
    return client


@contextmanager
def talking_to(client: kfp.Client) -> Iterator[None]:
    """Runs a block that uses kfp's client: silences the client, and translates its errors."""
    config = client._existing_config
    secrets = [key.removeprefix("Bearer ") for key in config.api_key.values() if key]
    with translated_errors(config.host, secrets), _quiet():
        yield


def page(client: kfp.Client, *path: str) -> str:
    """Returns the address of a page of the user interface, such as `runs`, `details` and an id."""
    address = "/".join([client._get_url_prefix().rstrip("/"), "#", *path])
    if client._uihost != _FORWARDED:
        return address
    namespace = client.get_user_namespace() or "kubeflow"
    return f"{address} (after: kubectl port-forward -n {namespace} svc/ml-pipeline-ui 8080:80)"


@contextmanager
def _quiet() -> Iterator[None]:
    # kfp prints links, and warns that it is for KFP 2.
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _keep_host(config: Any) -> None:
    # Before each request, the kube config's hook renews the token and also resets the host to the
    # cluster's, without the path to KFP that kfp has appended.
    host, renew = config.host, config.refresh_api_key_hook

    def renew_token(config: Any) -> None:
        renew(config)
        config.host, config.refresh_api_key_hook = host, renew_token

    if renew:
        config.refresh_api_key_hook = renew_token


def _set_timeouts(rest_client: Any, address: str) -> None:
    # kfp's methods have no timeout, and read any response without JSON as an empty object.
    if "request" in vars(rest_client):
        return
    original = rest_client.request

    def request(method: str, *args: Any, **options: Any) -> Any:
        timeouts = _TIMEOUTS_TO_CREATE if method == "POST" else _TIMEOUTS
        options["_request_timeout"] = options.get("_request_timeout") or timeouts
        try:
            response = original(method, *args, **options)
        except ApiException as error:
            # kfp's client decodes it as UTF-8, whatever it is.
            error.body = (error.body or b"").decode(errors="replace").encode()
            raise
        if "json" not in (response.getheader("content-type") or ""):
            raise not_the_api(address)
        return response

    rest_client.request = request


def _tag(address: str, response: str) -> str:
    try:
        return str(json.loads(response).get("tag_name", ""))
    except (ValueError, AttributeError) as error:
        raise not_the_api(address) from error


def _check_version(address: str, server: str) -> None:
    # Development builds have the version "unknown" or none.
    numbers = re.match(r"v?(\d+)\.(\d+)", server)
    if not numbers:
        return
    own = kfp.__version__
    newest = tuple(int(number) for number in own.split(".")[:2])
    version = tuple(int(number) for number in numbers.groups())
    if version[0] != newest[0]:
        raise other_version(address, server, own)
    if version < newest:
        logger.warning(
            "KFP at %s is version %s, older than kfp %s here. Update it: an older server ignores "
            "fields that it does not know, such as a step's security context, and stops the runs "
            "of a schedule that is deleted",
            address,
            server,
            own,
        )
