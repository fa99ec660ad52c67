"""Names of files that an upload adds to a folder."""

#: A folder contains this file until its upload is finished.
UNFINISHED = "_UNFINISHED_UPLOAD"
#: An uploaded folder contains this file with the names of its files, as a JSON list.
UPLOADED = "_UPLOADED_FILES"
