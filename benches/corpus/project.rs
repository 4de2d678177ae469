//! A project that agents work on: its place, its names, and the lines of its files.

use super::dice::Dice;
use super::shape;
use super::words::{Slots, Words, capitalised};

/// The lines of one language, with `$` and a letter where something stands: `$v` a name, `$f` a
/// function, `$T` a type, `$w` a word, `$n` a number, `$p` a phrase. All text here is as inside a
/// JSON string.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) ending: &'static str,
    camel: bool,
    indent: &'static str,
    close: &'static str,
    comment: &'static str,
    opening: &'static [&'static str],
    inner: &'static [&'static str],
    heading: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        ending: "rs",
        camel: false,
        indent: "    ",
        close: "}",
        comment: "//",
        opening: &[
            "pub fn $f(&self, $v: &$T) -> Result<$T> {",
            "fn $f($v: &mut $T, $v: usize) -> Option<$T> {",
            "pub(crate) fn $f(&mut self) {",
            "impl $T for $T {",
            "pub struct $T {",
            "if let Some($v) = self.$v.$f(&$v) {",
            "for $v in $v.$f() {",
            "if $v.$f() > $n {",
            "match $v.$f($v)? {",
            "while let Some(($v, $v)) = $v.next() {",
            "#[test]\\nfn $f() {",
            "async fn $f($v: Arc<$T>) -> anyhow::Result<()> {",
        ],
        inner: &[
            "let $v = $v.$f()?;",
            "let mut $v = $T::new($v, $n);",
            "let $v = self.$v.$f($v, &$v).map_err($T::$T)?;",
            "self.$v.$f($v);",
            "pub $v: $T,",
            "$v: Option<$T>,",
            "$v,",
            "return Err($T::$T { $v, $v });",
            "assert_eq!($v.$f(), $n);",
            "assert!($v.$f($v).is_ok(), \\\"$p\\\");",
            "$T::$T => $v.$f(),",
            "$T::$T($v) => Ok($v),",
            "Ok($v)",
            "$v += $v.len();",
            "let $v: Vec<_> = $v.iter().map(|$v| $v.$f()).collect();",
            "tracing::debug!($v = %$v, \\\"$p\\\");",
            "$f(&$v, $v.$v)?;",
            "#[derive(Debug, Clone)]",
            "let $v = $v.get(\\\"$w\\\").unwrap_or(&$v);",
            ".$f($v)",
            ".map(|$v| $v.$v)",
            "if $v.is_empty() { return Ok(()); }",
        ],
        heading: &[
            "use crate::$v::{$T, $T};",
            "use std::$w::$T;",
            "use super::$T;",
            "mod $v;",
        ],
    },
    Language {
        ending: "ts",
        camel: true,
        indent: "  ",
        close: "}",
        comment: "//",
        opening: &[
            "export async function $f($v: $T, $v?: string): Promise<$T> {",
            "export const $f = ($v: $T) => {",
            "export interface $T extends $T {",
            "if ($v.$f($v) !== $v) {",
            "if (!$v) {",
            "for (const $v of $v.$f()) {",
            "private $f($v: $T): void {",
            "describe('$p', () => {",
            "it('$p', async () => {",
            "switch ($v.$v) {",
            "try {",
            "useEffect(() => {",
        ],
        inner: &[
            "const $v = await $v.$f($v);",
            "const { $v, $v } = $v;",
            "const $v = $v.map(($v) => $v.$v);",
            "$v: $T;",
            "$v?: string;",
            "$v: $v.$f(),",
            "$v,",
            "expect($v.$f()).toBe($n);",
            "expect($f($v)).toEqual({ $v: '$w', $v: $n });",
            "throw new $T(`$p: ${$v}`);",
            "return $v;",
            "return this.$v.$f($v, $v);",
            "this.$v = $v;",
            "logger.info('$p', { $v, $v });",
            "case '$w':",
            "<$T className=\\\"$w-$w $w\\\" $v={$v} />",
            "<$T $v={() => $f($v)}>",
            "await $f({ $v: $v.$v });",
            "const [$v, $f] = useState<$T | null>(null);",
            ".filter(($v) => $v.$v === $v)",
            "| '$w'",
        ],
        heading: &[
            "import { $f, $T } from './$w/$w';",
            "import type { $T } from '@$w/$w';",
            "import $v from '$w';",
        ],
    },
    Language {
        ending: "py",
        camel: false,
        indent: "    ",
        close: "",
        comment: "#",
        opening: &[
            "def $f(self, $v: $T, $v: int = $n) -> $T:",
            "def $f($v, $v=None):",
            "class $T($T):",
            "if $v.$f($v) is None:",
            "for $v, $v in $v.$f().items():",
            "with $f($v) as $v:",
            "try:",
            "except $T as $v:",
            "async def $f($v: dict[str, $T]) -> None:",
            "elif $v > $n:",
            "def test_$f($v, $v):",
        ],
        inner: &[
            "$v = $v.$f($v)",
            "$v = self.$v.$f($v, $v=$v)",
            "self.$v = $v or $T()",
            "return $v",
            "return {\\\"$w\\\": $v, \\\"$w\\\": $v.$v}",
            "raise $T(f\\\"$p: {$v}\\\")",
            "assert $v.$f() == $n",
            "assert $f($v)[\\\"$w\\\"] == \\\"$w\\\"",
            "logger.info(\\\"$p %s\\\", $v)",
            "$v: Optional[$T] = None",
            "$v = [$v.$v for $v in $v if $v.$f()]",
            "$v.append(($v, $n))",
            "\\\"\\\"\\\"$p $p.\\\"\\\"\\\"",
            "@$v.$f(\\\"/$w/$w\\\")",
            "parser.add_argument(\\\"--$w\\\", default=$n, help=\\\"$p\\\")",
            "$f($v, $v, $v=$n)",
            "await $v.$f($v)",
        ],
        heading: &[
            "from $w.$w import $T, $f",
            "import $w",
            "from .$v import $f",
        ],
    },
];

