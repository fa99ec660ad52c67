"""Step 1: photos with captions in, checked, split and fingerprinted, as a manifest."""
