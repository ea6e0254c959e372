"""What an error of botocore's means here: nothing found, not allowed, not offered, or the end of the run.

Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html. This module imports botocore when
it is called: whoever calls it has it loaded.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from whyblocked.errors import AwsError, UsageError, WhyblockedError
from whyblocked.text import clean

_DENIED = frozenset(
    {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedException", "Forbidden", "403"}
)
_NOT_OFFERED = frozenset(
    {
        "InvalidAction",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
        "NotImplemented",
        "404",
        "501",
    }
)
_NOT_FOUND = re.compile(r"(NotFound|NotFoundException|NotFoundFault|Malformed)$|^InvalidGroupId|\bNotFound\b")
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = re.compile(r"Throttl|LimitExceeded|TooManyRequests|SlowDown|PriorRequestNotComplete")
_SIGN_IN = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithWebIdentity",
        "AssumeRoleWithSAML",
        "GetRoleCredentials",
        "CreateToken",
        "GetSessionToken",
    }
)
_SIGN_IN_HINT = "sign in again (aws sso login), or choose other credentials with --profile"


class Refusal(NamedTuple):
    """A call that gave nothing, and the run goes on."""

    kind: Literal["denied", "not offered", "not found", "refused"]
    reason: str


def refusal(error: Exception, permission: str, region: str) -> Refusal | WhyblockedError:
    """What ``error``, raised by the call that needs ``permission``, means for the run."""
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    if isinstance(error, NotImplementedError | ResponseParserError):
        return Refusal("not offered", "not offered by this endpoint")
    if isinstance(error, ClientError):
        return _refused(error, permission, region)
    return fault(error, region)


def _refused(error: Exception, permission: str, region: str) -> Refusal | WhyblockedError:
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    said = clean(str(response.get("Error", {}).get("Message", "")))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    operation = getattr(error, "operation_name", "")
    if operation in _SIGN_IN or code in _CREDENTIALS:
        return AwsError(f"AWS does not accept the credentials ({code} on {operation}): {said}; {_SIGN_IN_HINT}")
    if code in _DENIED:
        return Refusal("denied", "AccessDenied")
    if code in _NOT_OFFERED:
        return Refusal("not offered", "not offered by this endpoint")
    if _THROTTLED.search(code):
        return AwsError(
            f"AWS kept refusing {permission} in {region} because of too many requests ({code}); "
            "try again in a minute, or set AWS_MAX_ATTEMPTS higher"
        )
    if _NOT_FOUND.search(code):
        return Refusal("not found", code)
    if status >= 500:
        return AwsError(f"AWS failed on {permission} in {region} ({clean(code)}, HTTP {status}): {said}; try again")
    return Refusal("refused", f"{clean(code)}: {said}" if said else clean(code))


def fault(error: Exception, region: str | None) -> WhyblockedError:
    """The end of the run that ``error`` means: credentials, network, or configuration."""
    from botocore import exceptions as e

    said = clean(str(error))
    match error:
        case e.ProfileNotFound():
            return UsageError(f"{said}; `aws configure list-profiles` names those that there are")
        case e.NoRegionError():
            return UsageError("no Region: add --region, or set AWS_REGION, AWS_DEFAULT_REGION or the profile's region")
        case e.InvalidRegionError():
            return UsageError(f"{said} (--region)")
        case e.ConfigParseError() | e.ConfigNotFound() | e.InvalidConfigError() | e.InvalidRetryConfigurationError():
            return UsageError(f"the AWS configuration can't be used: {said}")
        case e.PartialCredentialsError():
            return AwsError(f"the credentials are incomplete: {said}")
        case e.NoCredentialsError():
            return AwsError("no AWS credentials: sign in (aws sso login, aws configure), or choose some with --profile")
        case (
            e.CredentialRetrievalError()
            | e.TokenRetrievalError()
            | e.SSOError()
            | e.MetadataRetrievalError()
            | e.RefreshWithMFAUnsupportedError()
            | e.InfiniteLoopConfigError()
            | e.UnknownCredentialError()
        ):
            return AwsError(f"AWS credentials can't be had: {said}; {_SIGN_IN_HINT}")
        case e.SSLError():
            return AwsError(f"no trusted TLS connection: {said}; AWS_CA_BUNDLE names other certificates to trust")
        case e.EndpointConnectionError() | e.ConnectTimeoutError() | e.ProxyConnectionError():
            return AwsError(f"{said}; is the Region ({region}) right, and the network or proxy up?")
        case e.ReadTimeoutError() | e.ConnectionClosedError() | e.HTTPClientError():
            return AwsError(f"the connection to AWS failed: {said}")
        case e.ClientError():
            found = _refused(error, "sts:AssumeRole", region or "?")
            return found if isinstance(found, WhyblockedError) else AwsError(f"AWS refused the sign-in: {found.reason}")
        case ValueError():
            return UsageError(f"the AWS configuration can't be used: {said} (--endpoint-url, an AWS_* variable)")
        case _:
            return AwsError(f"AWS can't be asked: {said}")
