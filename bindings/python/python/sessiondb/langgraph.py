"""A checkpointer of LangGraph in one file.

    from sessiondb.langgraph import Saver

    with Saver("agent.sessiondb") as saver:
        graph = builder.compile(checkpointer=saver)
        graph.invoke(inputs, {"configurable": {"thread_id": "1"}})

It has all methods of `BaseCheckpointSaver`, with and without waiting by an event loop. The value of a channel is kept
once for each version, and of a list that grows only what is new. Several savers, threads and processes may use one
file at once.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

try:
    from langgraph.checkpoint.base import (
        WRITES_IDX_MAP,
        BaseCheckpointSaver,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
        get_checkpoint_id,
        get_checkpoint_metadata,
    )
except ModuleNotFoundError as error:
    message = f"sessiondb.langgraph needs LangGraph: pip install 'sessiondb[langgraph]' ({error})"
    raise ModuleNotFoundError(message, name=error.name) from error

from ._lanes import Lanes
from ._native import Archive, LangGraphStore

if TYPE_CHECKING:
    from types import TracebackType

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from ._native import _Checkpoint

__all__ = ["Saver"]


class Saver(BaseCheckpointSaver[str]):
    """The checkpoints of LangGraph in an archive."""

    def __init__(
        self,
        archive: str | os.PathLike[str] | Archive,
        *,
        serde: SerializerProtocol | None = None,
        **options: Any,
    ) -> None:
        """Opens the archive of this path, with the options of `Archive`, or uses one that is open."""
        super().__init__(serde=serde)
        self._owned = None if isinstance(archive, Archive) else Archive(archive, **options)
        self.archive = archive if isinstance(archive, Archive) else cast("Archive", self._owned)
        self._store = LangGraphStore(self.archive)
        self._lanes = Lanes(str(self.archive.path))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Puts a checkpoint. It is on the disk when it returns."""
        asked = config["configurable"]
        thread_id, checkpoint_ns = str(asked["thread_id"]), asked.get("checkpoint_ns", "")
        given, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
        kept: dict[str, Any] = {name: value for name, value in checkpoint.items() if name != "channel_values"}
        # What has no version cannot be found by it.
        unversioned = {channel: value for channel, value in given.items() if channel not in versions}
        if unversioned:
            kept["channel_values"] = unversioned
        values = [
            (channel, json.dumps(version), self.serde.dumps_typed(given[channel]) if channel in given else None)
            for channel, version in new_versions.items()
        ]
        self._store.put(
            thread_id,
            checkpoint_ns,
            checkpoint["id"],
            get_checkpoint_id(config),
            self.serde.dumps_typed(kept),
            json.dumps(get_checkpoint_metadata(config, metadata)),
            json.dumps(versions),
            values,
        )
        return _config(thread_id, checkpoint_ns, checkpoint["id"])

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Puts what a task has written, pending on a checkpoint."""
        asked = config["configurable"]
        self._store.put_writes(
            str(asked["thread_id"]),
            asked.get("checkpoint_ns", ""),
            str(asked["checkpoint_id"]),
            [
                (task_id, task_path, WRITES_IDX_MAP.get(channel, place), channel, self.serde.dumps_typed(value))
                for place, (channel, value) in enumerate(writes)
            ],
        )

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """A checkpoint by its id, or the newest of its thread and namespace."""
        asked = config["configurable"]
        found = self._store.get_checkpoint(
            str(asked["thread_id"]), asked.get("checkpoint_ns", ""), get_checkpoint_id(config)
        )
        return None if found is None else self._tuple(found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints of which all that is given is so, the newest first."""
        for found in self._list(config, filter, before, limit):
            yield self._tuple(found)

    def delete_thread(self, thread_id: str) -> None:
        """Removes a thread."""
        self._store.delete_thread(str(thread_id))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies all of a thread to another one."""
        self._store.copy_thread(str(source_thread_id), str(target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Leaves of each thread and namespace the newest checkpoint, or with `"delete"` nothing."""
        ids = [str(thread_id) for thread_id in thread_ids]
        if strategy == "keep_latest":
            self._store.prune(ids)
        elif strategy == "delete":
            for thread_id in ids:
                self._store.delete_thread(thread_id)
        else:
            raise ValueError(f'{strategy!r} is no strategy: give "keep_latest" or "delete"')

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Removes the checkpoints of these runs, with what is pending on them."""
        self._store.delete_for_runs([str(run_id) for run_id in run_ids])

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`."""
        return await self._lanes.run(_thread(config), self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As `put_writes`."""
        await self._lanes.run(_thread(config), self.put_writes, config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `get_tuple`."""
        return await self._lanes.run(_thread(config), self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`."""
        key = None if config is None else _thread(config)
        for found in await self._lanes.run(key, self._list, config, filter, before, limit):
            yield await self._lanes.run(key, self._tuple, found)

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`."""
        await self._lanes.run(str(thread_id), self.delete_thread, thread_id)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`."""
        await self._lanes.run(str(source_thread_id), self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As `prune`."""
        await self._lanes.run(None, self.prune, thread_ids, strategy=strategy)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `delete_for_runs`."""
        await self._lanes.run(None, self.delete_for_runs, run_ids)

    def get_next_version(self, current: str | None, channel: None) -> str:
        """The version after this one. Of two that are made of the same one each is its own."""
        number = int(current.split(".")[0]) if isinstance(current, str) else current or 0
        return f"{number + 1:032}.{random.random():016}"

    def close(self) -> None:
        """Ends the threads of the saver, and closes the archive that it opened."""
        self._lanes.close()
        self._store.close()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Saver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Saver:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _list(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> Sequence[_Checkpoint]:
        asked: dict[str, Any] = {} if config is None else config["configurable"]
        thread_id = asked.get("thread_id")
        return self._store.list(
            None if thread_id is None else str(thread_id),
            asked.get("checkpoint_ns"),
            asked.get("checkpoint_id"),
            None if before is None else get_checkpoint_id(before),
            None if not filter else json.dumps(filter),
            limit,
        )

    def _tuple(self, found: _Checkpoint) -> CheckpointTuple:
        thread_id, checkpoint_ns, checkpoint_id, parent_id, kept, metadata, values, writes = found
        checkpoint = self.serde.loads_typed(kept)
        loaded = {channel: self.serde.loads_typed(value) for channel, value in values}
        checkpoint["channel_values"] = {**checkpoint.get("channel_values", {}), **loaded}
        return CheckpointTuple(
            _config(thread_id, checkpoint_ns, checkpoint_id),
            checkpoint,
            json.loads(metadata),
            None if parent_id is None else _config(thread_id, checkpoint_ns, parent_id),
            [(task_id, channel, self.serde.loads_typed(value)) for task_id, channel, value in writes],
        )


def _thread(config: RunnableConfig) -> str:
    return str(config["configurable"].get("thread_id"))


def _config(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> RunnableConfig:
    return {
        "configurable": {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns, "checkpoint_id": checkpoint_id}
    }
