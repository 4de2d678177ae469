"""Logs that want to be more than text: writes them into a folder, one session each."""

import base64
import json
import struct
import sys
import zlib
from pathlib import Path

RUN = "window.canary=1"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<!--<script>{RUN}//--></script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}><animate onbegin={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN[7:]}</script>'></iframe>",
    f"<a href='javascript:{RUN}' id=escape>x</a>",
    f"[click](javascript:{RUN})",
    f"![picture](javascript:{RUN}) ![one](https://example.invalid/x.png)",
    f"<https://example.invalid/{RUN}> https://example.invalid/",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    f"`</code><script>{RUN}</script>`",
    f"```\"><script>{RUN}</script>\ncode\n```",
    f"{{{{constructor.constructor('{RUN}')()}}}} ${{{RUN}}} <%= {RUN} %> #{{{RUN}}}",
    "</style><style>*{display:none!important}</style>",
    "<link rel=stylesheet href=https://example.invalid/x.css><base href=https://example.invalid/>",
    "<meta http-equiv=refresh content='0;url=https://example.invalid/'>",
    "<form action=https://example.invalid/><input id=words name=list><button id=view>",
    "style=background:url(https://example.invalid/x) }*{display:none}",
    "\u202egnp.exe\u2066 \u200bzero\u200bwidth\ufeff \u2028 \u2029 \U000e0041",
    "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m \x00 \x85",
    "x" * 20000,
    "y/" * 5000,
    "> " * 3000 + "deep",
    "".join("  " * depth + "- item\n" for depth in range(300)),
    "*" * 5000 + "a" + "_" * 5000,
    "`" * 5000 + "[" * 5000 + "](" * 5000,
    "|a" * 500 + "|\n" + "|-" * 500 + "|\n" + "|b" * 500 + "|",
    "__proto__ constructor hasOwnProperty toString",
    "hidden &lt;script&gt; &#x3c;script&#x3e;",
]


def png():
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + bytes([40, 120, 200]) * 24 for _ in range(24))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 24, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def image(media_type, data):
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": "image", "source": source}


def session(number, payload):
    id = f"0f0f0f0f-0000-4000-8000-{number:012}"
    at = f"2026-03-{number % 27 + 1:02}T10:00:00Z"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'><script>{RUN}</script></svg>".encode()
    tool = {"command": payload, "__proto__": {"x": payload}, payload[:50]: [payload]}

    def entry(kind, uuid, **more):
        return {"type": kind, "uuid": f"{uuid}{number}", "sessionId": id, "timestamp": at,
                "cwd": "/hostile/" + payload[:40], "gitBranch": payload[:60], "isSidechain": False, **more}

    answer = {"id": "m", "role": "assistant", "model": payload[:80], "usage": {"input_tokens": 7, "output_tokens": 9},
              "content": [{"type": "thinking", "thinking": payload}, {"type": "text", "text": payload},
                          {"type": "tool_use", "id": "t", "name": payload[:80], "input": tool}]}
    result = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": payload}
    return [
        entry("user", "u", message={"role": "user", "content": [
            {"type": "text", "text": payload}, image("image/png", png()), image("image/svg+xml", svg),
            image(f"image/png;{RUN}", svg), image("text/html", svg)]}),
        entry("assistant", "a", message=answer),
        entry("user", "r", message={"role": "user", "content": [result]}),
        {"type": "summary", "summary": payload, "leafUuid": f"a{number}"},
        {"type": payload, "message": {"role": "system", "content": payload}},
    ]


def write(folder):
    for number, payload in enumerate(PAYLOADS):
        entries = session(number, payload)
        lines = [json.dumps(entry) for entry in entries]
        if number == 0:
            # Half a pair of surrogates, which only JSON can say.
            lines.append(json.dumps(entries[1]).replace("window.", "\\ud800window."))
        path = Path(folder) / "projects" / "-hostile" / f"{entries[0]['sessionId']}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
