"""How data sets lie on disk: one reader a layout, all returning the same `Source`."""
