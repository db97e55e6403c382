"""Data sets: what they look like, and how they differ from what they looked like. Parsing happens in a process that holds no key (`inside`)."""
