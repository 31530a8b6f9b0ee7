"""Strict reading of files from untrusted sources: JSON, YAML, schemas and digests."""
