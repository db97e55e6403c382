"""What is looked for in artifacts, one file per family; `allowlist` is the one list of globals that may be unpickled."""
