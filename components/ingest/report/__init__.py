"""Reports what was read and what was left out, as `report.json` and as a table."""
