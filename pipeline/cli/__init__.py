"""The program `captionflow`: one file per command or group of commands."""
