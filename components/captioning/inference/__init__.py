"""Inference: the bundle, the captioner, dynamic batching and saliency."""
