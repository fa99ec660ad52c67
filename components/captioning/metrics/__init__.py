"""Metrics: BLEU, CIDEr-D and ROUGE-L."""
