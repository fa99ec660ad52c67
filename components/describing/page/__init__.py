"""The demo page: a web application on loopback that describes the photos it is given.

`captionflow demo` serves it.
"""
