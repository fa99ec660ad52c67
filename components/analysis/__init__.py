"""Analysis of captions for notebooks and reports: mistakes by kind, alternatives, figures."""
