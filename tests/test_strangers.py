"""Warnings where a filter or a rule asks for processes that stay unknown."""

from pathlib import Path

import pytest
from netmon import cli, strangers
from netmon.alerts import Rule
from netmon.options import Settings

LIVE = Settings(where="process:nginx")
BY_PROCESS = Rule(above=1, span=60, metric="requests", per="process")
BY_CONTAINER = BY_PROCESS._replace(per="", where="container:0123")


@pytest.mark.parametrize(
    ("settings", "rules", "sees_all", "why"),
    [
        (LIVE, [], True, ""),
        (LIVE, [], False, "only those of this user are seen"),
        (LIVE._replace(processes=False), [], False, "--no-processes leaves them out"),
        (LIVE._replace(netns=("web",)), [], True, "those of other network namespaces"),
        (LIVE._replace(netns=("self",)), [], True, ""),
        (LIVE._replace(read=("a.pcap",)), [], False, "packets of files and pipes do not tell them"),
        (Settings(where="host:a"), [], False, ""),
        (Settings(where="status:500 and not pod:cart"), [], False, "only those of this user are seen"),
        (Settings(), [BY_PROCESS], False, "only those of this user are seen"),
        (
            Settings(),
            [BY_CONTAINER],
            False,
            "only those of this user are seen",
        ),
        (Settings(), [Rule(above=1, span=60, metric="requests")], False, ""),
    ],
)
def test_who_asks_for_processes_is_told_why_they_stay_unknown(settings, rules, sees_all, why):
    warning = strangers.warning(settings, rules, sees_all=sees_all)
    assert warning.startswith(f"a filter or a rule asks for processes, but {why}") if why else warning == ""


def test_the_command_warns_and_goes_on(capsys):
    capture = Path(__file__).parent / "captures" / "shop.pcap"
    assert cli.main(["--no-config", "-r", str(capture), "--where", "process:nginx", "--plain"]) == 0
    said = capsys.readouterr()
    assert "netmon: warning: a filter or a rule asks for processes" in said.err
    assert "no exchange matches process:nginx" in said.out
