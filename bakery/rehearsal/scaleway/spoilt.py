"""What Scaleway's APIs and its object storage answer when something goes wrong there, in the words of each."""

from http import HTTPStatus

from bakery.rehearsal.answers import Answer, line, plain

SERVICES = frozenset({"instance", "block", "marketplace", "iam", "account", "s3"})


def throttled(service: str) -> Answer:
    """Return what says "too fast": 429, and S3's SlowDown."""
    if service == "s3":
        return storage(HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
    told = {"type": "too_many_requests", "message": "too many requests"}
    return plain(told, status=HTTPStatus.TOO_MANY_REQUESTS)


def unavailable(service: str) -> Answer:
    """Return a 503."""
    if service == "s3":
        return storage(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "Please try again.")
    told = {"type": "temporarily_unavailable", "message": "temporarily unavailable"}
    return plain(told, status=HTTPStatus.SERVICE_UNAVAILABLE)


def lost(service: str) -> Answer:
    """Return a 500."""
    if service == "s3":
        return storage(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "We encountered an internal error.")
    return plain({"type": "internal_error", "message": "internal error"}, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def broken_stage(service: str, error: Exception) -> Answer:
    """Return what says that the rehearsal itself is at fault: a 400, because asking again does not mend it."""
    message = f"The rehearsal cloud is at fault, not you: {error!r}"
    if service == "s3":
        return storage(HTTPStatus.BAD_REQUEST, "RehearsalFault", message)
    return plain({"type": "rehearsal_fault", "message": message}, status=HTTPStatus.BAD_REQUEST)


def storage(status: HTTPStatus, code: str, message: str) -> Answer:
    """Return an error of object storage (docs.aws.amazon.com/AmazonS3, "Error responses")."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status=line(status), headers=(("Content-Type", "application/xml"),), body=body.encode())
