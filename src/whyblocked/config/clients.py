"""Clients of AWS's services, configured as the AWS CLI would: profiles, SSO, roles, environment, endpoints, proxies.

Import this module only where AWS is asked.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from whyblocked import __version__
from whyblocked.config.awserrors import fault

if TYPE_CHECKING:
    from botocore.config import Config, _RetryDict
    from botocore.credentials import Credentials
    from botocore.session import Session

CONNECTIONS = 16
_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_ATTEMPTS = 6  # against throttling; what can't be reached is given up on sooner


class Clients:
    """One session and its clients, one a service and Region."""

    def __init__(
        self,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        debug: bool = False,
    ) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, NoRegionError
        from botocore.session import Session

        self.profile = profile
        self.known_id: str | None = None
        self._endpoint_url = endpoint_url
        self._debug = debug
        self._clients: dict[tuple[str, str], Any] = {}
        try:
            self.session = Session(profile=profile)
            self._boto3 = boto3.Session(botocore_session=self.session)
            self.session.user_agent_extra = f"{self.session.user_agent_extra} whyblocked/{__version__}".strip()
            if debug:
                self.session.set_debug_logger()
            found = region or os.environ.get("AWS_REGION") or self.session.get_config_variable("region")
            if not found:
                raise NoRegionError
            self.region = str(found)
            self._retries = _retries(self.session)
        except (BotoCoreError, ValueError) as error:
            raise fault(error, region) from None

    def client(self, service: str, region: str | None = None, config: Config | None = None) -> Any:
        """The client of ``service``; the same one for the same Region. Not for threads: they share the result."""
        from botocore.exceptions import BotoCoreError, ClientError

        key = (service, region or self.region)
        if key in self._clients:
            return self._clients[key]
        try:
            # The names of services are typed one by one in boto3's stubs; here they come from a table.
            client: Any = cast("Any", self._boto3).client(
                service,
                region_name=key[1],
                endpoint_url=self._endpoint_url,
                config=config or self._config(),
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise fault(error, key[1]) from None
        if "total_max_attempts" in self._retries:
            client.meta.events.register_first(f"needs-retry.{service}", _give_up_soon)
        self._clients[key] = client
        return client

    def _config(self) -> Config:
        from botocore.config import Config

        return Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            retries=self._retries or None,
        )

    def account_id(self) -> str:
        """Whose credentials these are, as AWS says."""
        self.known_id = str(self.client("sts").get_caller_identity()["Account"])
        return self.known_id

    def assuming(self, role_arn: str) -> Clients:
        """Clients that act as a role, which this session's credentials assume when they are needed, and again."""
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        found = Clients(self.profile, self.region, self._endpoint_url, self._debug)
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=partial(
                found.session.create_client,
                region_name=self.region,
                endpoint_url=self._endpoint_url,
                config=self._config(),
            ),
            source_credentials=self.credentials(),
            role_arn=role_arn,
            extra_args={"RoleSessionName": "whyblocked"},
        )
        # There is no public way to give a session credentials that renew themselves.
        found.session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # type: ignore[attr-defined]
        return found

    def credentials(self) -> Credentials:
        """The session's credentials, which may not have been had yet."""
        from botocore.exceptions import NoCredentialsError

        found = self.session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found

    def sign_in(self) -> None:
        """Get the credentials once, before threads need them: they may ask for a code, or be refused."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.credentials().get_frozen_credentials()
        except (BotoCoreError, ClientError, EOFError, OSError) as error:
            raise fault(error, self.region) from None


def _retries(session: Session) -> _RetryDict:
    """Standard retries with more attempts, unless the user configured some."""
    scoped = session.get_scoped_config()
    ours: _RetryDict = {}
    if "AWS_RETRY_MODE" not in os.environ and "retry_mode" not in scoped:
        ours["mode"] = "standard"
    if "AWS_MAX_ATTEMPTS" not in os.environ and "max_attempts" not in scoped:
        ours["total_max_attempts"] = _ATTEMPTS
    return ours


def _give_up_soon(attempts: int, caught_exception: Exception | None, **_: Any) -> None:
    """Try what can't be reached once more only: someone is waiting, and the retries are meant for throttling."""
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError, SSLError

    if isinstance(caught_exception, SSLError) or (
        attempts >= 2 and isinstance(caught_exception, EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError)
    ):
        raise caught_exception
