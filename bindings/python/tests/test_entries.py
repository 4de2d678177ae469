"""What an entry can be made of, and how it comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

import sessiondb
from sessiondb import Archive


@pytest.mark.parametrize(
    "given",
    [
        b'{"n": 1e400, "n": 2 }',
        '{"half":"\\ud83d","n":123456789012345678901234567890}',
        bytearray(b"[1,2]"),
        memoryview(b'"text"'),
    ],
)
def test_bytes_and_text_are_stored_as_they_are(archive: Archive, given: Any) -> None:
    log = archive.log()
    log.append(given)
    (entry,) = log
    as_bytes = given.encode() if isinstance(given, str) else bytes(given)
    assert entry.bytes == bytes(entry) == as_bytes
    assert entry.text == str(entry) == as_bytes.decode()
    assert len(entry) == len(as_bytes)


@pytest.mark.parametrize(
    "value",
    [{"text": "Grüße 🎉", "list": [1, 2.5, None, True]}, [1, 2], 7, 0.1, None, True, {}, {"half": "\ud83d"}, 10**40],
)
def test_other_values_are_made_json_once(archive: Archive, value: Any) -> None:
    log = archive.log()
    log.append(value)
    (entry,) = log
    assert entry.json() == value
    assert json.loads(entry.bytes) == value


def test_an_entry_is_decoded_once(archive: Archive) -> None:
    log = archive.log()
    log.append({"a": 1})
    (entry,) = log
    assert entry.json() is entry.json()


def test_an_entry_can_be_appended_again(archive: Archive) -> None:
    one, other = archive.log(), archive.log()
    one.append(b'{"n": 1e400 }')
    other.append_many(one)
    assert other.read().bytes() == [b'{"n": 1e400 }']


@pytest.mark.parametrize("given", [b"{", "no json", "[1,\n2]", b"\xff", b"", "1 2"])
def test_what_is_no_json_is_refused(archive: Archive, given: Any) -> None:
    log = archive.log()
    with pytest.raises(sessiondb.InvalidError) as caught:
        log.append_many([{"good": 1}, given])
    assert (caught.value.variant, getattr(caught.value, "position")) == ("InvalidEntry", 1)
    assert isinstance(caught.value, ValueError)
    assert len(log) == 0


def test_what_json_cannot_say_is_refused(archive: Archive) -> None:
    log = archive.log()
    with pytest.raises(ValueError):
        log.append(float("nan"))
    with pytest.raises(TypeError):
        log.append({"set": {1}})  # a set is no JSON
    with pytest.raises(UnicodeEncodeError):
        log.append('"\ud83d"')  # text is stored as it is, and this is no text
    assert not log.exists()


@pytest.mark.parametrize("one", [{"a": 1}, "[1]", b"[1]"])
def test_one_entry_in_place_of_several_is_refused(archive: Archive, one: Any) -> None:
    with pytest.raises(TypeError):
        archive.log().append_many(one)


def test_all_entries_are_decoded_at_once(archive: Archive) -> None:
    log = archive.log()
    log.append_many({"n": number} for number in range(1_000))
    entries = log.read()
    assert next(entries).json() == {"n": 0}
    assert entries.__length_hint__() == 999
    assert entries.json() == [{"n": number} for number in range(1, 1_000)]
    assert entries.json() == []
    assert [entry.index for entry in log.read(10, 13)] == [10, 11, 12]
    assert [entry.json()["n"] for entry in log.last(2)] == [998, 999]
    assert log.read(990, 5_000).bytes()[-1] == b'{"n":999}'
    assert log.read(5_000).json() == []
