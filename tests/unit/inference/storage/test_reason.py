from __future__ import annotations

import pytest

from inference.storage.reason import reason

SENT = (
    "Generic S3 error: Error performing GET http://user:secret@h/b/x?sig=hidden in 22.979095ms, "
    "after 2 retries, max_retries: 2, retry_timeout: 20s - HTTP error: error sending request"
)


@pytest.mark.parametrize(
    ("debug", "cause"),
    [
        ('Os { code: 111, message: "Connection refused" }', "Connection refused"),
        ('error: "failed to lookup address information: unknown"', "failed to lookup address"),
        ("InvalidCertificate(\n  UnknownIssuer,\n)", "not accepted (UnknownIssuer): name the file"),
        ("InvalidCertificate(\n  ExpiredContext {", "not accepted (ExpiredContext)"),
        ("error: InvalidMessage(\n InvalidContentType", "does not speak TLS"),
        ("kind: TimedOut,", "it takes too long"),
        ("something else", "error sending request"),
    ],
)
def test_the_cause_of_a_request_that_was_not_sent_is_named(debug: str, cause: str) -> None:
    text = reason(ValueError(f"{SENT}\n\nDebug source:\n{debug}"))
    assert f"HTTP error: {cause}" in text or cause in text
    assert "Debug" not in text
    assert "after 2 retries" in text
    assert "ms" not in text
    assert "retry_timeout" not in text


def test_no_secret_is_shown() -> None:
    text = reason(ValueError(SENT))
    assert "secret" not in text
    assert "hidden" not in text
    assert "http://h/b/x?..." in text


def test_what_s3_says_is_the_reason() -> None:
    body = "<Error><Code>AccessDenied</Code><Message>No.</Message><RequestId>1</RequestId></Error>"
    assert reason(ValueError(f"Generic S3 error: 403: {body}")) == "AccessDenied: No."


def test_a_page_for_people_is_left_out() -> None:
    text = reason(ValueError("status code: 404 Not Found: <!DOCTYPE HTML>\n<html>\nlong</html>"))
    assert text == "status code: 404 Not Found"


def test_a_long_reason_is_cut() -> None:
    assert len(reason(ValueError("x" * 1000))) == 303
