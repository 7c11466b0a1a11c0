"""Families of encoders, one file each; found through entry points."""
