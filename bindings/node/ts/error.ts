/** What a program can do about an error; the kinds of the library by name. */
export type ErrorCode =
  | 'NOT_FOUND' | 'CONFLICT' | 'BUSY' | 'INVALID' | 'DOES_NOT_FIT' | 'INCOMPATIBLE'
  | 'READ_ONLY' | 'DAMAGED' | 'OUTCOME_UNKNOWN' | 'UNUSABLE' | 'IO' | 'ABORTED';

/** Why a call did not do what it was asked to. `message` says what, where, and what to do. */
export class SessiondbError extends Error {
  override readonly name = 'SessiondbError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** What the error knows besides, such as `session`, `segment`, `expected` and `actual` of a conflict. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** The error of a call of the addon, whose text is JSON. What is none of these stays as it is. */
export function toError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SessiondbError || !error.message.startsWith('{"code":')) {
    return error;
  }
  const told = JSON.parse(error.message) as { code: ErrorCode; message: string; details: Record<string, unknown> };
  return new SessiondbError(told.code, told.message, told.details);
}

/** The error of a call after the end. */
export function closed(): SessiondbError {
  return new SessiondbError('UNUSABLE', 'the call was not made: the archive is closed; open it again');
}
