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
    in_words,
    no_such_api,
    not_the_api,
    other_version,
    shown,
)

logger = logging.getLogger(__name__)

# Seconds to connect, and to the answer; kfp alone waits for ever. Before KFP 2.17 makes a run it
# asks its MLflow plugin, which gives a silent MLflow 60 seconds for each of 3 tries of 2 requests
# (mlflowOperationBudget in backend/src/apiserver/plugins/mlflow/config.go).
_TIME_LIMITS = (10, 60)
_TIME_LIMITS_TO_MAKE = (10, 60 + 60 * 3 * 2)
# What fails is told at once; who can wait tries again.
_RETRIES = Retry(total=None, connect=0, read=0, other=0, redirect=5)
# Where the user interface is once it is forwarded to this machine.
_FORWARDED = "http://localhost:8080"


class _Client(kfp.Client):
    """kfp's client, with time limits; it tells at once what is wrong."""

    answered = False

    def _load_config(self, *args: Any, **options: Any) -> Any:
        config = super()._load_config(*args, **options)
        config.retries = _RETRIES
        _keep_host(config)
        return config

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Sees that a server of a fitting version answers.

        kfp asks five times, with a traceback each time.
        """
        api_client = self._healthz_api.api_client
        address = self._existing_config.host
        if address == Configuration().host and self._uihost == _FORWARDED:
            raise SettingError(
                "No KFP server is named: give --host http://…, set KF_PIPELINES_ENDPOINT, or have "
                "a kube config that leads to the cluster (`kubectl config view`)"
            )
        _limit(api_client.rest_client, address)
        with talking_to(self):
            try:
                health = self._healthz_api.healthz_service_get_healthz()
            except ApiException as error:
                if error.status in (404, 501):
                    raise no_such_api(address, error) from error
                raise
        _check_version(address, _tag(address, api_client.last_response.data))
        self.answered = True
        return health


def connect(address: Address) -> kfp.Client:
    """Connects to a KFP server.

    Returns:
        kfp's client; the server has answered it.

    Raises:
        SettingError: If no server is named, or something given is unusable.
        CaptionflowError: If the server does not answer, refuses, or is of another version.
    """
    host = address.host or os.environ.get(KF_PIPELINES_ENDPOINT_ENV)
    if host and "://" not in host:
        host = f"https://{host}"
    if host and not re.fullmatch(r"https?://[^\s/]+\S*", host):
        raise SettingError(
            f"host must be an address such as http://localhost:8080. Received: {shown(host)!r}"
        )
    token = (address.existing_token or os.environ.get(TOKEN_VARIABLE, "")).strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise SettingError("A token must be one word of ASCII characters; this one is not")
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
            f"{kfp.Client._LOCAL_KFP_CONTEXT} must be as kfp writes it: mend or remove it. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    except (GoogleAuthError, OSError) as error:
        raise CaptionflowError(
            "No token for Google's Identity-Aware Proxy can be had: run `gcloud auth application-"
            f"default login`, or set {TOKEN_VARIABLE}. Received: {type(error).__name__}"
        ) from error
    # kfp asks by itself when it has no namespace.
    if not client.answered:
        client.get_kfp_healthz()
    return client


@contextmanager
def talking_to(client: kfp.Client) -> Iterator[None]:
    """Runs a block that uses kfp's client: without its prints, and with `in_words` for failures."""
    config = client._existing_config
    secrets = [key.removeprefix("Bearer ") for key in config.api_key.values() if key]
    with in_words(config.host, secrets), _quiet():
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
    # kfp prints as it goes, and warns that it is meant for KFP 2.
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _keep_host(config: Any) -> None:
    # Before each request the kube config's token is renewed, and with it the host is set back to
    # that of the cluster, without the path to KFP that kfp has added.
    host, renew = config.host, config.refresh_api_key_hook

    def renew_token(config: Any) -> None:
        renew(config)
        config.host, config.refresh_api_key_hook = host, renew_token

    if renew:
        config.refresh_api_key_hook = renew_token


def _limit(rest_client: Any, address: str) -> None:
    # kfp's calls take no time limit, and take any answer for an empty object.
    if "request" in vars(rest_client):
        return
    unlimited = rest_client.request

    def request(method: str, *args: Any, **options: Any) -> Any:
        limits = _TIME_LIMITS_TO_MAKE if method == "POST" else _TIME_LIMITS
        options["_request_timeout"] = options.get("_request_timeout") or limits
        try:
            response = unlimited(method, *args, **options)
        except ApiException as error:
            # It is going to be decoded, whatever it is.
            error.body = (error.body or b"").decode(errors="replace").encode()
            raise
        if "json" not in (response.getheader("content-type") or ""):
            raise not_the_api(address)
        return response

    rest_client.request = request


def _tag(address: str, answer: str) -> str:
    try:
        return str(json.loads(answer).get("tag_name", ""))
    except (ValueError, AttributeError) as error:
        raise not_the_api(address) from error


def _check_version(address: str, server: str) -> None:
    # Development builds say "unknown" or nothing.
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
            "KFP at %s is %s, older than kfp %s here: update it. It may leave out what it does not "
            "know of, such as a step's security context, and ends the runs of a schedule with it",
            address,
            server,
            own,
        )
