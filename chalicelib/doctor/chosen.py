"""From settings to examinations: each engine that is used is looked at, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from chalicelib.doctor.buildkit import look_at_buildkit
from chalicelib.doctor.cluster import look_at_cluster
from chalicelib.doctor.consul import look_at_consul
from chalicelib.doctor.examinations import SECONDS, Examination, examine
from chalicelib.doctor.findings import Checkup, Finding, failed, ok
from chalicelib.doctor.ingress import look_at_ingress
from chalicelib.doctor.machine import look_at_embedded, look_at_machine
from chalicelib.doctor.registry import look_at_registry
from chalicelib.doctor.source import look_at_source
from chalicelib.doctor.vault import look_at_vault
from chalicelib.domain.errors import Invalid
from chalicelib.settings import Settings, read_settings


def check_installation(environ: Mapping[str, str], *, seconds: float = SECONDS) -> list[Checkup]:
    """Settings that cannot be read are all there is to say: without them no engine can be asked."""
    try:
        settings = read_settings(environ)
    except Invalid as error:
        return [_settings(failed("complete", error.message, error.hint))]
    except (OSError, UnicodeDecodeError) as error:
        seen = f"a file that a setting names cannot be read: {error}"
        return [_settings(failed("complete", seen, "let certificates be files in PEM that the user who runs Ancla can read"))]
    return [_settings(ok("complete", f"profile {settings.profile}")), *examine(examinations_of(settings), seconds=seconds)]


def examinations_of(settings: Settings) -> list[Examination]:
    found = [Examination("machine", partial(look_at_machine, settings))]
    cluster, builder = settings.kubernetes, settings.builder
    if cluster is None or builder is None:
        found.append(Examination("embedded", partial(look_at_embedded, settings)))
    else:
        found.append(Examination("kubernetes", partial(look_at_cluster, cluster, builder)))
        found.append(Examination("buildkit", partial(look_at_buildkit, builder, cluster)))
        found.append(Examination("ingress", partial(look_at_ingress, settings)))
    if settings.vault is not None:
        found.append(Examination("vault", partial(look_at_vault, settings.vault)))
    if settings.consul is not None:
        found.append(Examination("consul", partial(look_at_consul, settings.consul)))
    if settings.registry is not None:
        found.append(Examination("registry", partial(look_at_registry, settings.registry)))
    if settings.source is not None:
        found.append(Examination("git", partial(look_at_source, settings.source)))
    return found


def _settings(finding: Finding) -> Checkup:
    return Checkup(engine="settings", findings=[finding])
