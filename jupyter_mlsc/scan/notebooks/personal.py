"""Personal data in a text, looked for only where somebody asks: mail addresses, and numbers that carry a check digit.

The checks are the standards' own: ISO 13616 (IBAN, modulus 97), ISO/IEC 7812 (payment cards, Luhn).

Rules kept: a number without a check that holds is none: a notebook is full of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


def _is_iban(value: str) -> bool:
    compact = re.sub(r"\s", "", value).upper()
    return 15 <= len(compact) <= 34 and int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1


def _is_card(value: str) -> bool:
    digits = [int(each) for each in value if each.isdigit()]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_address(value: str) -> bool:
    return not re.search(r"(?i)@(?:.*\.)?(?:example\.(?:com|org|net)|localhost|users\.noreply\.github\.com)$", value)


_FORMS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("mail address", re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"), _is_address),
    ("bank account number (IBAN)", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _is_iban),
    ("payment card number", re.compile(r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\d.])"), _is_card),
)
_LONGEST_LINE = 20_000


def find(text: str) -> Iterator[tuple[str, int]]:
    """What personal data there is in the text: what it is, and the line (1 is the first)."""
    for number, line in enumerate(text.splitlines(), 1):
        for what, form, holds in _FORMS:
            for match in form.finditer(line[:_LONGEST_LINE]):
                if holds(match[0]):
                    yield what, number
