"""Adapters: one table of library functions that open files in native code or unpickle, and one mechanism that wraps them after import.

A row says where the path is and whether it is read or written; `wrapping` does the rest and can take it back.
"""
