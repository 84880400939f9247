"""Which API server is asked, and as whom: from a kubeconfig, or from the pod that Ancla itself runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client.configuration import Configuration  # type: ignore[import-untyped]
from kubernetes.client.rest import RESTClientObject  # type: ignore[import-untyped]
from kubernetes.config import (  # type: ignore[import-untyped]
    ConfigException,
    load_incluster_config,
    load_kube_config,
)
from urllib3 import PoolManager, Retry

from chalicelib.domain.errors import Invalid


class Login:
    """A server's address, the way to it, and the credentials, which are asked for before each request: they may be renewed."""

    def __init__(self, kubeconfig: Path | None, context: str = "") -> None:
        self._configuration = _configuration(kubeconfig, context)
        # Of the official client the way to the server is used, not its classes for each kind: they cost a second to load.
        self.pool: PoolManager = RESTClientObject(self._configuration).pool_manager
        self.server: str = self._configuration.host

    def headers(self) -> dict[str, str]:
        try:
            token = self._configuration.get_api_key_with_prefix("authorization")
        except (ConfigException, OSError) as error:
            raise _unusable("the cluster's credentials", error) from error
        return {"Authorization": token} if token else {}


def _configuration(kubeconfig: Path | None, context: str) -> Any:
    configuration = Configuration()
    try:
        if kubeconfig is None:
            load_incluster_config(client_configuration=configuration)
        else:
            load_kube_config(str(kubeconfig), context=context or None, client_configuration=configuration, persist_config=False)
    except (ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(str(kubeconfig) if kubeconfig else "this pod's service account", error) from error
    _check_files(configuration)
    # Once more for what never reached the server, or what may be asked twice; nothing is followed elsewhere.
    configuration.retries = Retry(connect=1, read=1, redirect=False, status=0, other=0)
    configuration.connection_pool_maxsize = 8
    return configuration


def _check_files(configuration: Any) -> None:
    """Files that cannot be read would be told of at the first request only, as a failed connection."""
    for path in (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file):
        if path and not os.access(path, os.R_OK):
            raise _unusable(path, OSError("it is not there or cannot be read"))


def _unusable(what: str, error: Exception) -> Invalid:
    said = " ".join(str(error).split())
    return Invalid(
        f"Kubernetes: {what} cannot be used: {said}",
        code="kubeconfig_invalid",
        hint="let ANCLA_KUBECONFIG name a kubeconfig with a cluster, a user and a context; `kubectl --kubeconfig … get ns` tries it",
    )
