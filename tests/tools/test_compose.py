"""docker-compose.yml and the Dockerfile: no engine runs here, so their structure is checked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml

from tools.verbs import app

ROOT = Path(__file__).parents[2]

SERVICE = {
    "type": "object",
    "required": ["image", "networks"],
    "additionalProperties": False,
    "properties": {
        "build": {"type": "string"},
        "image": {"type": "string"},
        "init": {"type": "boolean"},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "stop_grace_period": {"type": "string", "pattern": "^[0-9]+s$"},
        "networks": {"type": "array", "items": {"type": "string"}},
        "command": {"type": ["string", "array"], "items": {"type": "string"}},
        "entrypoint": {"type": "array", "items": {"type": "string"}},
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9]+:/"}},
        "healthcheck": {
            "type": "object",
            "required": ["test"],
            "additionalProperties": False,
            "properties": {
                "test": {"type": "array", "items": {"type": "string"}},
                "interval": {"type": "string"},
                "timeout": {"type": "string"},
                "retries": {"type": "integer"},
            },
        },
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "properties": {
                    "condition": {
                        "enum": ["service_started", "service_healthy", "service_completed_successfully"]
                    }
                },
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["services", "networks", "volumes"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "services": {"type": "object", "additionalProperties": SERVICE},
        "networks": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
}
"""The part of the Compose specification that the file uses: a key that is not in it is a mistake or has to be
added.
"""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def nodes(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if name.startswith("node")}


def test_the_structure_is_that_of_the_compose_specification(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, SCHEMA)


def test_what_is_named_is_declared(compose: dict[str, Any]) -> None:
    services = compose["services"]
    used = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    assert sorted(used) == sorted(compose["volumes"]), "each node has a volume of its own"
    for service in services.values():
        assert set(service["networks"]) <= set(compose["networks"])
        assert set(service.get("depends_on", {})) <= set(services)


def test_six_nodes_listen_where_they_are_published_and_checked(compose: dict[str, Any]) -> None:
    assert len(nodes(compose)) == 6
    for service in nodes(compose).values():
        words = shlex.split(service["command"])
        port = words[words.index("--port") + 1]
        assert words[0] == "node"
        assert words[words.index("--cluster-enabled") + 1] == "yes"
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert f"('127.0.0.1', {port})" in service["healthcheck"]["test"][-1]


def test_create_names_every_node_and_waits_for_it(compose: dict[str, Any]) -> None:
    create = compose["services"]["create"]
    named = dict(re.findall(r"(node\d):(\d+)", create["command"][0]))
    ports = {name: shlex.split(service["command"])[2] for name, service in nodes(compose).items()}
    assert named == ports
    assert set(create["depends_on"]) == set(ports)
    verbs = re.findall(r"starling ([a-z-]+)", create["command"][0])
    assert verbs == ["check", "create"]
    assert set(verbs) <= set(getattr(typer.main.get_command(app), "commands", {}))


def test_the_image_has_every_package_and_starts_a_node() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for package in ("protocol", "cluster", "tools"):
        assert f"COPY {package} {package}\n" in text
        assert f"!{package}\n" in (ROOT / ".dockerignore").read_text()
    assert 'ENTRYPOINT ["starling"]' in text
    assert 'CMD ["node", ' in text
    assert "\nUSER starling\n" in text
