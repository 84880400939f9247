"""Requests by host name, through the Ingress controller to the pods."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from engines.kubernetes.network import NODE_IP
from tests.engines.live.workloads import Room, ingress, wait_until, web


def request(host: str, method: str = "GET", body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(NODE_IP, 80, timeout=5)
    try:
        connection.request(method, "/", body=body, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def version(host: str) -> str:
    status, body = request(host)
    return body.split()[1] if status == http.client.OK else str(status)


@contextmanager
def users(host: str, count: int) -> Iterator[Counter[str]]:
    """That many users who read and write all the time, and what they were answered."""
    answers: Counter[str] = Counter()
    over, lock = threading.Event(), threading.Lock()

    def use() -> None:
        while not over.is_set():
            for method in ("GET", "POST"):
                try:
                    answer = str(request(host, method, "pears" if method == "POST" else None)[0])
                except OSError as error:
                    answer = type(error).__name__
                with lock:
                    answers[f"{method} {answer}"] += 1

    threads = [threading.Thread(target=use) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_an_ingress_is_published_and_leads_to_its_service_alone(room: Room) -> None:
    host = f"{room.namespace}.example.org"
    room.apply(*web("v1", replicas=1), ingress(host))
    wait_until(lambda: version(host) == "v1", within=30)
    wait_until(lambda: room.get("ingress", "web")["status"]["loadBalancer"]["ingress"] == [{"ip": NODE_IP}])
    assert request(f"other-{host}")[0] == http.client.NOT_FOUND
    room.kubectl("scale", "deployment/web", "--replicas=0")
    wait_until(lambda: version(host) == "503")


def test_roll_outs_lose_no_request(room: Room) -> None:
    host = f"{room.namespace}.example.org"
    room.apply(*web("v1"), ingress(host))
    room.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    wait_until(lambda: version(host) == "v1")
    with users(host, 4) as answers:
        for newer in ("v2", "v3"):
            room.apply(*web(newer))
            room.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    assert version(host) == "v3"
    assert set(answers) == {"GET 200", "POST 200"}, answers
    assert answers.total() > 200
