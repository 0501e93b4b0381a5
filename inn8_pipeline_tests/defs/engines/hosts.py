"""Hosts that share a network with this machine and nothing else: network namespaces with a mount namespace each.

A bridge connects them with this machine, which has the first address of the network. The ports of the bridge are
isolated: a host reaches this machine, but neither another host nor anything beyond.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from inn8_pipeline_tests.defs.engines.processes import ROOT

PROGRAMS = ("ip", "mount", "sh")
# The folder of the test has the content of the host's own folder there, so DAGSTER_HOME has the same path everywhere.
_ENTER = 'mount --bind "$1" "$2" && cd "$2/work" && shift 2 && exec env "$@"'


class NoNetworkError(Exception):
    """Raised where such hosts cannot be created."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host; its folder has its name. `namespace` is its network, `port` its port at this machine's bridge."""

    namespace: str
    bridge: str
    port: str
    address: str
    folder: Path
    shown_as: Path

    def unplug(self) -> None:
        """Take it out of the network: no packet passes, no connection is closed, and neither end notices it.

        With its link down, the host itself would notice it, and would repeat its packets as soon as the link is up.
        """
        _ip("link", "set", self.port, "nomaster")

    def plug(self) -> None:
        """Take it into the network (again)."""
        _ip("link", "set", self.port, "master", self.bridge)
        _ip("link", "set", self.port, "type", "bridge_slave", "isolated", "on")

    @property
    def prefix(self) -> Sequence[str]:
        """The words before a command that run it on the host, in a working folder, HOME and TMPDIR of its own."""
        own = {
            "HOME": self.shown_as / "home",
            "TMPDIR": self.shown_as / "temporary",
            "PYTHONPATH": ROOT,
            "OTEL_SERVICE_NAME": self.folder.name,
        }
        entered = ("sh", "-c", _ENTER, "sh", str(self.folder), str(self.shown_as))
        return ("ip", "netns", "exec", self.namespace, *entered, *(f"{name}={value}" for name, value in own.items()))


@dataclass(frozen=True, slots=True)
class Network:
    """The network, the address of this machine in it, and its hosts by name."""

    subnet: IPv4Network
    address: str
    hosts: dict[str, Host]


@contextmanager
def network(folder: Path, names: Sequence[str]) -> Iterator[Network]:
    """Create hosts, each of which shows a folder of its own in place of `folder`, and remove them at the end.

    Raises:
        NoNetworkError: The user is not root, a program is missing, or the kernel refuses it.

    """
    if os.geteuid() != 0:
        message = "only root can create network namespaces"
        raise NoNetworkError(message)
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        message = f"there is no program {missing[0]}"
        raise NoNetworkError(message)
    with ExitStack() as stack:
        try:
            created = _created(stack, folder, names)
        except subprocess.CalledProcessError as error:
            message = f"`{' '.join(error.cmd)}` was refused: {error.stderr.strip()}"
            raise NoNetworkError(message) from None
        yield created


def _created(stack: ExitStack, folder: Path, names: Sequence[str]) -> Network:
    # The name of a device has at most 15 characters. 198.18.0.0/15 is for tests, so no real network has it (RFC 2544).
    mark = secrets.token_hex(2)
    subnet = IPv4Network(f"198.18.{secrets.randbelow(256)}.0/24")
    address, *addresses = (str(each) for each in list(subnet.hosts())[: len(names) + 1])
    bridge = f"inn8-{mark}"
    _ip("link", "add", bridge, "type", "bridge")
    stack.callback(_ip, "link", "delete", bridge)
    _ip("address", "add", f"{address}/{subnet.prefixlen}", "dev", bridge)
    _ip("link", "set", bridge, "up")
    hosts: dict[str, Host] = {}
    for name, own in zip(names, addresses, strict=True):
        host = Host(f"{bridge}-{name}", bridge, f"{bridge}-{len(hosts)}", own, folder / "hosts" / name, folder)
        _ip("netns", "add", host.namespace)
        stack.callback(_ip, "netns", "delete", host.namespace)
        _connect(stack, host, subnet.prefixlen)
        for each in ("home", "temporary", "work"):
            (host.folder / each).mkdir(parents=True)
        hosts[name] = host
    return Network(subnet, address, hosts)


def _connect(stack: ExitStack, host: Host, prefix_length: int) -> None:
    _ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    # Until its last process has ended, a namespace exists without its name, and so would the link.
    stack.callback(_ip, "link", "delete", host.port)
    host.plug()
    _ip("link", "set", host.port, "up")
    inside = ("-n", host.namespace)
    _ip(*inside, "address", "add", f"{host.address}/{prefix_length}", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "link", "set", "lo", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
