//! Words, phrases and names: a vocabulary as large and as uneven as that of real text.

use super::dice::Dice;

const COMMON: &str = "the to of and a in is that it for this with be on as are not we by or from an \
    if so can now but have was which at file all there will test when let me I need only has should \
    they first then into its no use one also more you do code after each what error time any still \
    check here where before does run make see two same read write call both line new function just \
    how type would value these tests path since without between add change because already next \
    string empty data fix return case list name found look other must state must over instead like \
    out up them than build default real once missing every";
const ONSETS: &[&str] = &[
    "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "br", "ch", "cl",
    "cr", "dr", "fl", "gr", "pl", "pr", "qu", "sc", "sh", "sp", "st", "str", "th", "tr", "j", "k",
    "", "",
];
const VOWELS: &[&str] = &[
    "a", "e", "i", "o", "u", "a", "e", "i", "o", "e", "ea", "ai", "ou", "oo", "ee", "io", "ie",
];
const CODAS: &[&str] = &[
    "", "", "", "", "n", "r", "t", "s", "l", "m", "d", "ck", "nd", "nt", "st", "ng", "rt", "x", "p",
];
const ENDINGS: &[&str] = &[
    "ing", "ed", "er", "s", "ion", "al", "ly", "able", "ment", "ity",
];

/// Words, the common ones first, each as likely as the law of Zipf says.
#[derive(Debug)]
pub(crate) struct Words {
    all: Vec<String>,
    slots: Slots,
    phrases: Vec<String>,
    phrase_slots: Slots,
}

impl Words {
    /// `count` words, `phrases` groups of words that often stand together.
    pub(crate) fn new(dice: &mut Dice, count: usize, phrases: usize) -> Self {
        let mut words: Vec<String> = COMMON.split_whitespace().map(str::to_owned).collect();
        while words.len() < count {
            let syllables = 1 + dice.below(3);
            words.push(word(dice, syllables));
        }
        let slots = Slots::new(words.len(), 5);
        let mut made = Self {
            all: words,
            slots,
            phrases: Vec::new(),
            phrase_slots: Slots::new(phrases, 15),
        };
        made.phrases = (0..phrases).map(|_| made.phrase(dice)).collect();
        made
    }

    fn phrase(&self, dice: &mut Dice) -> String {
        let words = 2 + dice.low(6, 2);
        let words: Vec<&str> = (0..words).map(|_| self.word(dice)).collect();
        words.join(" ")
    }

    pub(crate) fn word(&self, dice: &mut Dice) -> &str {
        &self.all[self.slots.draw(dice)]
    }

    /// A word that is not one of the hundred of every sentence.
    pub(crate) fn rare(&self, dice: &mut Dice) -> &str {
        let common = 140;
        &self.all[common + dice.low(self.all.len() - common, 2)]
    }

    /// Some words that often stand together.
    pub(crate) fn common_phrase(&self, dice: &mut Dice) -> &str {
        &self.phrases[self.phrase_slots.draw(dice)]
    }

    /// The name of something in code: one to three words, as `snake_case` or `camelCase`.
    pub(crate) fn name(&self, dice: &mut Dice, camel: bool) -> String {
        let mut name = self.rare(dice).to_owned();
        for _ in 0..dice.low(3, 2) {
            let part = if dice.percent(40) {
                self.word(dice)
            } else {
                self.rare(dice)
            };
            if camel {
                name.push_str(&capitalised(part));
            } else {
                name.push('_');
                name.push_str(part);
            }
        }
        name
    }
}

pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn word(dice: &mut Dice, syllables: usize) -> String {
    let mut word = String::new();
    for _ in 0..syllables {
        word.push_str(dice.pick(ONSETS));
        word.push_str(dice.pick(VOWELS));
        word.push_str(dice.pick(CODAS));
    }
    if dice.percent(35) {
        word.push_str(dice.pick(ENDINGS));
    }
    word
}

/// Draws an index with a likelihood of about `1 / (index + flat)`.
#[derive(Debug)]
pub(crate) struct Slots(Vec<u16>);

impl Slots {
    pub(crate) fn new(count: usize, flat: usize) -> Self {
        let slots = (0..count).flat_map(|index| {
            let times = (count / (index + flat)).max(1);
            std::iter::repeat_n(u16::try_from(index).unwrap_or(u16::MAX), times)
        });
        Self(slots.collect())
    }

    pub(crate) fn draw(&self, dice: &mut Dice) -> usize {
        usize::from(self.0[dice.below(self.0.len())])
    }
}
