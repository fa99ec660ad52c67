"""What every step shares: the KFP decorator with its image."""

import functools

from kfp import dsl

#: The container image of all steps; on a cluster the parameter `image` names it with its registry.
IMAGE = "captionflow-python:0.1.0"

#: `@step` makes a function a KFP component whose body runs in IMAGE, where this package is.
step = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
