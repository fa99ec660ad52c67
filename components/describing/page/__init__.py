"""The demo page: a web application on loopback that describes the photos it is given.

`pipeline.demo` serves it.
"""
