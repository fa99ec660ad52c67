"""The web application: the page, the status of the model, and captions of uploaded photos."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from components.artifacts.language import UNDETERMINED
from components.captioning.encoder.images import FORMATS, MAX_BYTES, MAX_PIXELS
from components.describing.http.bodies import BodyLimits, client_closed
from components.describing.model import DecodeOptions
from components.describing.page.guard import HOSTS, SecurityHeaders, is_cross_origin
from components.describing.page.request_queue import RequestQueue, Upload
from components.describing.sentences import NO_WORDS, NOT_SURE
from components.errors import CaptionflowError

_HERE = Path(__file__).parent
_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
# Longer file names are cut off in messages.
_NAME_LENGTH = 100


def make_application(
    queue: RequestQueue,
    options: DecodeOptions,
    model: str,
    language: str,
    examples: Sequence[Path] = (),
) -> Starlette:
    """Makes the web application.

    `GET /` returns the page, `GET /examples/NAME` an example photo, and `GET /status` whether the
    model is `ready`. `POST /captions?name=…` takes a photo's file as its body, and returns the
    object that `captionflow caption --json` prints, with the `saliency` of each word; or
    `{"error": …}`, a message for the user, if the photo can't be captioned. Nothing is saved.

    Args:
        queue: Captions the photos; closed when the application shuts down.
        options: Decoding options.
        model: Name of the model, for the page.
        language: Language of its captions, a BCP 47 tag, for screen readers and speech.
        examples: JPEG files that the page offers to try the model on.
    """

    async def captions(request: Request) -> Response:
        if is_cross_origin(request):
            raise HTTPException(403, "Photos must be sent from this page, not from another site")
        # A slot is needed before the body is read, which limits the memory for uploads.
        with queue.slot():
            upload = Upload(_photo_name(request), await request.body())
            found = await asyncio.wrap_future(queue.submit(upload, options))
        return JSONResponse(found, 422 if "error" in found else 200)

    async def status(_: Request) -> Response:
        return JSONResponse({"ready": queue.ready})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        queue.close()

    return Starlette(
        routes=[
            _static("/", _render(model, language, examples), "text/html"),
            *(
                _static(f"/{name}", (_HERE / name).read_bytes(), kind)
                for name, kind in _FILES.items()
            ),
            *(_static(f"/examples/{e.name}", e.read_bytes(), "image/jpeg") for e in examples),
            Route("/status", status),
            Route("/captions", captions, methods=["POST"]),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            # Wraps everything that may reject a request before its body has been read.
            Middleware(BodyLimits, max_bytes=MAX_BYTES, too_large=_too_large),
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
        ],
        exception_handlers={
            HTTPException: _refused,
            CaptionflowError: _unavailable,
            ClientDisconnect: client_closed,
            Exception: _failed,
        },
        lifespan=lifespan,
    )


def _static(path: str, content: bytes, kind: str) -> Route:
    async def respond(_: Request) -> Response:
        return Response(content, media_type=kind)

    return Route(path, respond)


def _render(model: str, language: str, examples: Sequence[Path]) -> bytes:
    templates = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined
    )
    page = templates.get_template("page.html.jinja").render(
        model=model,
        # In HTML, an empty value means an unknown language.
        language="" if language == UNDETERMINED else language,
        examples=examples,
        formats=FORMATS,
        max_bytes=MAX_BYTES,
        max_pixels=MAX_PIXELS,
        no_words=NO_WORDS,
        not_sure=NOT_SURE,
    )
    return page.encode()


def _photo_name(request: Request) -> str:
    raw_name = request.query_params.get("name", "")[:_NAME_LENGTH]
    return "".join(c for c in raw_name if c.isprintable()).strip() or "The photo"


def _too_large(scope: Scope) -> str:
    return (
        f"{_photo_name(Request(scope))} can't be read as a photo: its file must not be larger than "
        f"{MAX_BYTES >> 20} MiB"
    )


async def _refused(_: Request, error: Any) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _unavailable(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)


async def _failed(_: Request, error: Exception) -> Response:
    # Starlette raises it again, so that the server logs the traceback.
    message = f"The photo could not be described: internal error ({type(error).__name__})"
    return JSONResponse({"error": message}, 500)
