//! `append`: JSON lines from standard input, all as one or each on its own.

use std::io::{self, BufRead, Read, Write};

use sessiondb::{Archive, Log, MAX_ENTRY_BYTES, RawJson, Receipt, StoreError};

use crate::args::AppendArgs;
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::{output, render};

pub(crate) fn run(context: &Context, args: &AppendArgs) -> Result<(), Failure> {
    if args.ack {
        append_each(context, args)
    } else {
        append_all(context, args)
    }
}

fn append_all(context: &Context, args: &AppendArgs) -> Result<(), Failure> {
    // All of the input first: the archive is neither created for a bad one nor held meanwhile.
    let lines: Result<Vec<Line>, Failure> = Lines::of(io::stdin().lock()).collect();
    let nothing = |failure: Failure| failure.after("nothing was appended");
    let lines = lines.map_err(nothing)?;
    let archive = context.open(Access::Create)?;
    let entries = lines.iter().map(|line| &line.entry);
    let receipt = append(&log(&archive, args), args.expect_len, entries);
    let receipt = receipt.map_err(|error| nothing(error.into()))?;
    let done = format!(
        "{} appended, and segment {} of session {} has {} now",
        render::count(lines.len() as u64, "line"),
        args.segment,
        args.session,
        receipt.len
    );
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&done))?;
    exit::done(print(receipt.len), done, Ok(()))
}

fn print(len: u64) -> Result<(), Failure> {
    let mut out = output::stdout();
    writeln!(out, "{len}")?;
    Ok(out.flush()?)
}

/// Appends each line as it arrives. What was acknowledged stays, whatever comes after it.
fn append_each(context: &Context, args: &AppendArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Create)?;
    let log = log(&archive, args);
    let mut expect_len = args.expect_len;
    for (appended, line) in (0..).zip(Lines::of(io::stdin().lock())) {
        let line = line.map_err(|failure| after(appended, failure))?;
        let receipt = append(&log, expect_len, [&line.entry]);
        let receipt = receipt.map_err(|error| after(appended, error.into()))?;
        expect_len = expect_len.map(|_| receipt.len);
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", receipt.len)
            .and_then(|()| stdout.flush())
            .map_err(|cause| unread(appended + 1, line.number, &cause))?;
    }
    drop(log);
    archive.close()?;
    Ok(())
}

fn log(archive: &Archive, args: &AppendArgs) -> Log {
    if args.trace {
        archive.trace(args.session, args.segment)
    } else {
        archive.log(args.session, args.segment)
    }
}

fn append<'e>(
    log: &Log,
    expect_len: Option<u64>,
    entries: impl IntoIterator<Item = &'e RawJson>,
) -> Result<Receipt, StoreError> {
    match expect_len {
        Some(expected) => log.append_at(expected, entries),
        None => log.append_many(entries),
    }
}

fn after(appended: u64, failure: Failure) -> Failure {
    match failure {
        Failure::Failed { message, .. } if appended > 0 => Failure::new(
            Code::InPart,
            format_args!(
                "{message}; the {} before it stay appended",
                render::count(appended, "line")
            ),
        ),
        other => other,
    }
}

/// Nobody reads the acknowledgements. Unlike a closed pipe elsewhere this is an error: whoever
/// waits for them would take the rest of the lines for appended.
fn unread(appended: u64, number: usize, cause: &io::Error) -> Failure {
    Failure::new(
        Code::InPart,
        format_args!(
            "standard output: {cause}; {} appended, the last of them line {number} of standard \
             input, which could not be acknowledged; the lines after it were not appended",
            render::count(appended, "line")
        ),
    )
}

/// A line of standard input that is not blank.
struct Line {
    /// Counted from 1.
    number: usize,
    entry: RawJson,
}

struct Lines<R> {
    input: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn of(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line without its end, blank or not. A line over the limit is not read further.
    fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::new();
        let limit = MAX_ENTRY_BYTES as u64 + 1;
        let read = (&mut self.input)
            .take(limit)
            .read_until(b'\n', &mut bytes)
            .map_err(|cause| Failure::new(Code::Other, format_args!("standard input: {cause}")))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let number = self.number;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.len() as u64 == limit {
            return Err(Failure::new(
                Code::Other,
                format_args!(
                    "standard input, line {number}: longer than {MAX_ENTRY_BYTES} bytes, which is \
                     the most that an entry may have"
                ),
            ));
        }
        Ok(Some(bytes))
    }

    fn line(&self, bytes: &[u8]) -> Result<Line, Failure> {
        let number = self.number;
        match RawJson::from_bytes(bytes) {
            Ok(entry) => Ok(Line { number, entry }),
            Err(cause) => Err(Failure::new(
                Code::Other,
                format_args!(
                    "standard input, line {number}: not one JSON value on one line: {cause}"
                ),
            )),
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read().transpose()? {
                Ok(bytes) if bytes.trim_ascii().is_empty() => {}
                read => return Some(read.and_then(|bytes| self.line(&bytes))),
            }
        }
    }
}
