"""Addresses to listen at: what is understood, in which spelling it is kept, and what of a command is one."""

import pytest
from netmon import cli, config
from netmon.address import PrometheusAddress, WebAddress, is_meant

METRICS, PAGE = PrometheusAddress.PORT, WebAddress.PORT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("9000", "127.0.0.1:9000"),
        (9000, "127.0.0.1:9000"),
        (":9000", "127.0.0.1:9000"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("0.0.0.0:9000", "0.0.0.0:9000"),
        ("[::1]:9000", "[::1]:9000"),
        ("[::1]", f"[::1]:{METRICS}"),
        ("::1", f"[::1]:{METRICS}"),
        ("fe80::1%eth0", f"[fe80::1%eth0]:{METRICS}"),
        ("localhost:9000", "localhost:9000"),
        ("localhost", f"localhost:{METRICS}"),
        ("Monitor.Example:9000", "monitor.example:9000"),
        ("10.0.0.1", f"10.0.0.1:{METRICS}"),
        ("0", "127.0.0.1:0"),
        (0, "127.0.0.1:0"),
        ("localhost:0", "localhost:0"),
        (True, f"127.0.0.1:{METRICS}"),
        (" 9000 ", "127.0.0.1:9000"),
    ],
)
def test_an_address_is_kept_in_one_spelling(given, kept):
    address = PrometheusAddress.parse(given)
    assert address == kept
    assert PrometheusAddress.parse(address) == kept, "what is kept can be read again"
    assert address.at(7) == PrometheusAddress.parse(kept.rpartition(":")[0] + ":7")


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0), ("10.1.2.3:9", "10.1.2.3", 9)],
)
def test_an_address_has_a_host_without_brackets_and_a_port(address, host, port):
    kept = WebAddress.parse(address)
    assert (kept.host, kept.port) == (host, port)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "  ",
        "a b",
        "tcp[2:2]",
        "[]",
        "[1.2.3.4]",
        "1.2.3",
        "300.1.1.1",
        "x:y",
        "http://x:1",
        "[::1",
        "a:b:c",
        "-a:1",
        "٣",
        3.5,
        False,
        "a..b",
        f"{'a' * 64}:1",
    ],
)
def test_what_is_no_address_is_refused_with_examples(given):
    with pytest.raises(
        ValueError, match=rf"is not an address such as {PAGE}, 127\.0\.0\.1:{PAGE}, \[::1\]:{PAGE} or local"
    ):
        WebAddress.parse(given)


@pytest.mark.parametrize("given", ["65536", "localhost:99999", "123456789012345678901234567890"])
def test_a_port_above_the_greatest_is_refused(given):
    with pytest.raises(ValueError, match=r"has a port above 65535$"):
        WebAddress.parse(given)


@pytest.mark.parametrize(
    ("words", "web", "rest"),
    [
        (["--web", "tcp", "port", "80"], f"127.0.0.1:{PAGE}", ["tcp", "port", "80"]),
        (["tcp", "--web", "port", "80"], f"127.0.0.1:{PAGE}", ["tcp", "port", "80"]),
        (["--web", "tcp[2:2] = 80"], f"127.0.0.1:{PAGE}", ["tcp[2:2] = 80"]),
        (["--web", "8080"], "127.0.0.1:8080", []),
        (["--web", "8080", "tcp", "port", "80"], "127.0.0.1:8080", ["tcp", "port", "80"]),
        (["--web=8080", "tcp"], "127.0.0.1:8080", ["tcp"]),
        (["--web=monitor"], f"monitor:{PAGE}", []),
        (["--web", "monitor:80"], "monitor:80", []),
        (["--web", "[::1]:80", "udp"], "[::1]:80", ["udp"]),
        (["--web"], f"127.0.0.1:{PAGE}", []),
        (["--web", "--json"], f"127.0.0.1:{PAGE}", []),
        (["--web", "0"], "127.0.0.1:0", []),
        (["--web", "off"], None, []),
        (["--web", "--", "80"], f"127.0.0.1:{PAGE}", ["80"]),
        (["--web", "--prometheus", "tcp"], f"127.0.0.1:{PAGE}", ["tcp"]),
    ],
)
def test_a_flag_takes_an_address_and_leaves_the_filter_alone(words, web, rest):
    given = cli.parser().parse_intermixed_args(words)
    assert (given.web, given.expression) == (web, rest)


@pytest.mark.parametrize("word", ["tcp", "port", "host", "not", "(", "ip6", "tcp[13]", "len", "src", "monitor", "-i"])
def test_the_first_word_of_a_filter_is_not_taken_for_an_address(word):
    assert not is_meant(word)


@pytest.mark.parametrize(
    "word", ["80", ":80", "a:80", "127.0.0.1", "[::1]", "::1", "localhost", "127.0.0.1:99999", "1:x:2"]
)
def test_what_looks_like_an_address_is_taken_for_one_even_if_it_is_wrong(word):
    assert is_meant(word)


@pytest.mark.parametrize(
    ("text", "web"),
    [
        ("1", f"127.0.0.1:{PAGE}"),
        ("true", f"127.0.0.1:{PAGE}"),
        ("Yes", f"127.0.0.1:{PAGE}"),
        ("8088", "127.0.0.1:8088"),
        ("0", None),
        ("false", None),
        (":0", "127.0.0.1:0"),
    ],
)
def test_a_variable_turns_a_service_on_and_off_or_says_where(text, web):
    assert config.read_environment({"NETMON_WEB": text}) == {"web": web}


@pytest.mark.parametrize(
    ("value", "web"),
    [
        ("true", f"127.0.0.1:{PAGE}"),
        ("false", None),
        ("8088", "127.0.0.1:8088"),
        ('"127.0.0.1:8088"', "127.0.0.1:8088"),
    ],
)
def test_a_key_of_a_file_turns_a_service_on_and_off_or_says_where(tmp_path, value, web):
    path = tmp_path / "config.toml"
    path.write_text(f"web = {value}\n")
    assert config.read_file(str(path)) == {"web": web}


def test_a_wrong_address_is_told_with_its_flag(capsys):
    assert cli.main(["--no-config", "--print-config", "--web", "127.0.0.1:99999"]) == 2
    assert "argument --web: '127.0.0.1:99999' has a port above 65535" in capsys.readouterr().err
