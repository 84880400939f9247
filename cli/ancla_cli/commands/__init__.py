"""The command tree. One module for each noun; the root puts them together."""

from __future__ import annotations

from ancla_cli.commands.account import login, version, whoami
from ancla_cli.commands.builds import builds
from ancla_cli.commands.config import config
from ancla_cli.commands.deploys import deploy, deploys, logs, rollback, status
from ancla_cli.commands.hierarchy import envs, projects, workspaces
from ancla_cli.commands.people import keys, members, teams
from ancla_cli.commands.promotions import promote
from ancla_cli.commands.services import pin, scale, services, unpin
from ancla_cli.framework import group

# Published documentation has these two below `services`.
services.add_command(deploy)
services.add_command(status)

root = group(
    "ancla",
    help="Ancla, the deployment platform. Things are named WORKSPACE/PROJECT/ENV/SERVICE, or a beginning of it.",
    examples=["ancla login", "ancla deploy acme/shop/staging/api", "ancla status acme/shop/staging/api --json"],
    commands=[
        login,
        whoami,
        workspaces,
        projects,
        envs,
        services,
        config,
        deploy,
        status,
        logs,
        builds,
        deploys,
        rollback,
        promote,
        scale,
        pin,
        unpin,
        members,
        teams,
        keys,
        version,
    ],
)
