"""What the README and the page say of settings, roles and statuses is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from model_registry.servicer import METHOD_ROLES
from model_registry.settings import RegistrySettings
from pipit.errors import PipitError
from pipit.rpc.callers import Role
from pipit.settings import describe

README = Path(__file__).parents[1] / "README.md"
PAGE = Path(__file__).parents[3] / "docs" / "registry.md"


def test_every_setting_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? *\|", README.read_text("utf-8"), re.MULTILINE))
    assert {name for name in rows if name not in set(Role)} == set(RegistrySettings.model_fields)
    defaults = RegistrySettings.model_construct()
    for name, shown in rows.items():
        if name in RegistrySettings.model_fields and shown:
            value = getattr(defaults, name)
            assert shown == (str(value).lower() if isinstance(value, bool) else str(value)), name


def test_every_setting_has_a_docstring() -> None:
    describe(RegistrySettings)
    assert [name for name, field in RegistrySettings.model_fields.items() if not field.description] == []


def test_every_role_is_described() -> None:
    text = README.read_text("utf-8")
    assert all(f"`{role}`" in text for role in Role)
    publishing = {method for method, roles in METHOD_ROLES.items() if roles == {Role.PUBLISHER}}
    assert {method.rpartition("/")[2] for method in publishing} == {"PreparePublish", "Publish"}
    moving = {method for method, roles in METHOD_ROLES.items() if roles == {Role.OPERATOR}}
    assert {method.rpartition("/")[2] for method in moving} == {"Promote", "Rollback", "TrustKey", "RevokeKey"}


def test_every_status_is_in_the_table() -> None:
    table = PAGE.read_text("utf-8").partition("## What goes wrong")[2]
    # The tree of `pipit.errors` alone: a trainer has errors of its own, which answer no call.
    tree = [error for error in PipitError.__subclasses__() if error.__module__ == PipitError.__module__]
    statuses = {error.status for error in tree} - {"DEADLINE_EXCEEDED"}
    assert {status for status in statuses if status not in table} == set()
