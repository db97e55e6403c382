"""Schemas of the events that the server emits, by file; their ids end in the version, and a version is never changed."""
