"""What is wrong with a file, and fields that are read one after the other."""

import uuid


class Refused(Exception):
    """The file is no archive, or one that this reader does not know how to read."""


class Damaged(Exception):
    """Something in the archive is not what it must be."""

    def __init__(self, place, message):
        super().__init__(f"{place}: {message}")
        self.place = place


class Fields:
    """Reads fields from some bytes, and names the place where they end too early."""

    def __init__(self, data, place):
        self.data = memoryview(data)
        self.at = 0
        self.place = place

    def take(self, length):
        end = self.at + length
        if end > len(self.data):
            raise Damaged(self.place, f"it ends {end - len(self.data)} bytes too early")
        part = self.data[self.at : end]
        self.at = end
        return part

    def number(self, length):
        return int.from_bytes(self.take(length), "little")

    def u8(self):
        return self.number(1)

    def u16(self):
        return self.number(2)

    def u32(self):
        return self.number(4)

    def u64(self):
        return self.number(8)

    def u128(self):
        return self.number(16)

    def uuid(self):
        return uuid.UUID(bytes=bytes(self.take(16)))

    def rest(self):
        return self.take(len(self.data) - self.at)

    def is_at_end(self):
        return self.at == len(self.data)

    def must_end(self):
        left = len(self.data) - self.at
        if left:
            raise Damaged(self.place, f"{left} bytes stand behind its end")


def text(data, place):
    """The text that bytes in UTF-8 are."""
    try:
        return bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(place, f"it is no UTF-8 from byte {error.start} on") from None
