"""The addresses of HubSpot's API, v3 and dated, read into one shape; what answers at them is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

DATED = ("2026-03", "2026-09")
TYPE_IDS = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
_CRM_AREAS = ("objects", "properties", "owners")
_VERBS = ("batch", "search", "merge", "gdpr-delete", "groups")


@dataclass(frozen=True, kw_only=True)
class Path:
    """`area` is objects, associations, schemas, properties, owners, account-info or oauth.

    `parts` is what follows it and the version."""

    area: str
    version: str
    parts: tuple[str, ...]

    @property
    def validation_rules(self) -> bool:
        """Whether the rules an admin set in the portal bind writes on this path (from 2026-09 on)."""
        return self.version >= "2026-09" and self.version in DATED


def parse(path: str) -> Path | None:
    """Return what the path addresses, or None where HubSpot serves nothing."""
    segments = [unquote(part) for part in path.strip("/").split("/")]
    match segments:
        case ["crm", "v3", area, *rest] if area in _CRM_AREAS:
            return Path(area=area, version="v3", parts=tuple(rest))
        case ["crm", area, version, *rest] if area in (*_CRM_AREAS, "associations") and version in DATED:
            return Path(area=area, version=version, parts=tuple(rest))
        case ["crm", "v4", "associations", *rest]:
            return Path(area="associations", version="v4", parts=tuple(rest))
        case ["crm", "v4", "objects", kind, record, "associations", *rest]:
            return Path(area="objects", version="v4", parts=(kind, record, "associations", *rest))
        case ["crm-object-schemas", version, "schemas", *rest] if version in ("v3", *DATED):
            return Path(area="schemas", version=version, parts=("schemas", *rest))
        case ["account-info", version, "details"] if version in ("v3", *DATED):
            return Path(area="account-info", version=version, parts=("details",))
        case ["oauth", version, *rest] if version in ("v1", *DATED):
            return Path(area="oauth", version=version, parts=tuple(rest))
    return None


def label(method: str, path: str) -> str:
    """Return a name for counters, ids replaced: `POST contacts/batch/read`, `GET properties/contacts/{name}`."""
    found = parse(path)
    if found is None:
        return f"{method} unknown"
    parts = list(found.parts)
    if found.area in ("objects", "properties") and parts:
        parts[0] = next((name for name, type_id in TYPE_IDS.items() if type_id == parts[0]), parts[0])
    if found.area == "associations":
        return f"{method} associations/{'/'.join(parts)}"
    if found.area == "schemas":
        return f"{method} schemas"
    keep = 1 if found.area in ("objects", "properties", "oauth") else 0
    placeholder = "{name}" if found.area == "properties" else "{id}"
    verb = found.area == "account-info" or (len(parts) > keep and parts[keep] in _VERBS)
    if len(parts) > keep:
        shown = parts[: keep + 2] if verb and parts[keep] != "groups" else parts[: keep + 1]
        parts = shown if verb else [*parts[:keep], placeholder]
    name = "/".join(parts if found.area == "objects" else [found.area, *parts])
    return f"{method} {name}"
