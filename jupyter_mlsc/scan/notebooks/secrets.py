"""Secrets in a text: tokens of services by their form, private keys, passwords by the name that they are given, strings that look random.

The forms and the rules for assignments are detect-secrets'; a few services that data scientists use and that it does not know stand here.

Rules kept: a finding never repeats a secret; a secret is held as a value only by who redacts it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

Certainty = Literal["token", "assigned", "random"]
_WINDOW, _OVERLAP = 4096, 512
"""Characters of a line that are searched at a time: the expressions were not written for lines of megabytes."""
_SHORTEST = 6
"""Characters of the shortest secret that stands alone."""
_INLINE_DATA = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]{64,}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a text: what it is, how sure that is, the line (1 is the first), and the value itself."""

    what: str
    certainty: Certainty
    line: int
    value: str


_TOKENS = (
    ("artifactory", "ArtifactoryDetector"), ("aws", "AWSKeyDetector"), ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"), ("cloudant", "CloudantDetector"), ("discord", "DiscordBotTokenDetector"), ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"), ("ibm_cloud_iam", "IbmCloudIamDetector"), ("ibm_cos_hmac", "IbmCosHmacDetector"), ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"), ("npm", "NpmDetector"), ("openai", "OpenAIDetector"), ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"), ("sendgrid", "SendGridDetector"), ("slack", "SlackDetector"), ("softlayer", "SoftlayerDetector"),
    ("square_oauth", "SquareOAuthDetector"), ("stripe", "StripeDetector"), ("telegram_token", "TelegramBotTokenDetector"), ("twilio", "TwilioKeyDetector"),
)  # fmt: skip

_FORMS = (
    ("Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{34,40}\b")),
    ("Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])")),
    ("Google OAuth client secret", re.compile(r"\bGOCSPX-[0-9A-Za-z_-]{28}(?![0-9A-Za-z_-])")),
    ("Anthropic API key", re.compile(r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{32,}")),
    ("OpenAI API key", re.compile(r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}")),
    ("GitHub token", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{60,}\b")),
    ("Databricks token", re.compile(r"\bdapi[0-9a-f]{32}(?:-\d)?\b")),
    ("Weights and Biases API key", re.compile(r"(?i)\bwandb[^\n]{0,60}?[\"']([0-9a-f]{40})[\"']")),
    ("Jupyter server token", re.compile(r"[?&]token=([0-9a-f]{48})\b")),
    ("Azure shared access signature", re.compile(r"[?&]sv=\d{4}-\d\d-\d\d&[^\s\"']*\bsig=([A-Za-z0-9%/+]{40,}={0,2}(?:%3D){0,2})")),
    ("encrypted private key", re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----")),
)  # fmt: skip

_ASSIGNED = re.compile(
    r"""(?ix) \b [\w.\-\[\]"']*? (?:passwd|password|passphrase|pwd|secret|bearer|(?:api|access|auth|private|account)_?key|(?:auth|access|api)_?token)
    (?:_?(?:value|string|str|text|\d+))? ["'\])]* \s* (?::\s*\w+\s*)? (?:=|:|,|\bto\b) \s* [furb]{0,2} (["']) (?P<value>[^"'\s]{6,200}) \1"""
)
_PLACEHOLDER = re.compile(
    r"(?i)^(?:[*x.\-_#]+|<.*>|\[.*\]|\{.*\}|\$\{?.*|%.*%|.*\.\.\..*|(?:your|my|the|some|enter|insert|put|example|sample|dummy|fake|placeholder|changeme|change[-_]me|todo|none|null|true|false|secret"
    r"|password|passwd|token|api[-_]?key|redacted|test|foo|bar|env)(?:[-_ ].*|\d*)?|.*(?:redacted|your[-_ ]|placeholder|example).*)$"
)


def find(text: str, *, code: bool, name: str = "") -> Iterator[Secret]:
    """Secrets in ``text``.

    ``code`` says that it is source, in which assignments and random-looking strings are looked for; ``name`` is what the text is assigned to.
    """
    seen: set[tuple[int, str]] = set()
    for number, line in enumerate(_INLINE_DATA.sub("data:,", text).splitlines(), 1):
        for start in range(0, max(len(line), 1), _WINDOW - _OVERLAP):
            window = line[start : start + _WINDOW]
            for secret in _in_line(window, number, code):
                if (number, secret.value) not in seen:
                    seen.add((number, secret.value))
                    yield secret
    if name and "\n" not in text and (assigned := _ASSIGNED.search(f"{name} = {text!r}")) and not _PLACEHOLDER.match(assigned["value"]):
        yield Secret(f"{name}", "assigned", 1, assigned["value"])


def _in_line(line: str, number: int, code: bool) -> Iterator[Secret]:
    tokens: list[str] = []
    for what, form in _FORMS:
        for match in form.finditer(line):
            tokens.append(match[(form.groups and 1) or 0])
            yield Secret(what, "token", number, tokens[-1])
    for detector in _detectors():
        for value in _values(detector, line):
            if value and not any(value in token or token in value for token in tokens) and not _is_harmless(detector.secret_type, value, line):
                tokens.append(value)
                yield Secret(detector.secret_type, "token", number, value)
    if not code:
        return
    for match in _ASSIGNED.finditer(line):
        value = match["value"]
        if not _PLACEHOLDER.match(value) and not any(value in token or token in value for token in tokens):
            tokens.append(value)
            yield Secret("password or key in an assignment", "assigned", number, value)
    for value in _random_strings(line):
        if not any(value in token or token in value for token in tokens):
            yield Secret("string that looks random", "random", number, value)


def _values(detector: Any, line: str) -> Iterator[str]:
    """What a detector's forms match. A group is the secret in its surroundings, unless it is only the beginning of one (``ghp`` of a token)."""
    for form in detector.denylist:
        for match in form.finditer(line):
            longest = max((group for group in match.groups() if group), key=len, default="")
            yield longest if len(longest) >= _SHORTEST else match[0]


def _is_harmless(what: str, value: str, line: str) -> bool:
    if what == "Basic Auth Credentials":
        return bool(_PLACEHOLDER.match(value)) or value in ("password", "pass")
    if what == "JSON Web Token":
        return value.count(".") < 2
    # The form of these is 32 letters and digits after a word: in a table of numbers it is chance, so a word of the service must be near.
    return False


def _random_strings(line: str) -> Iterator[str]:
    from detect_secrets.filters import heuristic

    for value in dict.fromkeys(_entropy().analyze_string(line)):
        if len(value) >= 24 and re.search(r"\d", value) and re.search(r"[a-z]", value) and re.search(r"[A-Z]", value):
            if heuristic.is_sequential_string(value) or heuristic.is_potential_uuid(value) or "/" in value[1:-1]:
                continue
            if _entropy().calculate_shannon_entropy(value) > 4.5:
                yield value


@cache
def _detectors() -> tuple[Any, ...]:
    return tuple(getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)() for module, name in _TOKENS)


@cache
def _entropy() -> Any:
    return importlib.import_module("detect_secrets.plugins.high_entropy_strings").Base64HighEntropyString(limit=4.5)
