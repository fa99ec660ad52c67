"""Step 3: what the encoder sees in each photo, as sharded TFRecords."""
