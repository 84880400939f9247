"""The node: process, mount and network namespaces of its own, a link into them, and a cgroup in which its pods are."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engines.checks import reachable
from engines.commands import run, succeeds
from engines.engine import Engine
from engines.errors import Trouble
from engines.kubernetes.configuration import write_configuration
from engines.kubernetes.credentials import ensure_credentials
from engines.kubernetes.holder import HARD_CODED, LAST_MOUNT, RUNTIME
from engines.kubernetes.network import CGROUP, HOST_IP, LINK, LINK_PREFIX, NODE_IP, POD_CIDR, SERVICE_CIDR
from engines.kubernetes.paths import Paths
from engines.kubernetes.recipes import PAUSE_IMAGE
from engines.processes import is_alive, read_record
from engines.site import Site
from engines.supervisor import NODE

CGROUPS = Path("/sys/fs/cgroup")
HOLDER = Path(__file__).with_name("holder.py")
UNSHARE = ("/usr/bin/unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "private", "--")
CLEAN_WITHIN = 5.0


def node_engine(site: Site) -> Engine:
    room = Paths.of(site).room
    return Engine(
        name=NODE,
        version=platform.release(),
        licence="GPL-2.0-only",
        address=NODE_IP,
        argv=(*UNSHARE, str(Path(sys.executable).resolve()), str(HOLDER), str(room)),
        forks=True,
        before=lambda: _prepare(site),
        answers=lambda: _is_arranged(site),
        after=lambda: ensure_link(_holder(site), site),
        ready=reachable(NODE_IP),
        clean=lambda: _clean(site),
        ready_within=20,
    )


def ensure_link(holder: int, site: Site) -> None:
    """Links the machine to the node's network namespace, and routes services and pods through it. The link says whose it is."""
    inside = ["nsenter", "--net", "--target", str(holder), "--", "ip"]
    if not succeeds([*inside, "link", "show", "eth0"]):
        run(["ip", "link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", str(holder)])
    run(["ip", "link", "set", LINK, "alias", str(site.home)])
    run(["ip", "address", "replace", f"{HOST_IP}/{LINK_PREFIX}", "dev", LINK])
    run(["ip", "link", "set", LINK, "up"])
    run([*inside, "address", "replace", f"{NODE_IP}/{LINK_PREFIX}", "dev", "eth0"])
    run([*inside, "link", "set", "eth0", "up"])
    # The node's own packets for a service are routed before kube-proxy's rules send them on to a pod, so there must be some route.
    run([*inside, "route", "replace", SERVICE_CIDR, "via", HOST_IP])
    _refuse_unknown_services(inside)
    for target in (SERVICE_CIDR, POD_CIDR):
        run(["ip", "route", "replace", target, "via", NODE_IP])


def _refuse_unknown_services(inside: Sequence[str]) -> None:
    """What comes in for a service that kube-proxy does not know (yet) is refused at once. It would travel to and fro on the link,
    and its connection would stay lost when the service is there."""
    known = run([*inside, "rule", "show"])
    for interface in ("cni0", "eth0"):
        if f"iif {interface}" not in known:
            run([*inside, "rule", "add", "iif", interface, "to", SERVICE_CIDR, "unreachable"])


def make_cgroups(root: Path = CGROUPS) -> None:
    """Makes the pods' parent cgroup, in each hierarchy of version 1 or in the one of version 2."""
    controllers = root / "cgroup.controllers"
    if controllers.is_file():
        enabled = " ".join(f"+{name}" for name in controllers.read_text().split())
        (root / "cgroup.subtree_control").write_text(enabled)
    for hierarchy in _hierarchies(root):
        own = hierarchy / CGROUP
        own.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # In version 1 no process may enter a cgroup before these are filled in.
            if (hierarchy / name).is_file() and not controllers.is_file():
                (own / name).write_text((hierarchy / name).read_text())


