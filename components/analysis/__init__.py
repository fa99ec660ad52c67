"""Analysis of captions for notebooks: alternatives and figures."""
