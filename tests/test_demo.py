import asyncio
import sys
from pathlib import Path

PLAYED = [
    "Anna writes:  Hello! My parcel arrived damaged.",
    "the desk shows:  Hello! My parcel arrived damaged.",
    "the desk shows:  Look at this",
    "the browser opens it: 200 image/jpeg, the same bytes",
    "Anna sees a photo:  I am sorry! A new one is on its way, here is the label.",
    "a message and a photo went both ways",
]


async def demo(*arguments: str, directory: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "demo", *arguments, cwd=directory, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )


async def test_the_demo_plays_a_conversation_and_ends(tmp_path: Path) -> None:
    """A text and a photo go both ways through the real relay, and it stops by itself."""
    process = await demo("--once", "--directory", str(tmp_path), directory=tmp_path)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    lines = output.decode()
    assert process.returncode == 0, lines
    positions = [lines.index(line) for line in PLAYED]
    assert positions == sorted(positions)
    assert (tmp_path / "relay.db").exists()


async def test_the_demo_stays_up_says_how_to_talk_and_ends_on_a_signal(tmp_path: Path) -> None:
    """Without --once it waits for a person, and the curl lines that it prints work."""
    process = await demo(directory=tmp_path)
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(30):
        while not lines or "Ctrl-C ends it" not in lines[-1]:
            lines.append((await process.stdout.readline()).decode())
    said = next(line for line in lines if line.strip().startswith("as the customer"))
    curl = await asyncio.create_subprocess_shell(said.split("customer", 1)[1].strip() + " --silent --fail", stdout=-1)
    assert await asyncio.wait_for(curl.wait(), 10) == 0
    process.terminate()
    rest, _ = await asyncio.wait_for(process.communicate(), 25)
    assert process.returncode == 0, rest.decode()
