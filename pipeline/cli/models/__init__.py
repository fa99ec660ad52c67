"""The commands `captionflow models`."""
