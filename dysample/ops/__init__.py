"""Upsampling operators, one file each, and the one table of them (`registry`)."""
