"""deploy/: alarms and dashboard know only what is measured, and call a person when they should."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from relay.monitoring.disk import ROOM
from relay.monitoring.health import OLD
from relay.monitoring.metrics import Metrics
from relay.store.totals import Counts
from tests.components import needs

ROOT = Path(__file__).parents[1]
ALARMS = (ROOT / "deploy" / "alerts.yml").read_text()
DAYS = (ROOT / "tests" / "samples" / "prometheus" / "alerts_test.yml").read_text()


def exposed() -> dict[str, set[str]]:
    """Every name under which the relay measures something, and its labels."""
    text = Metrics().render({"1": Counts()}, {"kit": True}, 0.0).decode()
    names: dict[str, set[str]] = {}
    for family in re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE):
        shown = re.findall(rf"^{family}(?:_total|_bucket)?\{{(.*)\}}", text, flags=re.MULTILINE)
        names[family] = {label for labels in shown for label in re.findall(r'([a-z_]+)="', labels)}
    return names


def rules() -> list[dict[str, Any]]:
    """The rules of the shipped alarms."""
    [group] = yaml.safe_load(ALARMS)["groups"]
    return list(group["rules"])


def test_alarms_ask_for_what_is_measured() -> None:
    """Each rule knows only metrics that there are; each says in words what is wrong and what to do."""
    for rule in rules():
        for name in re.findall(r"relay_[a-z_]+", rule["expr"]):
            assert name in exposed(), name
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "description"} == set(rule["annotations"])
    asked = {rule["alert"]: rule["expr"] for rule in rules()}
    assert asked["RelayDiskFull"].endswith(f" {ROOM}")
    assert asked["RelayOldestWaiting"].endswith(f" {OLD:.0f}")


def test_the_page_names_every_alarm() -> None:
    """Who is called finds the alarm's name, and what to do."""
    page = (ROOT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `(Relay[A-Za-z]+)` \|", page, flags=re.MULTILINE)) == {
        rule["alert"] for rule in rules()
    }


@needs("promtool")
def test_alarms_call_when_they_should(tmp_path: Path) -> None:
    """By Prometheus's own tool: a quiet day calls nobody, and each bad one the right person within minutes."""
    (tmp_path / "alerts.yml").write_text(ALARMS)
    (tmp_path / "alerts_test.yml").write_text(DAYS)
    calls = [call for day in yaml.safe_load(DAYS)["tests"] for call in day["alert_rule_test"] if "exp_alerts" in call]
    assert {call["alertname"] for call in calls} == {rule["alert"] for rule in rules()}
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@needs("promtool")
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    """With the rules where compose puts them, which is where it looks."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    [place] = [used["target"] for used in services["prometheus"]["configs"] if used["source"] == "alerts"]
    config = (ROOT / "deploy" / "prometheus.yml").read_text()
    assert place in config
    (tmp_path / "alerts.yml").write_text(ALARMS)
    (tmp_path / "prometheus.yml").write_text(config.replace(place, str(tmp_path / "alerts.yml")))
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_the_dashboard_shows_figures_that_exist() -> None:
    """Each panel of the dashboard asks for metrics that the relay has."""
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"relay_[a-z_]+", target["expr"]):
                assert {name, name.removesuffix("_bucket")} & set(exposed()), name
