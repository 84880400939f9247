"""DynamoDB, SQS and S3 in this process, by moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from chalicelib.adapters.dynamo.table import DynamoTable, create_table
from chalicelib.adapters.s3 import S3Logs
from chalicelib.adapters.sqs import SqsQueue
from chalicelib.ports.queue import MAX_RECEIVES, Work

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REGION = "eu-west-1"
BUCKET = "ancla-data"


@dataclass(frozen=True)
class SimulatedAws:
    """The three AWS adapters over moto. Where a test must reach behind them, it reaches into moto's own state."""

    table: DynamoTable
    queue: SqsQueue
    logs: S3Logs

    def clear(self) -> None:
        dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables["records"].items.clear()
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys.clear()
        for queue in sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues.values():
            queue._messages.clear()

    def pass_time(self, seconds: float) -> None:
        for queue in sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues.values():
            for message in queue._messages:
                message.visible_at -= seconds * 1000
                message.delayed_until -= seconds * 1000


@contextmanager
def simulate_aws() -> Iterator[SimulatedAws]:
    with mock_aws():
        create_table("records", region=REGION)
        queue_client = boto3.client("sqs", region_name=REGION)
        dead_letters = {work: queue_client.create_queue(QueueName=f"{work.value}-dead")["QueueUrl"] for work in Work}
        urls = {work: _create_queue(queue_client, work, dead_letters[work]) for work in Work}
        bucket_client = boto3.client("s3", region_name=REGION)
        bucket_client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield SimulatedAws(
            DynamoTable("records", region=REGION),
            SqsQueue(urls, dead_letters, region=REGION),
            S3Logs(BUCKET, region=REGION, prefix="logs/"),
        )


def _create_queue(client: SQSClient, work: Work, dead_letters: str) -> str:
    arn = client.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
    return client.create_queue(QueueName=work.value, Attributes={"RedrivePolicy": policy})["QueueUrl"]
