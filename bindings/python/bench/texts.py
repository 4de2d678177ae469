"""Conversations that are made up, the same ones for each seed."""

from __future__ import annotations

import random
import uuid
from typing import Any

_SYLLABLES = "ba co di fe gu ha je ki lo mu na pe qui ro su ta ve wi xo ya zu".split()


class Texts:
    """Turns of a conversation with a tool in it, as agents log them."""

    def __init__(self, seed: int = 7) -> None:
        self.chance = random.Random(seed)
        self._words = ["".join(self.chance.choices(_SYLLABLES, k=self.chance.randint(1, 4))) for _ in range(3_000)]

    def text(self, words: int) -> str:
        weights = range(len(self._words), 0, -1)
        return " ".join(self.chance.choices(self._words, weights=weights, k=words))

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def claude_turn(self, number: int) -> list[Any]:
        """A prompt, a call of a tool, its result, and an answer."""

        def entry(kind: str, content: object) -> Any:
            return {
                "type": kind,
                "uuid": self.uuid(),
                "parentUuid": self.uuid(),
                "isSidechain": False,
                "userType": "external",
                "cwd": "/home/user/project",
                "sessionId": "5f3c8d0e-7a30-4f2a-9d15-0a4d5c1b2e3f",
                "version": "2.1.59",
                "gitBranch": "main",
                "timestamp": f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
                "message": {"role": kind, "content": content},
            }

        call = {"type": "tool_use", "id": f"toolu_{self.uuid()}", "name": "Bash", "input": {"command": self.text(6)}}
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": self.text(120)}
        return [
            entry("user", self.text(20)),
            entry("assistant", [{"type": "text", "text": self.text(15)}, call]),
            entry("user", [result]),
            entry("assistant", [{"type": "text", "text": self.text(60)}]),
        ]

    def openai_turn(self) -> list[Any]:
        """The same as items of the Responses API."""
        call = f"call_{self.uuid()}"
        return [
            {"role": "user", "content": self.text(20)},
            {"type": "function_call", "call_id": call, "name": "bash", "arguments": f'{{"command":"{self.text(6)}"}}'},
            {"type": "function_call_output", "call_id": call, "output": self.text(120)},
            {
                "type": "message",
                "id": f"msg_{self.uuid()}",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": self.text(60), "annotations": []}],
            },
        ]
