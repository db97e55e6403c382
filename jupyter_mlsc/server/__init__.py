"""The server extension: the panel's routes, live events, and the judgement of notebooks when they are saved.

Rules kept: a face, which calls `Project` and decides nothing; trusted, so that nothing is imported from ``kernel/`` and no message of a kernel is
believed; nothing heavy is imported when the extension is loaded.
"""
