"""One file for each threat of the design: what an attacker with write access to the project's folder does, tried through the whole stack.

Honest use beside each attack still works, or the test would only show that everything is refused.
"""
