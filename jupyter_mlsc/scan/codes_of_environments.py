"""The codes of findings on an environment: rows of the one table in `codes`."""

from __future__ import annotations

from jupyter_mlsc.scan.code import Code

_REINSTALL = "install it again: pip install --force-reinstall --no-deps {package}=={version}"
ENVIRONMENT = {
    "environment-changed": Code("high", "it is not as {package} {version} was installed", "find out who changed it; then " + _REINSTALL),
    "environment-missing": Code("medium", "{package} {version} was installed with it, and it is gone", _REINSTALL),
    "environment-added": Code(
        "high", "it lies among the files of {package} {version}, which did not bring it, and can be imported", "find out where it came from; then " + _REINSTALL
    ),
    "environment-added-data": Code(
        "low", "it lies among the files of {package} {version}, which did not bring it", "nothing, if a program keeps its data there"
    ),
    "environment-unreadable": Code("medium", "it belongs to {package} {version} and cannot be read", "look at its mode and owner"),
    "environment-more": Code("medium", "{count} more files of {package} {version} differ", _REINSTALL),
    "environment-unowned": Code("medium", "no installed distribution brought it, and it can be imported", "remove it, or make a package of it"),
    "bytecode-differs": Code(
        "high", "its source makes other bytecode, and Python would run this one", "find out who wrote it; remove it: Python compiles the source again"
    ),
    "bytecode-unchecked": Code(
        "medium", "it says that it is never compared with its source, so that a change of the source is not seen", "remove it: Python compiles the source again"
    ),
    "bytecode-unread": Code("medium", "Python would run it, and it cannot be read", "remove it: Python compiles the source again"),
    "environment-no-record": Code(
        "low", "{package} {version} was installed without a list of its files, so nobody can tell whether they changed", "install it by pip"
    ),
    "environment-unhashed": Code(
        "low", "{count} files of {package} {version} have no hash in its list, so nobody can tell whether they changed", "install a newer wheel of it"
    ),
    "environment-record-changed": Code(
        "high", "the list of files of {package} {version} is another one than at the last look", "find out who installed or changed it; then " + _REINSTALL
    ),
    "environment-editable": Code(
        "low", "{package} {version} is what lies in {folder} at each moment: nothing says what it was", "install it as a wheel where results must be repeated"
    ),
    "start-up-code": Code(
        "high",
        "it runs in every Python program of this environment, and no distribution brought it: {text}",
        "look at what it does; remove it if you did not put it there",
    ),
    "start-up-folder": Code(
        "medium", "it puts a folder on the path of every Python program, and no distribution brought it: {text}", "remove it, or install what lies there"
    ),
    "start-up-unreadable": Code("high", "every Python program of this environment would read it, and it cannot be understood", "remove it"),
    "start-up-customized": Code(
        "high",
        "every Python program of this environment imports {text} first, and no distribution brought it",
        "look at what it does; remove it if you did not put it there",
    ),
    "start-up-customized-elsewhere": Code("low", "every Python program imports {text} first", "look at what it does, if you did not put it there"),
    "vulnerable-low": Code("low", "{package} {version} is vulnerable, {id}{said}", "{fixed}"),
    "vulnerable-medium": Code("medium", "{package} {version} is vulnerable, {id}{said}", "{fixed}"),
    "vulnerable-high": Code("high", "{package} {version} is vulnerable, {id}{said}", "{fixed}"),
    "vulnerable-critical": Code("critical", "{package} {version} is vulnerable, {id}{said}", "{fixed}"),
    "advisories-not-checked": Code(
        "low", "nobody looked whether its distributions are known to be vulnerable", "name a database: mlsc scan --environment --advisories FOLDER"
    ),
    "advisories-old": Code("medium", "the newest advisory of the database is from {date}", "get a newer database"),
    "advisories-unread": Code("medium", "{count} records of the database of advisories cannot be read, for instance {example}", "get the database again"),
    "licence-unknown": Code("low", "{package} {version} does not say its licence", "ask who makes it"),
    "licence-denied": Code(
        "high", "{package} {version} has the licence {licence}, which the policy does not want", "do without it, or ask who keeps mlsc.toml"
    ),
    "interpreter-changed": Code("high", "the files of Python {version} are not those of the last look", "find out who changed them; install Python again"),
}
