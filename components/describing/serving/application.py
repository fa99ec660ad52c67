"""The model server's web application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version as package_version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from components.captioning.encoder.images import MAX_BYTES
from components.captioning.inference.scoring import PhotoScorer
from components.describing.http.bodies import BodyLimits, client_closed
from components.describing.model import Model
from components.describing.serving.metrics import Measured, Metrics
from components.describing.serving.parser import Parser
from components.describing.serving.protocol import Invocation, Predictions
from components.errors import CaptionflowError, DataError, SettingError

_INVOCATIONS = "/invocations"
_JSON = "application/json"
_SCHEMAS = "#/components/schemas/{model}"
# MLflow's codes for client errors (True) and server errors (False).
_CODES = {True: "BAD_REQUEST", False: "INTERNAL_ERROR"}


def make_application(scorer: PhotoScorer, model: Model, metrics: Metrics) -> FastAPI:
    """Makes the model server's web application.

    `POST /invocations` captions photos. `GET /ping` (also `/health`) has status 200 once the model
    is loaded and warmed up, and 503 before. `GET /version`, `GET /metrics`, `GET /openapi.json` and
    `GET /docs` describe the server. Errors are `{"error_code": …, "message": …}`, as MLflow's
    server returns them; the message is one line.

    Args:
        scorer: Captions the photos; closed when the application shuts down.
        model: The model that is served.
        metrics: The metrics that `GET /metrics` returns.
    """
    metrics.ready.set_function(lambda: scorer.batcher.ready)
    parser = Parser()

    def predict(body: bytes) -> list[dict[str, Any]]:
        photos, params = parser.parse(body)
        return scorer.predict(list(enumerate(photos)), params)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        scorer.batcher.close()

    app = FastAPIOffline(
        title="captionflow",
        version=package_version("captionflow"),
        description=f"Captions photos with {model.name}.",
        redoc_url=None,
        lifespan=lifespan,
        middleware=[
            Middleware(Measured, metrics=metrics, path=_INVOCATIONS),
            Middleware(BodyLimits, max_bytes=MAX_BYTES, too_large=_too_large),
        ],
        exception_handlers={
            HTTPException: _refused,
            DataError: _invalid,
            SettingError: _invalid,
            CaptionflowError: _unavailable,
            ClientDisconnect: client_closed,
            Exception: _failed,
        },
    )

    @app.post(_INVOCATIONS, openapi_extra=_request_body(), responses=_responses())
    async def invocations(request: Request) -> Predictions:
        """Captions photos: MLflow's scoring protocol, in JSON."""
        _check_ready(scorer)
        kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
        if kind != _JSON:
            raise DataError(f"The Content-Type must be {_JSON}. Received: {kind!r:.60}")
        # A slot is needed before the body is read, which limits the memory for bodies.
        with scorer.batcher.slot():
            body = await request.body()
            predictions = await run_in_threadpool(predict, body)
        metrics.photos.inc(len(predictions))
        metrics.abstentions.inc(sum(bool(each["doubt"]) for each in predictions))
        # A response, not a `Predictions`, which FastAPI would validate again.
        return JSONResponse({"predictions": predictions})  # type: ignore[return-value] # see above

    @app.get("/ping", responses={503: {"description": "The model is not ready yet."}})
    @app.get("/health", include_in_schema=False)
    async def ping() -> Response:
        """Reports whether the model is ready."""
        _check_ready(scorer)
        return PlainTextResponse("ready\n")

    @app.get("/version")
    async def version() -> dict[str, str]:
        """Returns the versions of this program and of the model."""
        return {
            "captionflow": app.version,
            "model": model.registered_name or model.name,
            "version": model.version,
        }

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> Response:
        """Returns metrics for Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            body = Invocation.model_json_schema(ref_template=_SCHEMAS)
            schema["components"]["schemas"] |= {**body.pop("$defs"), Invocation.__name__: body}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI documents it
    return app


def _check_ready(scorer: PhotoScorer) -> None:
    if not scorer.batcher.ready:
        raise CaptionflowError("The model is still being loaded. Try again in a moment")


def _request_body() -> dict[str, Any]:
    schema = {"$ref": _SCHEMAS.format(model=Invocation.__name__)}
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": schema}}}}


def _responses() -> dict[int | str, dict[str, Any]]:
    return {
        400: {"description": "A photo, a parameter or the body breaks a rule."},
        408: {"description": "The body took too long to arrive."},
        413: {"description": f"The body is larger than {MAX_BYTES >> 20} MiB."},
        503: {"description": "The model is not ready yet, or too many requests are waiting."},
    }


def _too_large(_: Any) -> str:
    return f"The body must not be larger than {MAX_BYTES >> 20} MiB"


def _error(status: int, message: str, headers: Any = None) -> Response:
    content = {"error_code": _CODES[status < 500], "message": message}
    return JSONResponse(content, status, headers)


async def _refused(_: Request, error: Any) -> Response:
    return _error(error.status_code, error.detail, error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    return _error(400, str(error))


async def _unavailable(_: Request, error: Exception) -> Response:
    return _error(503, str(error), {"Retry-After": "1"})


async def _failed(_: Request, error: Exception) -> Response:
    # Starlette raises the error again, so the server logs its traceback.
    return _error(
        500, f"The photos could not be captioned: internal error ({type(error).__name__})"
    )
