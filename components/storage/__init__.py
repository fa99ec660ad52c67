"""Files and folders on this machine, in Google Cloud Storage and in S3, through fsspec."""
