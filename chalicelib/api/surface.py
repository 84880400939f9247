"""The whole surface of the API, a noun a line."""

from __future__ import annotations

from chalicelib.api import (
    apikeys,
    builds,
    config,
    deploys,
    environments,
    health,
    integrations,
    members,
    pipeline,
    projects,
    promotions,
    services,
    teams,
    webhook,
    workspaces,
)
from chalicelib.api.routes import Route

ROUTES: tuple[Route, ...] = (
    *health.ROUTES,
    *apikeys.ROUTES,
    *workspaces.ROUTES,
    *members.ROUTES,
    *teams.ROUTES,
    *projects.ROUTES,
    *environments.ROUTES,
    *services.ROUTES,
    *config.ROUTES,
    *builds.ROUTES,
    *deploys.ROUTES,
    *pipeline.ROUTES,
    *promotions.ROUTES,
    *webhook.ROUTES,
    *integrations.ROUTES,
)
