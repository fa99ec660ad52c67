"""The page on loopback that describes photos: a person gives one, and gets words for it.

It stands in the room that describes, as one more way to be asked. `captionflow demo` says where it
runs, and with which model.
"""