/// A project.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: String,
    pub(crate) branch: String,
    pub(crate) language: &'static Language,
    names: Vec<String>,
    types: Vec<String>,
    slots: Slots,
    type_slots: Slots,
    paths: Vec<String>,
    path_slots: Slots,
    license: String,
    /// Lines that stand in many files.
    stock: Vec<String>,
    stock_slots: Slots,
}

impl Project {
    pub(crate) fn new(dice: &mut Dice, words: &Words) -> Self {
        let language = &LANGUAGES[dice.below(LANGUAGES.len())];
        let count = dice.between(500, 900);
        let root = format!(
            "/home/{}/{}/{}",
            words.rare(dice),
            words.word(dice),
            words.rare(dice)
        );
        let mut project = Self {
            root,
            branch: format!(
                "{}/{}-{}",
                words.word(dice),
                words.word(dice),
                words.rare(dice)
            ),
            language,
            names: (0..count)
                .map(|_| words.name(dice, language.camel))
                .collect(),
            types: (0..count / 4)
                .map(|_| capitalised(&words.name(dice, true)))
                .collect(),
            slots: Slots::new(count, 4),
            type_slots: Slots::new(count / 4, 3),
            paths: Vec::new(),
            path_slots: Slots::new(shape::PATHS, 6),
            license: format!(
                "{} Copyright {} {}",
                language.comment,
                words.rare(dice),
                words.common_phrase(dice)
            ),
            stock: Vec::new(),
            stock_slots: Slots::new(shape::STOCK, 12),
        };
        let folders: Vec<String> = (0..12)
            .map(|_| format!("src/{}/{}", words.rare(dice), words.word(dice)))
            .collect();
        for _ in 0..shape::PATHS {
            let folder = &folders[dice.low(folders.len(), 2)];
            let path = format!("{folder}/{}.{}", project.name(dice), language.ending);
            project.paths.push(path);
        }
        project.stock = project.stocked(dice, words);
        project
    }

    /// Lines that many files have.
    fn stocked(&self, dice: &mut Dice, words: &Words) -> Vec<String> {
        let mut writer = Writer {
            project: self,
            words,
            local: Vec::new(),
            depth: 0,
        };
        writer.locals(dice, 80);
        (0..shape::STOCK).map(|_| writer.new_line(dice)).collect()
    }

    pub(crate) fn name(&self, dice: &mut Dice) -> &str {
        &self.names[self.slots.draw(dice)]
    }

    pub(crate) fn type_name(&self, dice: &mut Dice) -> &str {
        &self.types[self.type_slots.draw(dice)]
    }

    /// The path of one of the project's files, some of them far more often named than others.
    pub(crate) fn path(&self, dice: &mut Dice) -> &str {
        &self.paths[self.path_slots.draw(dice)]
    }

    /// Lines of code of about `bytes` in all.
    pub(crate) fn code(&self, dice: &mut Dice, words: &Words, bytes: usize) -> Vec<String> {
        let mut writer = Writer {
            project: self,
            words,
            local: Vec::new(),
            depth: 0,
        };
        writer.code(dice, bytes)
    }

