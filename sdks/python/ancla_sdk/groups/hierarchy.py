"""Workspaces, projects and environments: the levels above a service."""

from __future__ import annotations

from ancla_sdk.addresses import path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import Environment, Project, Workspace
from ancla_sdk.transport import Transport


class Workspaces:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Workspace]:
        """All workspaces that the key's user is a member of."""
        return decode_list(Workspace, self._transport.get("/workspaces"))

    def get(self, address: str) -> Workspace:
        return decode(Workspace, self._transport.get(path_of(address, "workspace")))

    def create(self, *, name: str) -> Workspace:
        return decode(Workspace, self._transport.post("/workspaces", {"name": name}))

    def rename(self, address: str, *, name: str) -> Workspace:
        """Gives it another name; its slug stays."""
        return decode(Workspace, self._transport.patch(path_of(address, "workspace"), {"name": name}))

    def delete(self, address: str) -> None:
        self._transport.delete(path_of(address, "workspace"))


class Projects:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, workspace: str) -> list[Project]:
        return decode_list(Project, self._transport.get(f"{path_of(workspace, 'workspace')}/projects"))

    def get(self, address: str) -> Project:
        return decode(Project, self._transport.get(path_of(address, "project")))

    def create(self, workspace: str, *, name: str) -> Project:
        """Makes a project; it comes with the environments production, staging and development."""
        return decode(Project, self._transport.post(f"{path_of(workspace, 'workspace')}/projects", {"name": name}))

    def rename(self, address: str, *, name: str) -> Project:
        """Gives it another name; its slug stays."""
        return decode(Project, self._transport.patch(path_of(address, "project"), {"name": name}))

    def delete(self, address: str) -> None:
        self._transport.delete(path_of(address, "project"))


class Environments:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, project: str) -> list[Environment]:
        return decode_list(Environment, self._transport.get(f"{path_of(project, 'project')}/envs"))

    def get(self, address: str) -> Environment:
        return decode(Environment, self._transport.get(path_of(address, "environment")))

    def create(self, project: str, *, name: str) -> Environment:
        return decode(Environment, self._transport.post(f"{path_of(project, 'project')}/envs", {"name": name}))

    def rename(self, address: str, *, name: str) -> Environment:
        """Gives it another name; its slug stays."""
        return decode(Environment, self._transport.patch(path_of(address, "environment"), {"name": name}))

    def delete(self, address: str) -> None:
        self._transport.delete(path_of(address, "environment"))
