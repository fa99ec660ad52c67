"""The form of a language tag, in settings and in bundles."""

#: A BCP 47 tag; extensions and private use are left out.
LANGUAGE_TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}"
