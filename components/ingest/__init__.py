"""Step 1: reads, checks, splits and fingerprints captioned photos, and writes a manifest."""
