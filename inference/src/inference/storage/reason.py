"""Why a store failed, in one line: `obstore`'s errors are long, and hide the cause at their end."""

from __future__ import annotations

import re

_SHOWN = 300  # characters of a reason
_DEBUG = "\n\nDebug source"
_ANSWER = re.compile(r"<Code>([^<]+)</Code>.*?<Message>([^<]+)</Message>", re.DOTALL)
_PAGE = re.compile(r":?\s*<(?:!doctype|html|\?xml)\b.*", re.DOTALL | re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s\"')>]+")  # may hold a signature
_USER = re.compile(r"(?<=://)[^/\s@]+@")
_TIMES = re.compile(r" in [\d.]+(?:ns|µs|ms|s)\b|, max_retries: \d+, retry_timeout: \w+")
_UNSENT = "error sending request"
_CAUSE = re.compile(
    r'\b(?:message|error): "([^"]+)"|InvalidCertificate\(\s*(\w+)|(InvalidMessage)|(\bTimedOut\b)'
)
_NO_TLS = "what answers does not speak TLS"
_LATE = "it takes too long"
_AUTHORITY = ": name the file with your authority's certificate in SSL_CERT_FILE"


def reason(error: Exception) -> str:
    """Return the reason of an error in one line, without signatures and passwords.

    Names the cause of a request that could not be sent, such as a refused connection, and what S3
    says, and leaves out pages for people that a server sends with an error.
    """
    text, _, debug = str(error).partition(_DEBUG)
    answered = _ANSWER.search(text)  # of S3, and of what speaks its protocol
    if answered:
        text = f"{answered[1]}: {answered[2]}"
    text = _PAGE.sub("", text)
    if _UNSENT in text:
        text = text.replace(_UNSENT, _cause(debug))
    text = _TIMES.sub("", " ".join(text.split()))
    text = _USER.sub("", _QUERY.sub("?...", text))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _cause(debug: str) -> str:
    found = _CAUSE.search(debug)
    if found is None:
        return _UNSENT
    text, certificate, no_tls, _ = found.groups()
    if certificate:
        advice = _AUTHORITY if certificate == "UnknownIssuer" else ""
        return f"the certificate is not accepted ({certificate}){advice}"
    return text or (_NO_TLS if no_tls else _LATE)
