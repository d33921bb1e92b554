"""Ask Airflow's API server what FAB's roles may do; print statuses as JSON: ``python -m tests.deploy.fab_roles``.

A process of its own, because Airflow has one auth manager per process. Its home is temporary (``tests/airflow/conftest.py``).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

from tests.security.test_roles import ACTIONS, ROLES

os.environ["AIRFLOW__CORE__AUTH_MANAGER"] = (
    "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
)
os.environ["AIRFLOW__CORE__TEST_CONNECTION"] = "Enabled"


def statuses() -> dict[str, dict[str, list[int]]]:
    """Return the status of each request of ``ACTIONS`` by action and role; FAB writes its roles with a capital."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.utils.db import initdb
    from starlette.testclient import TestClient

    initdb()
    client = TestClient(create_app(), raise_server_exceptions=False)
    manager: Any = get_auth_manager()
    fab, tokens = manager.security_manager, {}
    with manager.flask_app.app_context():
        for role in ROLES:
            name = role.capitalize()
            user = fab.add_user(role, name, name, f"{role}@example.com", fab.find_role(name), password=role)
            tokens[role] = manager.generate_jwt(user)
    return {
        action: {
            role: [
                client.request(
                    method, path, json=body, headers={"Authorization": f"Bearer {tokens[role]}"}
                ).status_code
                for method, path, body in requests
            ]
            for role in ROLES
        }
        for action, requests in ACTIONS.items()
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.stdout.write(f"\n{json.dumps(statuses())}\n")
