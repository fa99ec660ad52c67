"""Decoding: beam search and reranking."""
