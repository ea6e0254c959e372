"""The IAM policy with the least that whyblocked needs, built from the table of its calls.

EC2's describe calls know no resources, so each statement is about all of them:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whyblocked.config.operations import ALWAYS_ALLOWED, ASSUMING, ELSEWHERE, IN_CLUSTERS, MANAGED, READ, SAVED, TRAIL

_ATHENA = (
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "glue:GetDatabase",
    "glue:GetPartitions",
    "glue:GetTable",
)
_RESULTS = "arn:aws:s3:::aws-athena-query-results-*"  # where AWS's own policies expect what queries give
_ROLES = "arn:aws:iam::*:role/NetworkReader"  # where --role-arn leads to; name your own
_RECORDS = (
    "kms:Decrypt",
    "logs:DescribeLogGroups",
    "logs:FilterLogEvents",
    "logs:GetQueryResults",
    "logs:StartQuery",
    "logs:StopQuery",
    "s3:GetObject",
    "s3:ListBucket",
)


def policy() -> dict[str, Any]:
    """The policy document: one statement for answers, and one for each thing that a user may leave out."""
    names = {READ[name].permission for name in MANAGED}
    questions = {operation.permission for operation in READ.values()} - names
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("WhyblockedQuestions", questions | {ELSEWHERE, ALWAYS_ALLOWED}),
            _allow("WhyblockedFlowLogRecords", _RECORDS),
            _allow("WhyblockedChanges", (TRAIL,)),
            _allow("WhyblockedServiceNames", names),
            _allow("WhyblockedAthena", _ATHENA),
            _allow("WhyblockedAthenaResults", ("s3:GetBucketLocation", "s3:PutObject"), _RESULTS),
            _allow("WhyblockedOtherAccounts", (ASSUMING,), _ROLES),
            _allow(
                "WhyblockedSnapshotSave",
                {operation.permission for operation in (*SAVED, *IN_CLUSTERS)} - questions - names,
            ),
        ],
    }


def _allow(sid: str, actions: Iterable[str], resource: str = "*") -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
