"""Something at the address at which clouds hand out a machine's credentials: else nothing would answer there, wall or no wall."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.engines.live.workloads import Room

ADDRESS = "169.254.169.254"
PORT = 80

SERVER = """
import fcntl, http.server, signal, socket, struct, sys
NAME, SET_FLAGS, SET_ADDRESS, SET_MASK = b"lo:metadata", 0x8914, 0x8916, 0x891C
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def set_to(request, address):
    fcntl.ioctl(control, request, struct.pack("16sH2x4s8x", NAME, socket.AF_INET, socket.inet_aton(address)))
def leave(*signal):
    fcntl.ioctl(control, SET_FLAGS, struct.pack("16sh14x", NAME, 0))
    sys.exit()
signal.signal(signal.SIGTERM, leave)
set_to(SET_ADDRESS, "169.254.169.254")
set_to(SET_MASK, "255.255.255.255")
http.server.HTTPServer(("169.254.169.254", 80), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@contextmanager
def metadata_server(room: Room, image: str) -> Iterator[None]:
    """In the node's own network, for as long as the block lasts. The room's namespace must allow what that takes."""
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-c", SERVER],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
        "readinessProbe": {"tcpSocket": {"host": ADDRESS, "port": PORT}, "periodSeconds": 1},
    }
    spec = {"hostNetwork": True, "containers": [container], "terminationGracePeriodSeconds": 5}
    room.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "metadata"}, "spec": spec})
    room.wait("condition=Ready", "pod/metadata")
    try:
        yield
    finally:
        room.kubectl("delete", "pod", "metadata", "--wait=true")
