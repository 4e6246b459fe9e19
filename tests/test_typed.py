"""Keys from the bytes of a terminal. Each row of a table runs whole, byte by byte, and cut in two at every place."""

import random

import pytest
from netmon.display.keyboard import presses
from netmon.display.typed import LONGEST, LONGEST_PASTE, PATIENCE, Typed


def names(keys):
    """The names of these keys in prompt_toolkit, which the application gets."""
    return [getattr(press.key, "value", press.key) for press in presses(keys)]


def typed(*parts):
    """The keys of bytes that come in these parts, one after the other, with a pause at the end."""
    made = Typed()
    keys = [key for part in parts for key in made.push(part, 1.0)]
    return keys + made.pause()


def cuts(data):
    """The data in two parts, cut at every place, and in single bytes."""
    yield from ((data[:at], data[at:]) for at in range(len(data) + 1))
    yield [bytes((byte,)) for byte in data]


SWALLOWED = [
    # colours and other sequences that only programs send
    b"\x1b[31m", b"\x1b[0m", b"\x1b[m", b"\x1b[2J", b"\x1b[?25h", b"\x1b[!p", b"\x1b[4 q", b"\x1b[38:2::1:2:3m",
    # answers: device attributes, status, position, modes, size, colours, version, a terminal's name, a file's place
    b"\x1b[?62;22c", b"\x1b[>0;276;0c", b"\x1b[0n", b"\x1b[12;40R", b"\x1b[?2026;2$y", b"\x1b[8;24;80t",
    b"\x1b[?997;1n",
    b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07", b"\x1b]11;rgb:eeee/cccc/qqqq\x1b\\", b"\x1b]4;1;rgb:q/q/q\x07",
    b"\x1b]52;c;cXFx\x07",
    b"\x1bP>|XTerm(370)\x1b\\", b"\x1bP1$r0 q\x1b\\", b"\x1bP1+r544e=71\x1b\\", b"\x1bP!|00000000\x1b\\",
    b"\x1bPa\x07q\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\", b"\x1b^quiet\x1b\\", b"\x1bXq\x1b\\", b"\x1b]q\x1b]q\x07",
    # focus, keys with modifiers as kitty reports them, keys with Alt
    b"\x1b[I", b"\x1b[O", b"\x1b[97;5u", b"\x1b[113u", b"\x1b[1;3A", b"\x1b[27;5;113~",
    # invalid reports of the mouse
    b"\x1b[<0;10M", b"\x1b[<M", b"\x1b[0;0M", b"\x1b[<0;1;2;3M", b"\x1b[<999999;1;1M", b"\x1b[;;M",
    # too long, aborted, begun by a single C1 control, ends of strings, invalid UTF-8, invisible characters
    b"\x1b[" + b"1;" * LONGEST + b"m", b"\x1b[31\x18", b"\x1b]q\x18", b"\x1bPq\x1a", b"\x9b31m",
    b"\x9d11;q\x07", b"\x90q\x9c",
    b"\xc2\x9d11;q\xc2\x9c", b"\x1b\\", b"\x9c", b"\x85", b"\xff\xfe\x80",
    b"\xed\xa0\x80", "\u202e".encode(), b"\x1bO5c",
]  # fmt: skip


@pytest.mark.parametrize("data", SWALLOWED)
def test_what_is_no_key_is_swallowed_to_its_end(data):
    for parts in cuts(data + b"j"):
        assert names(typed(*parts)) == ["j"], parts


KEYS = [
    (b"\x1b[A", ["up"]), (b"\x1bOA", ["up"]), (b"\x1b[6~", ["pagedown"]), (b"\x1b[Z", ["s-tab"]),
    (b"\x1b\t", ["s-tab"]),
    (b"\x1bOP", ["f1"]), (b"\x1b[[A", ["f1"]), (b"\x1b[11~", ["f1"]), (b"\x9bA", ["up"]), (b"\x1b[1;5C", ["c-right"]),
    (b"\x1b", ["escape"]), (b"\x1b\x1b", ["escape", "escape"]), (b"\x1bj", ["escape", "j"]),
    (b"\x1b\x1b[A", ["escape", "up"]),
    (b"\r", ["c-m"]), (b"\x7f", ["c-h"]), (b"\x15", ["c-u"]), ("/é€😀".encode(), ["/", "é", "€", "😀"]),
    (b"\xc3j", ["j"]),
    (b"\x1b[3\rm", ["c-m"]), (b"\x1b[3\x1b[A", ["up"]), (b"\x1b[3\xc3\xa9", ["é"]), (b"\x1bO\r", ["c-m"]),
    (b"\x1b]11;q\x1b[A", ["up"]), (b"\x1b[200~q\x1b[A\x1b[201~", ["<bracketed-paste>"]),
    (b"\x1b[<0;3;4M", ["<vt100-mouse-event>"]), (b"\x1b[96;3;4M", ["<vt100-mouse-event>"]),
    (b"\x1b[M !!", ["<vt100-mouse-event>"]),
    (b"\x1b[M\xe3\xc3\xa9j", ["<vt100-mouse-event>", "j"]), (b"\x1b[M \x1b[A", ["up"]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "keys"), KEYS)
