"""The words of entries, and the filters that tell in which runs a word may be."""

from fields import Damaged, Fields

MAX_WORD_BYTES = 32
MASK = (1 << 64) - 1
SMALL = 0x2020202020202020
ESCAPED_TWICE = 1

LETTERS = [
    (0xC0, 0x17F), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x1CD, 0x1DC), (0x1DE, 0x1EF), (0x1F8, 0x21F),
    (0x222, 0x233), (0x370, 0x3FF), (0x400, 0x52F), (0x1E00, 0x1EFF), (0xB5, 0xB5), (0x345, 0x345),
    (0x1C80, 0x1C87), (0x1FBE, 0x1FBE), (0x1FD3, 0x1FD3), (0x1FE3, 0x1FE3), (0x2126, 0x2126),
    (0x212A, 0x212B),
]  # fmt: skip
NO_LETTERS = [
    (0xD7, 0xD7), (0xF7, 0xF7), (0x375, 0x375), (0x378, 0x379), (0x37E, 0x37E), (0x380, 0x385),
    (0x387, 0x387), (0x38B, 0x38B), (0x38D, 0x38D), (0x3A2, 0x3A2), (0x3F6, 0x3F6), (0x482, 0x489),
]  # fmt: skip
# What folds to several characters, and to one by the simple folding.
SIMPLE = {"\u1e9e": "\u00df", "\u1fd3": "\u0390", "\u1fe3": "\u03b0"}


def folded(char):
    """The character as it counts in a word; `None` if it is no part of one."""
    code = ord(char)
    if code < 128:
        return char.lower() if char.isalnum() or char == "_" else None
    if not in_ranges(code, LETTERS) or in_ranges(code, NO_LETTERS):
        return None
    fold = char.casefold()
    return fold if len(fold) == 1 else SIMPLE.get(char, char)


def in_ranges(code, ranges):
    return any(low <= code <= high for low, high in ranges)


