"""docs/fleets.md: its files are what they say, its metrics are ours."""

import re
from pathlib import Path

import yaml

from liteproof.deployment.inventory import resolve
from liteproof_edge.serving.metrics import Metrics

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "fleets.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ROLE = ROOT / "scripts" / "ansible" / "roles" / "liteproof_bundle"
VARIABLES = set(
    yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
)
NAMES = set(re.findall(r"\bliteproof_\w+", TEXT)) - {ROLE.name}


def blocks(kind):
    return [block for each, block in BLOCKS if each == kind]


def test_inventory_is_one_and_names_the_canaries_first(tmp_path):
    path = tmp_path / "hosts.toml"
    (text,) = blocks("toml")
    path.write_text(text)

    hosts = resolve(["canaries", "line", "gate"], path)

    assert hosts[:2] == ["pi@bench.local", "pi@192.0.2.11"]
    assert sorted(hosts) == sorted(resolve([], path))


def test_metrics_are_those_that_a_board_tells():
    metrics = Metrics(lambda: 0)
    metrics.request("/v1/classify", 200, 0.1)
    metrics.reload(taken=True)
    text = metrics.text().decode()
    families = set(re.findall(r"^# TYPE (\w+(?<!_created)) ", text, re.MULTILINE))

    assert families <= NAMES
    assert families | set(re.findall(r"^(liteproof_\w+)", text, re.MULTILINE)) >= NAMES - VARIABLES


def test_rules_of_prometheus_have_an_expression_each():
    (rules,) = (yaml.safe_load(block) for block in blocks("yaml") if "alert:" in block)

    for group in rules["groups"]:
        assert all({"alert", "expr", "for"} == set(rule) for rule in group["rules"])


def test_variables_of_the_role_have_their_defaults():
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())

    assert set(defaults) <= VARIABLES
    assert {name for name in NAMES if name in VARIABLES} >= {"liteproof_bundle_path"}
