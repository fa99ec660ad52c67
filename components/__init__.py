"""The steps of captionflow, and the packages that they share."""
