"""The HTTP server that the demo page and the model server share: uvicorn, with limits.

uvicorn answers slow and refused clients without limits of its own: this room adds time limits for
heads and bodies of requests, a size limit, and a close that lets a client read its response.
"""
