"""A conversion runs in a process that gave up what it does not need, whatever the file makes it do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relay.media.conversion.forms import FORMS, HEIF, available, longest, original_name, work_seconds
from relay.media.conversion.worker import CONVERSIONS
from tests import media

LIMITS = """
import json, os, resource, signal, sys
from relay.media.confinement.limits import limit
from relay.media.conversion.worker import work
limit(work("audio/ogg").limits(10**6))
limits = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("AS", "CPU", "FSIZE", "CORE")}
try:
    bytearray(600 * 2**20)
    memory = "600 MiB"
except MemoryError:
    memory = "refused"
found = {"alarm": signal.alarm(0), "nice": os.nice(0), "umask": os.umask(0), "memory": memory}
print(json.dumps({"limits": limits, **found}))
"""


def confined() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-I", "-c", LIMITS], capture_output=True, check=True, env={})
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_it_gives_up_what_it_does_not_need() -> None:
    """Time, memory and file size are bounded for good, it yields to the relay, and its files are nobody else's."""
    found = confined()
    assert found["limits"]["CORE"] == [0, 0]
    for name, most in (("AS", 512 * 2**20), ("CPU", 30), ("FSIZE", 64 * 2**20)):
        soft, hard = found["limits"][name]
        assert 0 < soft == hard <= most
    assert found["memory"] == "refused"
    assert 0 < found["alarm"] <= 60
    assert found["nice"] >= 10
    assert found["umask"] == 0o077


@pytest.mark.parametrize(
    ("source_type", "size", "seconds"),
    [
        ("audio/ogg", 250, 5),  # made to be endless, or an hour of nothing
        ("audio/ogg", 1_800_000, 50),  # an hour of the narrowest speech, which took 20
        ("audio/ogg", 12_000_000, 90),  # an hour of the best that clients record, which took 54
        ("application/x-tgsticker", 250, 5),
        ("application/x-tgsticker", 65_536, 10),
        ("video/webm", 262_144, 10),
        ("image/heic", 2_000_000, 10),  # 12 million pixels, which took 1.2
        ("image/heic", 20_000_000, 20),
    ],
)
def test_work_is_bounded_by_the_files_length(source_type: str, size: int, seconds: int) -> None:
    """What is small and never ends costs seconds; what is long gets the time that it takes."""
    assert work_seconds(source_type, size) == seconds
    assert work_seconds(source_type, size) < longest(source_type, size) <= 180


@pytest.mark.parametrize("source_type", CONVERSIONS)
def test_it_does_what_was_asked_or_says_that_it_did_not(tmp_path: Path, source_type: str) -> None:
    """Status 0 comes with a complete file; nonsense, and one type's file under another's name, with another status."""
    good = {
        "audio/ogg": media.voice(0.5),
        "application/x-tgsticker": media.animated_sticker(6),
        "video/webm": media.video_sticker(3, side=100),
        "image/heic": media.HEIC,
    }
    asked = "image/heic" if source_type in HEIF else source_type
    for kind, content in [*good.items(), ("nonsense", b"nonsense"), ("nothing", b"")]:
        source, target = tmp_path / "source", tmp_path / f"{kind.replace('/', '-')}"
        source.write_bytes(content)
        child = "relay.media.child", "relay.media.conversion.worker"
        command = [sys.executable, "-I", "-m", *child, str(source), str(target), source_type]
        done = subprocess.run(command, capture_output=True, check=False, env={})
        assert (done.returncode == 0) == (kind == asked), done.stderr
        if kind == asked:
            assert target.stat().st_size > 100
            assert target.stat().st_mode & 0o777 == 0o600


def test_the_relay_itself_loads_none_of_it() -> None:
    """What can be converted is found out without importing it: neither memory nor a stranger's file is its business."""
    decoders = {"av", "PIL", "pi_heif", "rlottie_python"}
    look = f"import sys, relay.app as app; print(len(app.available()), {decoders} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-I", "-c", look], capture_output=True, check=True, text=True, env={})
    assert done.stdout.split() == ["7", "set()"]


def test_every_form_has_its_conversion() -> None:
    """What mapping may promise is what the process can do; here, with the extra installed, all of it."""
    assert available() == {form.source: form.target for form in FORMS}
    assert list(CONVERSIONS) == [form.source for form in FORMS]
    assert original_name("voice 1 (2).m4a", "audio/ogg") == "voice 1 (2).ogg"
    assert original_name("a.webp", "unheard/of") == "a"
