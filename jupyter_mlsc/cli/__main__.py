"""``python -m jupyter_mlsc.cli``: the same command line, for an interpreter whose scripts are not on the path."""

from jupyter_mlsc.cli import main

main()
