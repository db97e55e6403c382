"""The supervisor: another process decides every file open of a command tree, and records what it saw. Linux only.

Trusted: nothing in here imports from `kernel/`, where notebook code lives. `syscalls`, `filter` and `landlock` say what is asked and what is
walled off, `launch` starts a command behind that, `loop` hears the questions, `resolve` finds what a path means to the caller, `decide`
answers (values only), and `opens`, `names` and `sockets` do what was decided. docs/supervision.md has the drawing and the promise.
"""
