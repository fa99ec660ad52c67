"""Which file is which captioned photo, and what the photo is called."""
