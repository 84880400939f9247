"""Promotion over HTTP."""

from __future__ import annotations

import msgspec

from chalicelib.api.routes import PROJECT, Call, Reply, Route
from chalicelib.api.views import Body, View
from chalicelib.domain.errors import NotFound
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.policy import Action
from chalicelib.domain.promotions import ChangeKind, ConfigFrom
from chalicelib.usecases import promotions
from chalicelib.usecases.promotions import Promotion


class PromotionChange(View, frozen=True, kw_only=True):
    """One difference between what the target runs and what it would run. Values of secrets are masked."""

    what: str
    """image, commit, process, health_check_path, deployment_timeout or variable"""
    kind: ChangeKind
    name: str
    """Of a process type or a variable; else empty."""
    before: str
    after: str
    secret: bool
    origin: str
    """The owner of the scope that a variable's value comes from."""
    level: str
    from_source: bool
    """The value comes from a scope of the source's environment or service: it may be meant for that environment alone."""


class CarriedVariable(View, frozen=True, kw_only=True):
    """A variable that the target gets from a scope of the source's environment or service."""

    name: str
    origin: str
    level: str
    secret: bool


class PromotionPreview(View, frozen=True, kw_only=True):
    """What a promotion would change. Send `hash` along with it: if anything else would be done by then, it is refused."""

    source: str
    target: str
    config: ConfigFrom
    changes: list[PromotionChange]
    carried: list[CarriedVariable]
    hash: str


class PromotionAccepted(View, frozen=True, kw_only=True):
    """The promotion is a run of the target now."""

    success: bool = True
    message: str
    status: str = "accepted"
    run: int
    deploy_id: str


class PreviewQuery(Body, frozen=True, kw_only=True):
    service: str
    source_env: str
    target_env: str
    config: ConfigFrom = ConfigFrom.SOURCE


class PromotionRequest(PreviewQuery, frozen=True, kw_only=True):
    """What to promote. `config`: whether the deploy keeps the source's variables, or gets those that reach the target."""

    hash: str = ""
    """Of the preview that was agreed to; empty: do it whatever it changes."""


def preview_promotion(call: Call) -> Reply:
    promotion = _named(call, call.query, Action.VIEW)
    shown = promotions.read_preview(call.ports, promotion)
    return Reply(
        body=PromotionPreview(
            source=str(promotion.source.address),
            target=str(promotion.target.address),
            config=promotion.config,
            changes=[msgspec.convert(change, PromotionChange, from_attributes=True) for change in shown.changes],
            carried=[msgspec.convert(variable, CarriedVariable, from_attributes=True) for variable in shown.carried],
            hash=shown.hash,
        )
    )


def promote(call: Call) -> Reply:
    promotion = _named(call, call.body, Action.DEPLOY)
    run = promotions.promote(call.ports, promotion, shown=call.body.hash, by=call.actor.username).run
    assert run is not None, "only automatic requests are ever held back"
    message = f"promoting {promotion.source.address} to {promotion.target.address} (run {run.number})"
    return Reply(body=PromotionAccepted(message=message, run=run.number, deploy_id=run.deploy_id))


def _named(call: Call, named: PreviewQuery, action: Action) -> Promotion:
    """The two services of a promotion; `action` is what the caller must be allowed at the target."""
    project = (call.params["ws"], call.params["proj"])
    source = call.at(*project, named.source_env, named.service, action=Action.VIEW).service
    return Promotion(source, _target(call, source, named, action), named.config)


def _target(call: Call, source: Service, named: PreviewQuery, action: Action) -> Service:
    slug = source.address.slug  # the query may name the source by its id, which the target does not have
    try:
        return call.at(call.params["ws"], call.params["proj"], named.target_env, slug, action=action).service
    except NotFound as error:
        if error.code != "service_not_found":
            raise
        environment = call.at(call.params["ws"], call.params["proj"], named.target_env, action=action).environment
        raise NotFound(
            f"there is no service {environment.address.child(slug)} to promote to",
            code=error.code,
            hint=f"create it first: ancla services create {environment.address} {slug}",
        ) from None


ROUTES = (
    Route(
        "GET",
        f"{PROJECT}/promote/preview",
        Action.VIEW,
        preview_promotion,
        "Show what a promotion would change",
        query=PreviewQuery,
        returns=PromotionPreview,
    ),
    Route(
        "POST",
        f"{PROJECT}/promote",
        Action.DEPLOY,
        promote,
        "Give what runs in one environment to another",
        body=PromotionRequest,
        returns=PromotionAccepted,
        status=201,
    ),
)