def remove_cgroups(root: Path = CGROUPS) -> None:
    """Removes it wherever it is: beside version 1, runc makes it in the hierarchy of version 2 as well."""
    end = time.monotonic() + CLEAN_WITHIN
    for cgroup in (root / CGROUP, *sorted(root.glob(f"*/{CGROUP}"))):
        _remove_cgroup(cgroup, end)


def _hierarchies(root: Path) -> list[Path]:
    if (root / "cgroup.controllers").is_file():
        return [root]
    return [
        path for path in sorted(root.iterdir()) if not path.is_symlink() and path.name != "unified" and (path / "cgroup.procs").is_file()
    ]


def _prepare(site: Site) -> None:
    """The room of the cluster with all certificates and configuration, and what the node needs of the machine."""
    paths = Paths.of(site)
    ensure_credentials(paths)
    write_configuration(paths, PAUSE_IMAGE)
    record = read_record(site.record(NODE))
    if record is None or not is_alive(record):
        if _link_owner() == str(site.home):
            _delete_link()  # of the node that has died
        _refuse_foreign_network()
    make_cgroups()


def _refuse_foreign_network() -> None:
    if (owner := _link_owner()) is not None:
        raise Trouble(f"the link {LINK} is there already: engines with their home in {owner} are running", "make engines-down there")
    for route in json.loads(run(["ip", "-json", "route", "show"])):
        if route["dst"] in (SERVICE_CIDR, POD_CIDR, f"{HOST_IP}/{LINK_PREFIX}"):
            raise Trouble(f"this machine routes {route['dst']} to {route.get('dev', 'somewhere')} already, which the node needs for itself")


def _holder(site: Site) -> int:
    holder = read_record(site.record(NODE))
    if holder is None or not is_alive(holder):
        raise Trouble("the node ended while it was started", f"make engines-logs NAME={NODE}")
    return holder.pid


def _is_arranged(site: Site) -> bool:
    try:
        mounts = Path(f"/proc/{_holder(site)}/mountinfo").read_text().splitlines()
    except (Trouble, OSError):
        return False
    own = [line for line in mounts if line.split()[4] == LAST_MOUNT]
    return bool(own) and " - tmpfs " in own[-1]


def _clean(site: Site) -> None:
    owner = _link_owner()
    if owner == str(site.home):
        _delete_link()
    elif owner is not None:
        return  # another checkout's engines are running, and have what would be cleared away here
    remove_cgroups()
    used = _mounted_upon()
    for path in (*HARD_CODED, RUNTIME):
        folder = Path(path)
        if folder.is_dir() and not any(folder.iterdir()) and path not in used:
            folder.rmdir()


def _delete_link() -> None:
    """It goes with the node's own end of it too, whenever the kernel comes to that."""
    if not succeeds(["ip", "link", "delete", LINK]) and _link_owner() is not None:
        run(["ip", "link", "delete", LINK])


def _mounted_upon() -> set[str]:
    """Where anything is mounted in the view of any process. The kernel drops a mount of another set's node with the folder below it."""
    used: set[str] = set()
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            used.update(line.split()[4] for line in table.read_text().splitlines())
        except OSError:  # the process has ended
            continue
    return used


def _link_owner() -> str | None:
    """The home of the engines whose link is there; None if none is."""
    # All of them in one look: a link that was asked for by its name may go between two.
    links = [link for link in json.loads(run(["ip", "-json", "link", "show"])) if link["ifname"] == LINK]
    if not links:
        return None
    return str(links[0].get("ifalias", "an unknown place"))


def _remove_cgroup(cgroup: Path, end: float) -> None:
    """Removes it and those below it. The kernel lets go of one a moment after its last process."""
    while cgroup.is_dir():
        try:
            for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
                folder.rmdir()
            cgroup.rmdir()
        except OSError as error:
            if time.monotonic() > end:
                raise Trouble(f"{cgroup} cannot be removed: {error.strerror}", f"processes in it: cat {cgroup}/cgroup.procs") from error
            time.sleep(0.1)
