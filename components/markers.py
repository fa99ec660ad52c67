"""Names of files that an upload adds to a folder."""

#: In a folder while it is uploaded, and for as long as the upload is not finished.
UNFINISHED = "_UNFINISHED_UPLOAD"
#: In an uploaded folder: the names of its files, as a JSON list.
UPLOADED = "_UPLOADED_FILES"
