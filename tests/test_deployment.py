"""How the relay is shipped: the image, the compose file and the example of settings hold the rules of the house."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from jsonschema import Draft7Validator
from packaging.version import Version
from pydantic_core import PydanticUndefined

from relay.monitoring.health import Check, Watched
from relay.monitoring.metrics import Metrics
from relay.settings.loading import SettingsError, load_settings
from relay.settings.schema import Settings
from relay.store.callbacks import CallbacksSeen
from relay.store.store import open_store
from relay.web.admin import Admin
from tests.databases import new_database
from tests.store import letters

ROOT = Path(__file__).parent.parent
NAMES = {field.upper() for field in Settings.model_fields}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def shipped() -> dict[str, list[str]]:
    """The instructions of the last stage, which is what runs."""
    stages = [at for at, (instruction, _) in enumerate(dockerfile()) if instruction == "FROM"]
    found: dict[str, list[str]] = {}
    for instruction, arguments in dockerfile()[stages[-1] :]:
        found.setdefault(instruction, []).append(arguments)
    return found


def compose() -> dict[str, Any]:
    """The compose file."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


class _WithTags(yaml.SafeLoader):
    """Knows how a file says that it takes the place of another one's value instead of adding to it."""


def _override(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return list(loader.construct_sequence(node))


_WithTags.add_constructor("!reset", lambda *_: None)
_WithTags.add_constructor("!override", _override)


def several() -> dict[str, Any]:
    """The compose file as it is with the one for several relays, whose lists stand in the place of others."""
    merged, over = compose(), yaml.load((ROOT / "deploy" / "several.yml").read_text(), _WithTags)  # noqa: S506 - a safe one
    for part, names in over.items():
        for name, values in names.items():
            merged[part][name] |= values
            for key in [key for key, value in values.items() if value is None]:
                del merged[part][name][key]
    return merged


def config_of(name: str) -> str:
    """What the compose file gives a service to read."""
    return (ROOT / str(compose()["configs"][name]["file"])).read_text()


def service() -> dict[str, Any]:
    """The relay in the compose file."""
    return dict(compose()["services"]["relay"])


def test_hadolint_has_nothing_to_say() -> None:
    """The Dockerfile follows the rules that are known to all."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_base_image_is_pinned_by_tag() -> None:
    """No base image is whatever is newest today."""
    bases = [arguments.split()[0] for instruction, arguments in dockerfile() if instruction == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base) for base in bases)


def test_the_image_installs_only_what_is_locked() -> None:
    """Each pip install checks hashes, or installs our own wheel without looking anywhere."""
    commands = [
        part for what, run in dockerfile() if what == "RUN" for part in run.split("&&") if "pip install" in part
    ]
    assert len(commands) == 3
    assert all("--require-hashes" in part or {"--no-deps", "--no-index"} <= {*part.split()} for part in commands)


def test_the_image_copies_only_what_it_names() -> None:
    """No `COPY .` carries a secret into a layer, and .dockerignore keeps everything unnamed out."""
    copied = [arguments for instruction, arguments in dockerfile() if instruction in {"COPY", "ADD"}]
    assert not [arguments for arguments in copied if "." in arguments.split()[:-1]]
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert allowed == {"LICENSE", "README.md", "migrations", "pyproject.toml", "relay", "requirements*.lock"}


def test_the_image_runs_as_nobody_special() -> None:
    """The process has a numeric uid of its own, so that orchestrators can see that it is not root."""
    assert shipped()["USER"] == ["10001:10001"]


def test_the_image_runs_the_console_script() -> None:
    """`docker run IMAGE` is `relay run`, without a shell in between, and SIGTERM reaches it."""
    assert json.loads(shipped()["ENTRYPOINT"][0]) == ["relay"]
    assert json.loads(shipped()["CMD"][0]) == ["run"]
    assert shipped()["STOPSIGNAL"] == ["SIGTERM"]
    assert "relay" in PROJECT["scripts"]


def test_what_must_not_be_lost_lies_on_the_volume() -> None:
    """With default settings the database and the files in transit are on the image's volume."""
    home, volume = PurePosixPath(shipped()["WORKDIR"][0]), PurePosixPath(shipped()["VOLUME"][0])
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    database = home / defaults["relay_database_url"].removeprefix("sqlite:///")
    assert database.is_relative_to(volume)
    assert (home / defaults["relay_data_dir"]).is_relative_to(volume)


def test_the_image_listens_where_its_port_is() -> None:
    """The container exposes the public port and no other, and listens on all its addresses there."""
    assert shipped()["EXPOSE"] == [str(Settings.model_fields["relay_port"].default)]
    variables = dict(pair.split("=", 1) for pair in " ".join(shipped()["ENV"]).split())
    assert variables["RELAY_HOST"] == "0.0.0.0"
    assert {name for name in variables if name.startswith(("RELAY_", "KIT_", "TELEGRAM_"))} <= NAMES


def test_the_health_check_needs_no_shell() -> None:
    """The image's health check is an exec form of a module that is there."""
    command = json.loads(shipped()["HEALTHCHECK"][0].partition("CMD")[2])
    assert command == ["python", "-m", "relay.monitoring.healthcheck"]


def test_a_health_check_compiles_nothing() -> None:
    """The base image has no bytecode of Python's own library, and whom the relay runs as can write none."""
    assert any("python -m compileall" in command for command in shipped()["RUN"])


async def healthcheck(port: object, *arguments: str) -> tuple[int | None, str]:
    """Run the health check as the container does: exit status and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay.monitoring.healthcheck", *arguments),
        env=os.environ | {"RELAY_ADMIN_PORT": str(port), "LC_ALL": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
async def test_the_health_check_says_what_the_relay_says(*, status: int, healthy: bool) -> None:
    """Only a 200 of /healthz counts as healthy."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    async with TestServer(app) as server:
        assert (await healthcheck(server.port))[0] == (0 if healthy else 1)


async def test_no_answer_is_not_healthy() -> None:
    """A relay that does not listen is not healthy."""
    assert (await healthcheck(unused_port()))[0] == 1


@pytest.mark.parametrize("ready", [True, False])
async def test_the_health_check_shows_readiness_to_people(tmp_path: Path, *, ready: bool) -> None:
    """With --ready it says every check of /readyz in a line, on 503 as well; exit 0 when all are well."""
    sides = {"kit": lambda: Check(ok=ready, reason="token is 5 s old")}
    async with open_store(new_database(tmp_path)) as store:
        await store.accept(letters.update(1, "7"))
        await store.note_callbacks(CallbacksSeen(letters.CHANNEL, accepted=False, refused={"7": 3}))
        app = web.Application()
        Admin([Watched(letters.CHANNEL, "1", sides)], store, Metrics()).add_to(app)
        async with TestServer(app) as server:
            code, said = await healthcheck(server.port, "--ready")
    assert code == (0 if ready else 1)
    assert said.splitlines()[0] == f"{'✓' if ready else '✗'} kit: token is 5 s old"
    assert "✓ database: answers" in said
    assert "! callbacks: 3 of Kit's were refused" in said


@pytest.mark.parametrize(("port", "words"), [("abc", "RELAY_ADMIN_PORT"), ("99999", "RELAY_ADMIN_PORT")])
async def test_the_health_check_refuses_in_words(port: str, words: str) -> None:
    """A port that is none is a line, not a traceback."""
    code, said = await healthcheck(port)
    assert code == 1
    assert words in said
    assert len(said.splitlines()) == 1


def faults_of(file: object) -> list[str]:
    """What compose would refuse in a compose file: what the specification's schema says, and a pair that it knows not.

    A config or secret that is not a file is copied into the container, which compose refuses where the root is
    read-only (https://github.com/docker/compose/pull/12531).
    """
    schema = json.loads((ROOT / "tests" / "samples" / "compose" / "compose-spec.json").read_text())
    faults = [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(file)]
    if faults or not isinstance(file, dict):
        return faults
    for name, each in file["services"].items():
        for kind in ("configs", "secrets"):
            for used in each.get(kind, ()):
                source = used if isinstance(used, str) else used["source"]
                if each.get("read_only") and "file" not in file.get(kind, {}).get(source, {}):
                    faults.append(f"{name}: read_only, and {source} of {kind} is no file")
    return faults


def test_compose_takes_the_compose_file() -> None:
    """It keeps to the Compose Specification, and what read-only services read are files that are there."""
    assert faults_of(compose()) == []
    files = [ROOT / each["file"] for each in compose()["configs"].values()]
    assert {file.parent.name for file in files} == {"deploy"}
    assert all(file.is_file() for file in files)


def test_three_relays_of_the_compose_file_have_nothing_that_only_one_can_have() -> None:
    """Neither a port of the machine, nor a name, nor data; the proxy and the metrics find all of them by name."""
    assert faults_of(several()) == []
    relay = several()["services"]["relay"]
    assert not {"ports", "container_name"} & set(relay)
    assert relay["volumes"] == [shipped()["VOLUME"][0], *service()["volumes"][1:]]
    assert {**relay, "ports": None, "volumes": None} == {**service(), "ports": None, "volumes": None}
    caddyfile = (ROOT / several()["configs"]["caddyfile"]["file"]).read_text()
    assert re.search(r"dynamic a \{\s+name relay\s+port 8080", caddyfile)


def test_the_proxy_for_several_is_the_one_for_one_but_for_whom_it_asks(tmp_path: Path) -> None:
    """Caddy understands it, and what it allows strangers is the same."""
    adapted = []
    for name in ("Caddyfile", "Caddyfile.several"):
        done = subprocess.run(
            [
                Path(sys.executable).with_name("caddy"),
                "adapt",
                "--adapter",
                "caddyfile",
                "--config",
                ROOT / "deploy" / name,
            ],
            env={"RELAY_PUBLIC_URL": "https://relay.example.com", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        adapted.append(json.loads(done.stdout))
    [proxy, proxies] = [_pop_proxy(each) for each in adapted]
    assert adapted[0] == adapted[1]
    assert proxies.pop("dynamic_upstreams")["name"] == "relay"
    assert proxies.pop("health_checks")["passive"]["fail_duration"]
    assert proxies["load_balancing"].pop("selection_policy") == {"policy": "least_conn"}
    assert proxy.pop("upstreams") == [{"dial": "relay:8080"}]
    assert proxies == proxy


def _pop_proxy(caddy: dict[str, Any]) -> dict[str, Any]:
    [server] = caddy["apps"]["http"]["servers"].values()
    handlers = server["routes"][0]["handle"][0]["routes"][0]["handle"]
    assert handlers[-1]["handler"] == "reverse_proxy"
    return dict(handlers.pop())


WRONG: dict[str, dict[str, Any]] = {
    "read_only, and a of configs is no file": {"configs": ["a"]},
    "read_only, and a of secrets is no file": {"secrets": [{"source": "a", "target": "/a"}]},
    "'memlimit' does not match any of the regexes: '^x-'": {"memlimit": "1g"},
    "[1] is not of type 'number', 'string'": {"pids_limit": [1]},
}


@pytest.mark.parametrize(("fault", "change"), WRONG.items(), ids=WRONG)
def test_what_compose_would_refuse_is_noticed(fault: str, change: dict[str, Any]) -> None:
    """The check sees each kind of fault."""
    inline = {"a": {"content": "inline"}}
    each = {"image": "any:1", "read_only": True} | change
    file = {"services": {"one": each}, "configs": inline, "secrets": {"a": {"environment": "A"}}}
    assert [fault in found for found in faults_of(file)] == [True]


def test_compose_starts_the_relay_alone_unless_asked() -> None:
    """No `version` and no `name`, which old and new compose disagree about; everything else waits for its profile."""
    assert set(compose()) == {"services", "configs", "volumes"}
    profiles = {name: each.get("profiles") for name, each in compose()["services"].items()}
    assert profiles == {
        "relay": None,
        "caddy": ["tls"],
        "bot-api": ["bot-api"],
        "postgres": ["postgres"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }


def test_what_compose_mentions_is_there() -> None:
    """Volumes and configs are declared and used; the relay's data lie on its volume; bound files exist."""
    services = compose()["services"].values()
    mounts = [mount.split(":") for each in services for mount in each.get("volumes", ())]
    assert {source for source, *_ in mounts if not source.startswith(".")} == set(compose()["volumes"])
    assert all((ROOT / source).is_file() for source, *_ in mounts if source.startswith("."))
    assert f"relay-data:{shipped()['VOLUME'][0]}" in service()["volumes"]
    used = {config["source"] for each in services for config in each.get("configs", ())}
    assert used == set(compose()["configs"])


@pytest.mark.parametrize("name", ["relay", "caddy", "bot-api", "postgres", "prometheus", "grafana"])
def test_every_service_is_bounded_and_unprivileged(name: str) -> None:
    """Whatever runs beside the relay is pinned, cannot gain rights, has bounds, and comes back."""
    each = compose()["services"][name]
    assert each["cap_drop"] == ["ALL"]
    assert set(each.get("cap_add", ())) <= {"NET_BIND_SERVICE"}
    assert each.get("read_only") or name == "grafana"  # which unpacks its plug-ins where it pleases
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert each["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} <= set(each["logging"]["options"])
    assert each["mem_limit"]
    assert each["pids_limit"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(each)
    assert name == "relay" or re.fullmatch(
        r"[a-z/-]+:v?[0-9]+(\.[0-9]+)*(-alpine)?(@sha256:[0-9a-f]{64})?", each["image"]
    )


def test_images_are_pinned_by_digest_where_one_is_known() -> None:
    """What runs is what was meant, byte for byte; for the Bot API server nobody publishes one that others confirm."""
    by_tag = {name for name, each in compose()["services"].items() if "@sha256:" not in each["image"]}
    assert by_tag == {"relay", "bot-api"}


def test_the_local_server_never_was_root() -> None:
    """It begins as its own user, whose the files are, with the flags that its image's script would give it."""
    server, directory = compose()["services"]["bot-api"], Settings.model_fields["telegram_local_files"].default
    assert server["user"] == f"{service()['group_add'][0]}:{service()['group_add'][0]}"
    assert server["entrypoint"] == ["telegram-bot-api"]
    assert server["command"] == ["--local", f"--dir={directory}", f"--temp-dir={directory}"]


@pytest.mark.parametrize(("sample", "buffers"), [("Caddyfile", ["request_buffers 2MB"]), ("Caddyfile.debian", [])])
def test_the_proxy_bounds_what_strangers_may_send(sample: str, buffers: list[str]) -> None:
    """Caddy ends slow headers and bodies, which aiohttp would wait for, and large ones. It passes on whole bodies.

    But not the packaged one, which would send what it has buffered of one POST with the head of another.
    https://github.com/caddyserver/caddy/pull/7360
    """
    caddyfile = (ROOT / "deploy" / sample).read_text()
    for bound in ("read_header 10s", "read_body 15s", "max_header_size 16KB", "max_size 2MB"):
        assert bound in caddyfile
    assert re.findall(r"^\s*(\w*buffer.*)", caddyfile, re.MULTILINE) == buffers
    assert re.search(r"reverse_proxy (relay|127\.0\.0\.1):8080", caddyfile)
    assert ":8081" not in caddyfile


def test_the_proxy_waits_as_long_as_a_restart_takes() -> None:
    """Longer than the relay may take to stop, with some seconds to start; a test plays it."""
    patience = re.findall(r"lb_try_duration (\d+)s", config_of("caddyfile"))
    assert [int(seconds) for seconds in patience] == [int(service()["stop_grace_period"].removesuffix("s"))]
    needed = re.search(r"Needs Caddy ([0-9.]+) or newer", config_of("caddyfile"))
    pinned = re.match(r"caddy:([0-9.]+)-alpine", compose()["services"]["caddy"]["image"])
    assert needed
    assert pinned
    assert Version(pinned[1]) >= Version(needed[1])


def test_prometheus_asks_the_relay() -> None:
    """The scrape goes to the admin port of each, over the compose file's own network."""
    [found] = yaml.safe_load(config_of("prometheus"))["scrape_configs"][0]["dns_sd_configs"]
    assert (found["names"], found["type"], found["port"]) == (["relay"], "A", 8081)


def test_compose_gives_the_container_as_little_as_possible() -> None:
    """No rights, no writable root, a small /tmp without programs, bounded memory and processes."""
    assert service()["cap_drop"] == ["ALL"]
    assert service()["security_opt"] == ["no-new-privileges:true"]
    assert service()["read_only"] is True
    assert {"noexec", "nosuid", "nodev"} <= set(service()["tmpfs"][0].partition(":")[2].split(","))
    assert service()["mem_limit"]
    assert service()["pids_limit"]
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices", "user"} & set(service())


def test_the_relay_can_read_the_local_servers_files() -> None:
    """Its volume is mounted where both see the same paths, read-only for the relay, which is in the server's group."""
    directory = Settings.model_fields["telegram_local_files"].default
    assert f"bot-api-data:{directory}" in compose()["services"]["bot-api"]["volumes"]
    assert f"bot-api-data:{directory}:ro" in service()["volumes"]
    assert service()["group_add"] == ["101"]  # aiogram/telegram-bot-api's Dockerfile: addgroup -g 101


def test_compose_publishes_the_relays_ports_to_this_machine_only() -> None:
    """A proxy that speaks https stands in front of the public one; the operator's page is for who sits here."""
    assert service()["ports"] == ["127.0.0.1:8080:8080", "127.0.0.1:8081:8081"]


def test_compose_lets_the_relay_finish_and_brings_it_back() -> None:
    """Docker waits longer than the relay needs to stop, restarts it after a bug, and keeps its logs bounded."""
    assert int(service()["stop_grace_period"].removesuffix("s")) >= 30
    assert service()["restart"] == "unless-stopped"
    assert service()["init"] is False  # the first process is the relay, whose environment nobody else can read
    assert {"max-size", "max-file"} <= set(service()["logging"]["options"])


def test_compose_holds_no_secret() -> None:
    """Settings come from .env; what the compose file sets is no secret."""
    assert [file["path"] for file in service()["env_file"]] == [".env"]
    for each in compose()["services"].values():
        for value in each.get("environment", {}).values():
            assert re.fullmatch(r"\$\{[A-Z_]+:-(http://localhost)?\}|false|relay|0\.0\.0\.0|/[a-z/.]+", value), value


EXAMPLE = (ROOT / ".env.example").read_text()


def test_the_example_names_every_setting() -> None:
    """Each setting is in .env.example once, and nothing in it is no setting."""
    named = re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE, flags=re.MULTILINE)
    assert sorted(named) == sorted(NAMES)


def test_the_example_shows_the_defaults() -> None:
    """What a commented line of .env.example shows is what happens without it."""
    for name, shown in re.findall(r"^#([A-Z][A-Z_]+)=(.*)$", EXAMPLE, flags=re.MULTILINE):
        default = Settings.model_fields[name.lower()].default
        assert default is not PydanticUndefined, name
        if isinstance(default, bool):
            default = str(default).lower()
        assert shown == ("" if default is None else str(default)), name


def test_the_example_asks_for_what_is_needed(tmp_path: Path) -> None:
    """An unfilled copy of .env.example is refused for the lines that it leaves open, and for nothing else."""
    (tmp_path / ".env").write_text(EXAMPLE)
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path / ".env")
    open_lines = re.findall(r"^([A-Z][A-Z_]+)=$", EXAMPLE, flags=re.MULTILINE)
    assert sorted(line.split(":")[0] for line in refused.value.lines) == sorted(open_lines)


def test_the_deployment_page_names_only_real_settings() -> None:
    """Variables in docs/deployment.md are settings, or what the compose file asks for."""
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"\b(?:RELAY|KIT|TELEGRAM)_[A-Z_]+\b", (ROOT / "docs" / "deployment.md").read_text()))
    assert {name.removesuffix("_FILE") for name in named} <= NAMES | asked


PYTHONS = {
    "older than 3.11": "exit 1",
    "cannot make virtual environments": 'case "$2" in *ensurepip*) exit 1;; esac',
}


@pytest.mark.parametrize(("complaint", "script"), PYTHONS.items(), ids=PYTHONS)
def test_make_says_what_is_missing(tmp_path: Path, complaint: str, script: str) -> None:
    """A Python that cannot do is one clear line with the package to install, not a traceback."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "--silent", "install", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert complaint in done.stdout
    assert "apt-get install" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_make_has_every_promised_target() -> None:
    """`make` alone lists what can be made."""
    done = subprocess.run(["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert listed >= {"install", "demo", "run", "test", "lint", "bench", "lock"}


@pytest.mark.parametrize("target", ["demo", "run"])
def test_what_runs_the_relay_needs_no_tools(target: str) -> None:
    """`make demo` and `make run` install the runtime lock and nothing else: a visitor does not wait for linters."""
    done = subprocess.run(
        ["make", "-C", ROOT, "--dry-run", "--always-make", target], capture_output=True, text=True, check=True
    )
    assert "-r requirements.lock" in done.stdout
    assert "requirements-dev.lock" not in done.stdout
