"""Where an account keeps the branches of its companies, decided once by what its plan and its set-up allow.

Mappings name the kind `branch`. It is a custom object of that name, or companies that carry our key in KEY and have a
parent company; properties are called alike in both. Reading and writing them is done as for any other kind.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from connectors.errors import ConfigProblem, NoEntry

BRANCH = "branch"
COMPANIES = ("companies", "company", "0-2")
KEY = "syncd_key"
ASK_AGAIN_SECONDS = 600.0  # whether it is set up by now; a poll must not pay for what is not there
LABEL, INVERSE_LABEL = "Sits at this branch", "Works here"
_NO_OBJECT = (
    "HubSpot has no place for branches yet; run `syncd setup hubspot` (seen within ten minutes), or set branches: "
    "contact_only"
)


class Home(Enum):
    """Where branches are kept; the value is the setting's word."""

    CUSTOM_OBJECT = "custom_object"
    CHILD_COMPANIES = "child_companies"
    CONTACT_ONLY = "contact_only"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was chosen and why. `object`: the custom object's type id; `ready`: everything is there to begin."""

    home: Home
    why: str
    ready: bool
    object: str | None = None

    def words(self) -> str:
        kept = {
            Home.CUSTOM_OBJECT: f"as custom object {self.object or BRANCH}",
            Home.CHILD_COMPANIES: "as child companies of their company",
            Home.CONTACT_ONLY: "only as properties of the contacts who sit there",
        }[self.home]
        return f"branches are kept {kept}: {self.why}" + ("" if self.ready else "; not set up yet")


class Account(Protocol):
    """What must be asked of an account to choose."""

    def schemas(self) -> Sequence[Mapping[str, Any]]: ...
    def properties(self, kind: str) -> Sequence[Mapping[str, Any]]: ...


class Branches:
    """The choice of one account, asked for when it is first needed, and now and then while it is not set up."""

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._choice: Choice | None = None
        self._asked = 0.0
        self._remembered = self._doubted = False  # the choice is an earlier process's; such a one was refused
        self.mapped = False  # a mapping names them; otherwise nothing is asked

    @property
    def unused(self) -> frozenset[str]:
        """Kinds that the settings rule out."""
        return frozenset({BRANCH}) if self._setting == Home.CONTACT_ONLY.value else frozenset()

    def choose(self, account: Account, *, again: bool = False) -> Choice:
        if self._choice is None or again:
            self._choice, self._remembered = self._choose(account), False
            self._asked = time.monotonic()
        return self._choice

    def remember(self, home: str, object: str | None) -> None:
        """Take over what an earlier process chose, unless the settings say otherwise or it was refused since."""
        if self._choice is None and not self._doubted and self._setting in ("auto", home):
            why = f"branches: {self._setting}, as they were so far"
            self._choice = Choice(home=Home(home), why=why, ready=True, object=object)
            self._remembered = True

    def doubt(self) -> None:
        """After a refusal: what was only remembered is asked about."""
        if self._remembered:
            self._choice, self._remembered, self._doubted = None, False, True

    def object_of(self, account: Account, kind: str) -> str:
        """Return HubSpot's name of a kind; raise ConfigProblem while branches have no place."""
        if kind != BRANCH:
            return kind
        choice = self.choose(account)
        if not choice.ready and time.monotonic() - self._asked > ASK_AGAIN_SECONDS:
            choice = self.choose(account, again=True)
        if not choice.ready:
            raise ConfigProblem(_NO_OBJECT)
        return choice.object or COMPANIES[0]

    def scope(self, account: Account, kind: str) -> list[Mapping[str, Any]]:
        """Return the filters that tell branches from companies, where both are companies."""
        asked = self.mapped or self._setting == Home.CHILD_COMPANIES.value
        if not asked or self._setting == Home.CONTACT_ONLY.value or kind not in (BRANCH, *COMPANIES):
            return []
        choice = self.choose(account)
        if choice.home is not Home.CHILD_COMPANIES or not choice.ready:
            return []
        return [{"propertyName": KEY, "operator": "HAS_PROPERTY" if kind == BRANCH else "NOT_HAS_PROPERTY"}]

    def _choose(self, account: Account) -> Choice:
        if self._setting == Home.CONTACT_ONLY.value:
            return Choice(home=Home.CONTACT_ONLY, why="branches: contact_only", ready=True)
        if self._setting == Home.CHILD_COMPANIES.value:
            why = "branches: child_companies"
            return Choice(home=Home.CHILD_COMPANIES, why=why, ready=_has_key(account))
        try:
            found = next((one for one in account.schemas() if one.get("name") == BRANCH), None)
        except NoEntry:
            raise
        except ConfigProblem as error:
            if self._setting == Home.CUSTOM_OBJECT.value:
                raise type(error)(
                    f"branches: custom_object, but the account's plan or the token has none: {error.message}; grant "
                    f"crm.schemas.custom and crm.objects.custom, or set branches: child_companies"
                ) from error
            why = f"branches: auto, and the account's plan or the token has no custom objects ({error.message})"
            return Choice(home=Home.CHILD_COMPANIES, why=why, ready=_has_key(account))
        why = f"branches: {self._setting}"
        if found is not None:
            object = str(found.get("objectTypeId") or found.get("fullyQualifiedName"))
            return Choice(home=Home.CUSTOM_OBJECT, why=f"{why}, and the object is there", ready=True, object=object)
        if self._setting == "auto" and _has_key(account):
            why = "branches: auto, and they were set up so before"
            return Choice(home=Home.CHILD_COMPANIES, why=why, ready=True)
        return Choice(home=Home.CUSTOM_OBJECT, why=f"{why}, and the account allows custom objects", ready=False)


# ---------------------------------------------------------------------------------------------------------------------


def _has_key(account: Account) -> bool:
    return any(one.get("name") == KEY and one.get("hasUniqueValue") for one in account.properties(COMPANIES[0]))
