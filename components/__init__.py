"""The steps of captionflow side by side, and the two ground-floor rooms they stand on."""
