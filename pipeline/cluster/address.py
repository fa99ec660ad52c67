"""Where a Kubeflow Pipelines (KFP) server is."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Address(BaseModel):
    """Where a KFP server is, and who asks. What is not said kfp's client finds."""

    model_config = ConfigDict(frozen=True)

    title: ClassVar[str] = "Server"

    host: str = Field(
        "",
        description="Address of KFP's user interface or API, such as http://localhost:8080; else "
        "KF_PIPELINES_ENDPOINT, the cluster that this runs in, or the kube config",
    )
    namespace: str = Field(
        "kubeflow", description="Namespace of KFP or, if it serves many users, of their runs"
    )
    existing_token: str = Field(
        "",
        repr=False,
        description="Token that the server knows you by; better set KF_PIPELINES_TOKEN, which is "
        "seen by no one else",
    )
    ca_cert: str = Field(
        "", description="Certificate file of the authority behind a server's own certificate"
    )
