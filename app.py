"""The table of contents: every route, queue and schedule of the control plane, a line each."""

from functools import cache

from chalice.app import Chalice, CloudWatchEvent, SQSEvent

from chalicelib.api.http import register
from chalicelib.api.surface import ROUTES
from chalicelib.api.triggers import sweep_now, work_on
from chalicelib.ports import Ports
from chalicelib.ports.queue import Work
from chalicelib.wiring import make_ports

app = Chalice(app_name="ancla")


@cache
def ports() -> Ports:
    """The ports of this process, made when the first event needs them."""
    return make_ports()


register(app, ROUTES, ports)


@app.on_sqs_message(queue="ancla-plan", batch_size=1, maximum_concurrency=8)
def plan(event: SQSEvent) -> None:
    work_on(ports(), Work.PLAN, event)


@app.on_sqs_message(queue="ancla-build", batch_size=1, maximum_concurrency=32)
def build(event: SQSEvent) -> None:
    work_on(ports(), Work.BUILD, event)


@app.on_sqs_message(queue="ancla-roll-out", batch_size=1, maximum_concurrency=32)
def roll_out(event: SQSEvent) -> None:
    work_on(ports(), Work.ROLL_OUT, event)


@app.on_sqs_message(queue="ancla-chores", batch_size=1, maximum_concurrency=4)
def chores(event: SQSEvent) -> None:
    work_on(ports(), Work.CHORES, event)


@app.schedule("rate(1 minute)")
def sweep(event: CloudWatchEvent) -> None:
    sweep_now(ports())
