"""The examples of the documentation: commands parse, rules are valid, programs compile and run, data is well-formed."""

import json
import os
import re
import shutil

import forge
import pytest
from netmon import Filter, cli, commands
from pages_of_docs import ROOT, blocks, quoted
from pages_of_docs import commands as commands_of

pytest.importorskip("markdown_it")

PLACEHOLDERS = {
    "FILE": "file.ndjson",
    "DIR": "folder",
    "URL": "http://collector.example:4318",
    "SIZE": "16MiB",
    "DURATION": "1m",
    "N": "4",
    "FILTER": "status:5xx",
    "EXPR": "status:5xx",
    "NAME": "name",
}
"""Words in capital letters that stand for a value, and a value."""

ELSEWHERE = {
    "./load-test.sh",
    "docker",
    "duckdb",
    "journalctl",
    "kubectl",
    "podman",
    "ssh",
    "systemctl",
    "systemd-analyze",
    "useradd",
}
"""Commands of examples that not every machine has."""

OWN = {"cd", "export", "source", "for", "while", "done", "wait", "[", "echo"}
"""Words of the shell."""


def is_of_netmon(words):
    return words[0] == "netmon" or words[0].endswith("/netmon")


def examples():
    """Every command line of netmon in a block, or in the text if it has more than one word."""
    for block in blocks("sh", "console"):
        lines = re.sub(r"^\$ ", "", block.text, flags=re.MULTILINE)
        yield from ((block, words) for words in commands_of(without_comments(lines)) if is_of_netmon(words))
    for block in quoted():
        if re.match(r"(sudo )?netmon [^.]", block.text) and "{" not in block.text:
            yield from ((block, whole(words)) for words in commands_of(block.text) if is_of_netmon(words))


def whole(words):
    """The text may name a command or a flag without what it needs: ``netmon merge``, ``netmon -r``."""
    if words[-1] == "-r":
        return [*words, "a"]
    needs = {"diff": ["a", "b"], "merge": ["a"]}.get(words[1], [])
    return words if any(not word.startswith("-") for word in words[2:]) else [*words, *needs]


def without_comments(text):
    return "\n".join(re.split(r"(?:^|\s+)# ", line)[0] for line in text.splitlines())


LINES = list(examples())


def test_there_are_examples_on_most_pages():
    assert len(LINES) > 100
    assert len({block.path for block, _ in LINES}) > 15


@pytest.mark.parametrize(("block", "words"), LINES, ids=[f"{block.name} {' '.join(words)}" for block, words in LINES])
def test_a_command_line_is_one_that_netmon_takes(block, words):
    given = [PLACEHOLDERS.get(word, word) for word in words[1:] if word not in {"...", "…"}]
    if {"-h", "--help", "-V", "--version"} & {*given}:
        with pytest.raises(SystemExit, match="0"):
            taken(given)
    else:
        taken(given)


def test_a_command_line_with_a_mistake_is_refused():
    for wrong in (["--hots"], ["--speed", "2"], ["--where", "status>"], ["merge"], ["diff", "a", "--fail-when", "x"]):
        with pytest.raises((SystemExit, ValueError)):
            taken(wrong)


def taken(given):
    """Raises unless netmon takes these arguments."""
    if given and given[0] in commands.COMMANDS:
        commands.module(given[0]).parser().parse_intermixed_args(given[1:])
        return
    flags = cli.parser().parse_intermixed_args(["--no-config", *given])
    warnings = []
    configured = cli.configured_by(flags, {}, warnings.append)
    cli.check(configured.settings, vars(flags))
    Filter(configured.settings.where or "")
    assert warnings == []


SHELL = list(blocks("sh", "console"))


@pytest.mark.parametrize("block", SHELL, ids=[block.name for block in SHELL])
def test_the_commands_of_a_shell_block_exist(block):
    for words in commands_of(without_comments(block.text)):
        name = words[0]
        if is_of_netmon(words) or name in ELSEWHERE | OWN:
            continue
        assert shutil.which(os.path.basename(name)) or (ROOT / name).is_file(), name


def of(*languages):
    found = list(blocks(*languages))
    return pytest.mark.parametrize("block", found, ids=[block.name for block in found])


@of("toml")
def test_a_configuration_is_one_that_netmon_takes(block, tmp_path, capsys, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text(block.text)
    monkeypatch.delenv("NETMON_PROFILE", raising=False)
    assert cli.main(["--config", str(path), "--check-config"]) == 0, capsys.readouterr().err


@of("json")
def test_json_parses(block):
    assert json.loads(block.text)


@of("yaml")
def test_yaml_parses(block):
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(block.text)


PROGRAMS = list(blocks("python"))


@of("python")
def test_a_program_compiles(block):
    compile(block.text, block.name, "exec", flags=0x2000)  # `await` may stand anywhere


FROM_FILES = [
    block
    for block in PROGRAMS
    if block.text.startswith("import netmon\n") and not re.search(r"Monitor\(\"|://", block.text)
]


@pytest.mark.parametrize("block", FROM_FILES, ids=[block.name for block in FROM_FILES])
def test_a_program_that_reads_files_runs(block, tmp_path, monkeypatch):
    talk = forge.Conversation(4000, 1_795_348_800)
    for second in range(5):
        talk.ask(1_795_348_800 + second + 0.2, "GET", "shop.example", "/items", 503 if second == 3 else 200, body=b"x")
    for name in ("capture.pcap", "first.pcapng"):
        (tmp_path / name).write_bytes(forge.pcapng(talk.close(1_795_348_805.5)))
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "example"}
    exec(compile(block.text, block.name, "exec"), names)
    assert names.keys() > {"netmon"}


def test_some_programs_run():
    assert len(FROM_FILES) > 5
