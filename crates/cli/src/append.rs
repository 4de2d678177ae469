//! `append`: JSON lines from standard input, all as one or each on its own.

use std::io::{self, BufRead, Read, Write};

use sessiondb::{Archive, Log, MAX_ENTRY_BYTES, Receipt, StoreError};

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
    let lines: Vec<Line> = Lines::of(io::stdin().lock()).collect::<Result<_, _>>()?;
    let archive = context.open(Access::Create)?;
    let receipt = append(&log(&archive, args), args.expect_len, &lines).map_err(|error| {
        let (code, message) = explain(error, &lines);
        Failure::new(code, format_args!("{message}; nothing was appended"))
    })?;
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
        let lines = std::slice::from_ref(&line);
        let receipt = append(&log, expect_len, lines).map_err(|error| {
            let (code, message) = explain(error, lines);
            after(appended, Failure::new(code, message))
        })?;
        expect_len = expect_len.map(|_| receipt.len);
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", receipt.len)
            .and_then(|()| stdout.flush())
            .map_err(|cause| unread(appended + 1, line.number, &cause))?;
    }
    drop(log);
    Ok(archive.close()?)
}

fn log(archive: &Archive, args: &AppendArgs) -> Log {
    if args.trace {
        archive.trace(args.session, args.segment)
    } else {
        archive.log(args.session, args.segment)
    }
}

fn append(log: &Log, expect_len: Option<u64>, lines: &[Line]) -> Result<Receipt, StoreError> {
    match expect_len {
        Some(expected) => log.append_at_raw(expected, lines),
        None => log.append_many_raw(lines),
    }
}

/// The error in terms of standard input, where it is about one of its lines.
fn explain(error: StoreError, lines: &[Line]) -> (Code, String) {
    let StoreError::InvalidEntry {
        position, message, ..
    } = error
    else {
        return Failure::from(error).into_parts();
    };
    let number = lines.get(position).map_or(position, |line| line.number);
    (
        Code::Other,
        format!("standard input, line {number}: not one JSON value on one line: {message}"),
    )
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
    bytes: Vec<u8>,
}

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
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
    fn read(&mut self) -> Result<Option<Line>, Failure> {
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
        Ok(Some(Line { number, bytes }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read().transpose()? {
                Ok(line) if line.bytes.trim_ascii().is_empty() => {}
                other => return Some(other),
            }
        }
    }
}
