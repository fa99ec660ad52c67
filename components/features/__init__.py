"""Step 4: encodes photos into features, written with their captions as sharded TFRecords."""
