"""What is told when a screen is left: lines in, text out."""

from netmon.notes import MOST, Notes


def test_equal_lines_are_told_once_with_how_often_in_the_order_of_the_first():
    notes = Notes()
    notes.add(["lost\n", "back\n"])
    notes.add(["lost\n"] * 1199)
    assert notes.text == "lost (1 200 times)\nback\n"


def test_no_note_is_no_text():
    assert not Notes().text


def test_of_too_many_lines_the_oldest_are_dropped():
    notes = Notes()
    notes.add(f"line {number}\n" for number in range(MOST + 5))
    kept = notes.text.splitlines()
    assert (len(kept), kept[0], kept[-1]) == (MOST, "line 5", f"line {MOST + 4}")
