"""The HTTP server that the demo page and the model server share: uvicorn, with limits.

uvicorn itself does not limit slow clients and large requests: this package adds time limits for
heads and bodies, a size limit, and a way to close connections that lets clients read responses.
"""
