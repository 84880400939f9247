"""The queues in SQS."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import Unavailable
from chalicelib.ports.queue import VISIBILITY, Received, Work

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_POLL = 20
"""Seconds: the most that SQS takes."""
_RECEIPT_IS_OVER = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue"})


class SqsQueue:
    """Queue URLs by kind of work; `dead_letters` those of the queues where SQS sets messages aside (see `.chalice/resources.json`)."""

    def __init__(self, urls: Mapping[Work, str], dead_letters: Mapping[Work, str], *, region: str, endpoint: str | None = None) -> None:
        import boto3

        self._urls = dict(urls)
        self._dead_letters = dict(dead_letters)
        self._client: SQSClient = boto3.client("sqs", region_name=region, endpoint_url=endpoint)

    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        # SQS counts whole seconds. A look that comes early would find nothing to do, so they are rounded up.
        with _translated(work):
            self._client.send_message(QueueUrl=self._urls[work], MessageBody=json.dumps(body), DelaySeconds=math.ceil(delay))

    def receive(self, work: Work, *, wait: float = 0) -> Received | None:
        with _translated(work):
            reply = self._client.receive_message(
                QueueUrl=self._urls[work],
                MaxNumberOfMessages=1,
                WaitTimeSeconds=min(math.ceil(wait), LONGEST_POLL),
                VisibilityTimeout=VISIBILITY,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        for message in reply.get("Messages", []):
            return Received(json.loads(message["Body"]), int(message["Attributes"]["ApproximateReceiveCount"]), message["ReceiptHandle"])
        return None

    def acknowledge(self, work: Work, receipt: str) -> None:
        from botocore.exceptions import ClientError

        with _translated(work):
            try:
                self._client.delete_message(QueueUrl=self._urls[work], ReceiptHandle=receipt)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _RECEIPT_IS_OVER:
                    raise

    def dead_letters(self, work: Work) -> int:
        with _translated(work):
            reply = self._client.get_queue_attributes(QueueUrl=self._dead_letters[work], AttributeNames=["ApproximateNumberOfMessages"])
        return int(reply["Attributes"]["ApproximateNumberOfMessages"])


@contextmanager
def _translated(work: Work) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(
            f"the queue for {work.value!r} did not answer ({_reason(error)})", code="queue_unavailable", hint="try again in a moment"
        ) from error


def _reason(error: Exception) -> str:
    """AWS's own short word for it."""
    response: Mapping[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", type(error).__name__))
