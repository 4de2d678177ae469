"""Writes JSON lines that are hard on the words of filters and on the rows of runs, from a seed."""

import json
import random
import sys

PIECES = (
    "word Straße größe ΑΒΓΣς κόσμος мир ЁЖ İstanbul ﬁ ſharp K Å ẞ ǅ ŉ ΐ ΰ ϐϑϕϖϰϱϵ ᲀᲁ đ 日本 🦀 e\u0301 ͅ"
    " \u00d7 \u00f7 \u0375 \u1fbe \u1fd3 \u1fe3 \u00b5m \u0130 snake_case CamelCase 12 123z 1234 12345 12a34b5"
    " 123Z 12Z3 2026-11-28T00:01:02.123Z aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaa1 aaaaaaaaaaaaaaaaaa_x"
    " a23456789012345678901234567890123 abcdefghijklmnopqrstuvwxyzabcdef abcdefghijklmnopqrstuvwxyzabcdefg"
    " \\ \\\\ \\n \\t \\u \\u00e9 \\u00E9x \\ud83e \\x a\\nb C:\\new\\users\\Ordner \\große \\u12 \" / + a/b+c a//b"
    " \n \t \r \x07 \x7f \u2028 é/ü/ö"
).split(" ")


def text(rng):
    parts = [rng.choice(PIECES) for _ in range(rng.randrange(1, 12))]
    if rng.random() < 0.2:
        parts.append(rng.choice("+/").join(rng.choices(("abc", "Def", "x9", "größe"), k=rng.randrange(60, 140))))
    if rng.random() < 0.2:
        parts.append(json.dumps(rng.choice(PIECES), ensure_ascii=rng.random() < 0.5))
    return rng.choice(("", " ", " ", "-")).join(parts)


def entry(rng):
    value = {"kind": text(rng), "text": json.dumps(text(rng)) if rng.random() < 0.2 else text(rng)}
    line = json.dumps(value, ensure_ascii=rng.random() < 0.4, separators=(",", ":"))
    if rng.random() < 0.1:
        # A half of a pair, alone or before what is none.
        line = '{"half":"\\ud83e' + rng.choice(("", "x", "\\u0041", "\\n", "\\ude80z", "\\ud83e\\u00e9")) + '"}'
    return line


def main():
    seed, count, noise_bytes = map(int, sys.argv[1:])
    rng = random.Random(seed)
    for _ in range(count):
        print(entry(rng))
    # What does not become smaller, so that a run has chunks.
    for _ in range(-(-noise_bytes // 4000)):
        print(json.dumps({"kind": "noise", "data": rng.randbytes(2000).hex()}))


if __name__ == "__main__":
    main()
