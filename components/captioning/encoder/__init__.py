"""The image encoder: a pretrained backbone with its preprocessing, weights and precision."""
