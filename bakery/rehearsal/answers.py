"""Answers that are given without moto: errors in the form that each service has for them."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex
from xml.sax.saxutils import escape


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer."""

    status: str
    """Code and reason: `200 OK`."""
    headers: tuple[tuple[str, str], ...]
    body: bytes


def refused(service: str, *, status: HTTPStatus, code: str, message: str) -> Answer:
    """Return an AWS error: XML for ec2, JSON for all others.

    The forms are those of botocore's parsers for the protocols ec2, json and rest-json (botocore/parsers.py).
    """
    request = token_hex(16)
    if service == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
            f"<RequestID>{request}</RequestID></Response>"
        )
        kind = "text/xml;charset=UTF-8"
    else:
        body = json.dumps({"__type": code, "message": message})
        kind = "application/x-amz-json-1.1"
    headers = (("Content-Type", kind), ("x-amzn-ErrorType", code), ("x-amzn-RequestId", request))
    return Answer(status=line(status), headers=headers, body=body.encode())


def plain(value: object, *, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """Return *value* as JSON."""
    headers = (("Content-Type", "application/json"),)
    return Answer(status=line(status), headers=headers, body=json.dumps(value).encode())


def line(status: HTTPStatus) -> str:
    """Return code and reason."""
    return f"{status.value} {status.phrase}"


def throttled(service: str) -> Answer:
    """Return what says "too fast" (EC2 API reference, "Request throttling"; SSM and EBS, "Common errors")."""
    if service == "ec2":
        return refused(
            service,
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            code="RequestLimitExceeded",
            message="Request limit exceeded.",
        )
    return refused(service, status=HTTPStatus.BAD_REQUEST, code="ThrottlingException", message="Rate exceeded")


def unavailable(service: str) -> Answer:
    """Return a 503 (EC2 API reference, "Server error codes"; SSM and EBS, "Common errors")."""
    code = "Unavailable" if service == "ec2" else "ServiceUnavailable"
    message = "The request has failed due to a temporary failure of the server."
    return refused(service, status=HTTPStatus.SERVICE_UNAVAILABLE, code=code, message=message)


def lost(service: str) -> Answer:
    """Return a 500 (EC2 API reference, "Server error codes"; the error of that name in SSM's and EBS's models)."""
    code = {"ec2": "InternalError", "ssm": "InternalServerError", "ebs": "InternalServerException"}[service]
    return refused(
        service, status=HTTPStatus.INTERNAL_SERVER_ERROR, code=code, message="An internal error has occurred"
    )


def unknown_caller(service: str) -> Answer:
    """Return what a region answers that does not know this account: it holds no credentials of it."""
    if service == "ec2":
        message = "AWS was not able to validate the provided access credentials"
        return refused(service, status=HTTPStatus.UNAUTHORIZED, code="AuthFailure", message=message)
    message = "The security token included in the request is invalid."
    status = HTTPStatus.BAD_REQUEST if service == "ssm" else HTTPStatus.FORBIDDEN
    return refused(service, status=status, code="UnrecognizedClientException", message=message)


def invalid_action(service: str, reason: str) -> Answer:
    """Return what a service answers to an action it does not have (EC2 API reference, "Common client errors")."""
    message = f"The rehearsal cloud cannot do this: {reason}"
    return refused(service, status=HTTPStatus.BAD_REQUEST, code="InvalidAction", message=message)


def broken_stage(service: str, error: Exception) -> Answer:
    """Return what says that the rehearsal itself is at fault: a 400, because asking again does not mend it."""
    message = f"The rehearsal cloud is at fault, not you: {error!r}"
    return refused(service, status=HTTPStatus.BAD_REQUEST, code="RehearsalFault", message=message)