    /// A few lines to put into a file.
    pub(crate) fn few_lines(&self, dice: &mut Dice, words: &Words) -> Vec<String> {
        let mut writer = Writer {
            project: self,
            words,
            local: Vec::new(),
            depth: 2,
        };
        writer.locals(dice, 6);
        let mut lines = Vec::new();
        for _ in 0..=dice.low(12, 2) {
            writer.some_lines(dice, &mut lines);
        }
        lines
    }
}

/// Writes one file: it has names of its own, which stand again and again.
struct Writer<'p> {
    project: &'p Project,
    words: &'p Words,
    local: Vec<String>,
    depth: usize,
}

impl Writer<'_> {
    fn code(&mut self, dice: &mut Dice, bytes: usize) -> Vec<String> {
        self.locals(dice, 8 + (bytes / 400).min(40));
        let mut lines = vec![self.project.license.clone(), String::new()];
        for _ in 0..dice.between(2, 9).min(1 + bytes / 200) {
            let heading = dice.pick(self.project.language.heading);
            lines.push(self.filled(dice, heading));
        }
        let mut made = lines.iter().map(|line| line.len() + 2).sum::<usize>();
        while made < bytes {
            let first = lines.len();
            if first > 12 && dice.percent(shape::LINES_AGAIN) {
                let back = 2 + dice.low(first.min(120) - 2, 2);
                let count = (1 + dice.low(6, 2)).min(back);
                lines.extend_from_within(first - back..first - back + count);
            } else {
                self.some_lines(dice, &mut lines);
            }
            made += lines[first..]
                .iter()
                .map(|line| line.len() + 2)
                .sum::<usize>();
        }
        lines
    }

    fn locals(&mut self, dice: &mut Dice, count: usize) {
        for _ in 0..count {
            let name = if dice.percent(shape::NEW_NAMES) {
                self.words.name(dice, self.project.language.camel)
            } else {
                self.project.name(dice).to_owned()
            };
            self.local.push(name);
        }
    }

    /// A new line, or some that other files have too.
    fn some_lines(&mut self, dice: &mut Dice, lines: &mut Vec<String>) {
        let stock = &self.project.stock;
        if stock.is_empty() || !dice.percent(shape::LINES_STOCK) {
            lines.push(self.new_line(dice));
            return;
        }
        let first = self.project.stock_slots.draw(dice);
        let count = (1 + dice.low(6, 2)).min(stock.len() - first);
        lines.extend_from_slice(&stock[first..first + count]);
    }

    fn new_line(&mut self, dice: &mut Dice) -> String {
        let language = self.project.language;
        let throw = dice.below(100);
        let close = 8 + 5 * self.depth;
        if throw < close && self.depth > 0 {
            self.depth -= 1;
            return self.indented(language.close);
        }
        if throw < 42 && self.depth < 5 {
            let opening = dice.pick(language.opening);
            let line = self.filled(dice, opening);
            let line = self.indented(&line);
            self.depth += 1;
            return line;
        }
        if throw < 46 {
            return String::new();
        }
        if throw < 54 {
            let mut line = self.indented(language.comment);
            for _ in 0..dice.between(2, 4) {
                line.push(' ');
                line.push_str(self.words.common_phrase(dice));
            }
            return line;
        }
        let template = dice.pick(language.inner);
        let line = self.filled(dice, template);
        self.indented(&line)
    }

    fn indented(&self, line: &str) -> String {
        let mut all = String::with_capacity(line.len() + 4 * self.depth);
        for _ in 0..self.depth {
            all.push_str(self.project.language.indent);
        }
        all.push_str(line);
        all
    }

    fn filled(&self, dice: &mut Dice, template: &str) -> String {
        let mut line = String::with_capacity(80);
        let mut parts = template.split('$');
        line.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (slot, rest) = part.split_at(usize::from(!part.is_empty()));
            self.fill(dice, slot, &mut line);
            line.push_str(rest);
        }
        line
    }

    fn fill(&self, dice: &mut Dice, slot: &str, line: &mut String) {
        match slot {
            "v" | "f" if dice.percent(shape::LOCAL_NAMES) => {
                line.push_str(&self.local[dice.low(self.local.len(), 3)]);
            }
            "v" | "f" => line.push_str(self.project.name(dice)),
            "T" => line.push_str(self.project.type_name(dice)),
            "w" => line.push_str(self.words.rare(dice)),
            "p" => {
                line.push_str(self.words.common_phrase(dice));
                line.push(' ');
                line.push_str(self.words.word(dice));
            }
            "n" => line.push_str(&dice.low(4096, 3).to_string()),
            other => {
                line.push('$');
                line.push_str(other);
            }
        }
    }
}
