"""Analysis of captions for notebooks: mistakes by kind, alternatives, figures."""
