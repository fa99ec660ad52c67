"""Archives, treated as hostile: their members, names and places, checked as they are unpacked."""
