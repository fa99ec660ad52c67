"""The address of a Kubeflow Pipelines (KFP) server."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Address(BaseModel):
    """Address of a KFP server, and credentials. kfp's client looks up whatever is missing."""

    model_config = ConfigDict(frozen=True)

    title: ClassVar[str] = "Server"

    host: str = Field(
        "",
        description="Address of KFP's user interface or API, such as http://localhost:8080; empty: "
        "that of KF_PIPELINES_ENDPOINT, of the cluster around this machine, or of the kube config",
    )
    namespace: str = Field(
        "kubeflow", description="Namespace of KFP; in multi-user mode, of the user's profile"
    )
    existing_token: str = Field(
        "",
        repr=False,
        description="Access token for the server; KF_PIPELINES_TOKEN is safer, since other users "
        "can see command lines",
    )
    ca_cert: str = Field(
        "", description="File with the CA certificate that signed the server's certificate"
    )