def test_a_key_is_recognised_however_its_bytes_are_cut(data, keys):
    for parts in cuts(data):
        assert names(typed(*parts)) == keys, parts


@pytest.mark.parametrize(
    "opened", [b"\x1b]11;", b"\x1bP", b"\x1b_", b"\x1b[3;", b"\x1b[M ", b"\x1b[200~", b"\x1bO", b"\x1b[["]
)
def test_ctrl_c_is_a_key_wherever_it_comes(opened):
    assert typed(opened + b"\x03")[-1] == "\x03"


@pytest.mark.parametrize(
    "opened", [b"\x1b]11;rgb:", b"\x1bP>|", b"\x1b[<0;10", b"\x1b[M!", b"\x1b[200~text", b"\x1bO", b"\x1b[["]
)
def test_an_unfinished_sequence_is_given_up_after_a_silence(opened):
    made = Typed()
    made.push(opened, 5.0)
    assert made.pause() == []
    assert made.push(b"j", 5.0 + PATIENCE + 0.01) == ["j"]


@pytest.mark.parametrize("data", [b"\x1b]11;rgb:1/q/1\x07", b"\x1bP>|q\x1b\\", b"\x1b[<0;5;5M", b"\x1b_q\x1b\\"])
def test_a_slow_line_makes_no_keys_of_the_parts_of_a_sequence(data):
    for at in range(2, len(data)):
        made = Typed()
        keys = made.push(data[:at], 1.0) + made.pause() + made.push(data[at:], 1.9) + made.pause()
        assert [name for name in names(keys) if name != "<vt100-mouse-event>"] == []


def test_the_rest_of_a_sequence_whose_escape_came_alone_is_no_key():
    made = Typed()
    assert made.push(b"\x1b", 1.0) + made.pause() == ["\x1b"]
    assert made.push(b"]11;rgb:q\x07j", 1.5) == ["j"]
    assert made.push(b"\x1b", 3.0) + made.pause() == ["\x1b"]
    assert made.push(b"Pq", 3.1) == ["P", "q"], "a letter is a key of its own"


def test_escape_ends_a_string_that_never_ends():
    made = Typed()
    assert made.push(b"\x1b]oops\x1b", 1.0) + made.pause() == []
    assert made.push(b"j", 1.1) == ["j"]


@pytest.mark.parametrize(
    ("data", "report"),
    [
        (b"\x1b[<0;3;4M", "\x1b[<0;3;4M"),
        (b"\x1b[<0;3;4m", "\x1b[<0;3;4m"),
        (b"\x1b[M #$", "\x1b[<0;3;4M"),
        (b"\x1b[M##$", "\x1b[<0;3;4m"),
        (b"\x1b[Ma#$", "\x1b[<65;3;4M"),
        (b"\x1b[M@#$", "\x1b[<32;3;4M"),
        (b"\x1b[32;3;4M", "\x1b[<0;3;4M"),
        (b"\x1b[97;300;4M", "\x1b[<65;300;4M"),
        (b"\x1b[M \xc3\xa9", "\x1b[<0;163;137M"),
    ],
)
def test_every_form_of_mouse_report_is_told_in_one_form(data, report):
    for parts in cuts(data):
        assert typed(*parts) == [report]


@pytest.mark.parametrize("count", [0, 1, LONGEST_PASTE, LONGEST_PASTE + 3, LONGEST_PASTE + 100])
def test_pasted_text_is_kept_up_to_a_limit(count):
    (paste,) = typed(b"\x1b[200~" + b"x" * count + b"\x1b[201~")
    assert paste == "\x1b[200~" + "x" * min(count, LONGEST_PASTE)


def test_random_bytes_give_the_same_keys_wherever_they_are_cut_and_little_is_held():
    """Bytes that matter to the parser are more frequent than in noise."""
    choose = random.Random(14)
    telling = b"\x1b\x1b\x1b[]PO_^X\\\x07\x18\x9b\x9d\x9c\xc2\xc3\xa9M<;~mA0123q\r\x03"
    for _ in range(2000):
        data = bytes(choose.choice(telling) if choose.random() < 0.8 else choose.randrange(256) for _ in range(30))
        at = sorted(choose.sample(range(31), 3))
        parts = [data[a:b] for a, b in zip([0, *at], [*at, 30], strict=True)]
        made = Typed()
        assert typed(*parts) == typed(data)
        for part in parts:
            presses(made.push(part, 1.0))
        assert len(made._held) <= LONGEST_PASTE
