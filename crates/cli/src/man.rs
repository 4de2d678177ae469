//! `man`: the man pages.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, ManArgs, with_examples};
use crate::exit::{Code, Failure};
use crate::output;

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let mut command = with_examples(Cli::command());
    command.build();
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        let mut out = output::stdout();
        out.write_all(&page)?;
        return Ok(out.flush()?);
    };
    let failed = |error: io::Error, path: &Path| {
        let path = path.display();
        Failure::new(
            Code::Other,
            format_args!("{path}: the man pages cannot be written: {error}"),
        )
    };
    fs::create_dir_all(folder).map_err(|error| failed(error, folder))?;
    write(&command, "sessiondb", folder).map_err(|error| failed(error, folder))?;
    let subcommands = command.get_subcommands();
    for subcommand in subcommands.filter(|one| !one.is_hide_set() && one.get_name() != "help") {
        let name = format!("sessiondb-{}", subcommand.get_name());
        write(subcommand, &name, folder).map_err(|error| failed(error, folder))?;
    }
    Ok(())
}

fn write(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    let mut page = Vec::new();
    let title = name.to_uppercase();
    Man::new(command.clone()).title(title).render(&mut page)?;
    fs::write(folder.join(format!("{name}.1")), page)
}
