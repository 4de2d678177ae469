export type {
  ChangeInfo, ClosedInfo, MatchInfo, OpenOptions, Receipt, SearchOptions, SegmentInfo, SegmentParent, SessionInfo,
  SessionPageInfo, SessionQueryOptions, Stats,
} from '../native.js';
export { newSegmentId, newSessionId } from '../native.js';
export { Archive } from './archive.js';
export { Batch } from './batch.js';
export type { CallOptions } from './core.js';
export { Entry, type EntryInput } from './entry.js';
export { type ErrorCode, SessiondbError } from './error.js';
export type { Changes, Hit, Hits } from './follow.js';
export { type Durability, Entries, Log, LogSnapshot, type Range } from './log.js';
export type * from './reports.js';
export { type Json, Snapshot } from './snapshot.js';
