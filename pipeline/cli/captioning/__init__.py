"""What `captionflow caption`, `demo` and `serve` share, and the output of `caption`."""
