"""The program `captionflow`: a file for each command or group of commands, thin over functions."""
