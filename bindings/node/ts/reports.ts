/** What a check found. */
export interface CheckReport {
  sessions: number; segments: number; entries: number; traces: number;
  /** What is damaged, at most the first ones; `problemsFound` counts all. */
  problems: Problem[]; problemsFound: number;
  /** What is no damage and may be of interest. */
  notes: Problem[];
}

/** Something that is damaged, and where. */
export interface Problem {
  part: string; message: string; session?: string | null; segment?: string | null;
  entries?: { from: number; to?: number | null } | null;
}

/** What a copy holds. */
export interface CopyReport {
  sessions: number; segments: number; entries: number; entryBytes: number;
  traces: number; traceBytes: number; names: number; fileBytes: number;
}

/** What a compaction did. */
export interface Compacted {
  mode: 'fresh' | 'in_place'; bytesBefore: number; bytesAfter: number; erased: boolean;
  inPlaceBecause: string | null; notErasedBecause: string | null;
}

/** What a merge did, session by session. */
export interface MergeReport {
  names: string[]; notes: string[];
  sessions: Array<{ id: string; outcome: unknown; entries: number; traces: number; segments: number; branches: number }>;
}

/** What an import did, file by file. */
export interface ImportReport {
  files: Array<{
    path: string; session: string; segment: string; agent?: string; outcome: unknown;
    wasSkipped: boolean; isNewSession: boolean; inTrash: boolean;
  }>;
  passedOver: Array<{ path: string; kind: string }>;
  unreadable: Array<{ path: string; message: string }>;
}

/** What an import from the agents of this machine did. */
export interface SyncReport {
  agents: Array<{ agent: string; files: number; newSessions: number; newEntries: number; unchanged: number; failed: number }>;
}

/** What an export did, file by file. */
export interface ExportReport {
  files: Array<{ path: string; session: string; segment: string; outcome: unknown }>;
}

/** A session that was written where its agent looks for it. */
export interface Resumed {
  session: string; segment: string; agent: string; path: string; cwd?: string; needsCwd: boolean; command?: string[];
}

/** What was recovered of a damaged archive. */
export interface RecoverReport {
  basis: string; complete: boolean; sessions: number; segments: number; entries: number; missingEntries: number;
  traces: number; notes: string[]; problems: Problem[];
}