def hash_of(word):
    """The hash of the bytes of a folded word."""
    length = max(16, -(-len(word) // 8) * 8)
    value = 0x9E3779B97F4A7C15 ^ len(word)
    for at in range(0, length, 8):
        group = word[at : at + 8]
        bits = int.from_bytes(group, "little") | (SMALL & ((1 << 8 * len(group)) - 1))
        value = (value ^ bits) * 0xD6E8FEB86659FD93 & MASK
        value ^= value >> 32
    return value


def counts(word):
    digits = sum(byte in b"0123456789" for byte in word)
    if not word or len(word) > MAX_WORD_BYTES or digits >= 5:
        return False
    if digits == 3:
        return len(word) != 4 or not word.endswith(b"z")
    return digits == 0 or len(word) < 16


class Word:
    """A word that is asked for."""

    def __init__(self, given):
        chars = [folded(char) for char in given]
        if None in chars:
            raise ValueError(f"{given!r} is not one word")
        self.bytes = "".join(chars).encode()
        if not counts(self.bytes):
            raise ValueError(f"{given!r} is none of the words that filters have")

    def hash(self):
        return hash_of(self.bytes)

    def is_wide(self):
        return not self.bytes.isascii()

    def is_in(self, entry):
        return self.hash() in hashes(entry)[0]


def hashes(payload):
    """The hashes of the words of entries that are joined, and whether characters are escaped twice."""
    scan = Scan(payload)
    scan.run()
    return scan.found, scan.escaped_twice


class Scan:
    """Goes through the words of entries."""

    def __init__(self, payload):
        self.data = payload
        self.found = set()
        self.escaped_twice = False
        # Where the last plain word ended, and where its stretch began.
        self.end = 0
        self.stretch = 0

    def run(self):
        at = 0
        while at < len(self.data):
            letter = self.letter(at)
            if letter:
                at = self.word(at)
            elif self.data[at] != 0x5C:
                at += 1
            elif self.data[at + 1 : at + 2] == b"u":
                at += self.escape(at)[1]
            else:
                at += 2
                if self.data[at - 1 : at] == b"\\":
                    self.within_a_string(at)

    def word(self, at):
        """The word that begins there; a plain one only if it is not far into what may be data."""
        word, end, is_plain = self.letters(at)
        counted = True
        if is_plain:
            if at != self.end + 1 or self.data[self.end : at] not in (b"+", b"/"):
                self.stretch = at
            self.end = end
            counted = at - self.stretch < 256
        if counted:
            self.add(word)
        return end

    def within_a_string(self, at):
        """The word behind a backslash that is escaped, without what that may belong to."""
        rest = self.data[at : at + 5]
        if rest[:1] == b"u" and is_hex(rest[1:]):
            self.escaped_twice = True
            self.add(self.letters(at + 5)[0])
        elif rest[:1].islower() and rest[:1].isascii():
            self.add(self.letters(at + 1)[0])

    def add(self, word):
        if counts(word):
            self.found.add(hash_of(word))

    def letters(self, at):
        chars, is_plain = [], True
        while letter := self.letter(at):
            char, length = letter
            is_plain = is_plain and length == 1
            chars.append(char)
            at += length
        return "".join(chars).encode(), at, is_plain

    def letter(self, at):
        """The letter that stands there, folded, and the number of its bytes."""
        if at >= len(self.data):
            return None
        first = self.data[at]
        if first == 0x5C:
            char, length = self.escape(at)
        elif first < 0x80:
            char, length = chr(first), 1
        elif first < 0xC0:
            return None
        else:
            length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            char = self.data[at : at + length].decode("utf-8", "replace")
        fold = folded(char) if char and len(char) == 1 else None
        return (fold, length) if fold else None

    def escape(self, at):
        """The character that an escape with digits stands for, if it does, and the length of that."""
        first = self.code(at)
        if first is None:
            return None, 2
        if not 0xD800 <= first < 0xE000:
            return chr(first), 6
        second = self.code(at + 6)
        if first < 0xDC00 and second is not None and 0xDC00 <= second < 0xE000:
            return chr(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00), 12
        return None, 2

    def code(self, at):
        digits = self.data[at + 2 : at + 6]
        return int(digits, 16) if self.data[at : at + 2] == b"\\u" and is_hex(digits) else None


def is_hex(digits):
    return len(digits) == 4 and all(byte in b"0123456789abcdefABCDEF" for byte in digits)


class Filter:
    """The word filter of a run."""

    def __init__(self, content, place):
        fields = Fields(content, place)
        self.run, self.count, self.words = fields.u64(), fields.u32(), fields.u32()
        self.low_bits, self.flags = fields.u8(), fields.u8()
        if not 6 <= self.low_bits <= 10:
            raise Damaged(place, f"its numbers have {self.low_bits} low bits")
        upper = fields.number(-(-2 * self.words // 8))
        low = fields.number(-(-self.words * self.low_bits // 8))
        fields.must_end()
        self.numbers = self.numbers_of(upper, low, place)

    def numbers_of(self, upper, low, place):
        bits = [at for at in range(2 * self.words) if upper >> at & 1]
        if len(bits) != self.words or upper.bit_length() > 2 * self.words:
            raise Damaged(place, f"it has {len(bits)} words where {self.words} are named")
        mask = (1 << self.low_bits) - 1
        return [
            (bit - at) << self.low_bits | low >> at * self.low_bits & mask
            for at, bit in enumerate(bits)
        ]

    def number_of(self, value):
        return value * (self.words << self.low_bits) >> 64

    def may_have(self, word):
        if word.is_wide() and self.flags & ESCAPED_TWICE:
            return True
        return self.number_of(word.hash()) in self.numbers

    def is_of(self, entries):
        """Whether it is just what the page says of the words of these entries."""
        found, escaped_twice = hashes(b"\n".join(entries))
        numbers = sorted(map(self.number_of, found))
        return (numbers, int(escaped_twice)) == (self.numbers, self.flags)
