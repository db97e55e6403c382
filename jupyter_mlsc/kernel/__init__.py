"""The adversary's room: what runs in the same process as a notebook's code. Nothing in here is trusted by anything outside."""
