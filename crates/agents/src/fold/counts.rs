//! What is counted. Counts add up, and can be taken back when a message is replaced.

use serde::{Deserialize, Serialize};

use crate::json::Raw;
use crate::summary::Tokens;

/// Numbers of a session, or of one message of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) turns: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) messages: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) tool_calls: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) compactions: u64,
    /// How many usages are in the tokens: without any, nothing is known of tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) usages: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) input: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) cached: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) output: u64,
    /// How many usages say something of thinking.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) reasonings: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) reasoning: u64,
    /// How many costs are in the cost.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) costs: u64,
    /// In millionths of a millionth of a dollar, so that sums are exact.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) pico_usd: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// One prompt of the person.
    pub(crate) const PROMPT: Self = Self {
        turns: 1,
        messages: 1,
        ..Self::NONE
    };
    /// One answer.
    pub(crate) const ANSWER: Self = Self {
        messages: 1,
        ..Self::NONE
    };
    const NONE: Self = Self {
        turns: 0,
        messages: 0,
        tool_calls: 0,
        compactions: 0,
        usages: 0,
        input: 0,
        cached: 0,
        output: 0,
        reasonings: 0,
        reasoning: 0,
        costs: 0,
        pico_usd: 0,
    };

    pub(crate) fn with_tool_calls(self, tool_calls: u64) -> Self {
        Self { tool_calls, ..self }
    }

    /// With this usage in place of any other.
    pub(crate) fn with_tokens(self, tokens: Tokens) -> Self {
        Self {
            usages: 1,
            input: tokens.input,
            cached: tokens.cached,
            output: tokens.output,
            reasonings: u64::from(tokens.reasoning.is_some()),
            reasoning: tokens.reasoning.unwrap_or(0),
            ..self
        }
    }

    /// With this cost in place of any other.
    pub(crate) fn with_cost(self, pico_usd: u64) -> Self {
        Self {
            costs: 1,
            pico_usd,
            ..self
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.each(other, u64::saturating_add);
    }

    pub(crate) fn take_back(&mut self, other: Self) {
        self.each(other, u64::saturating_sub);
    }

    fn each(&mut self, other: Self, change: fn(u64, u64) -> u64) {
        for (own, by) in [
            (&mut self.turns, other.turns),
            (&mut self.messages, other.messages),
            (&mut self.tool_calls, other.tool_calls),
            (&mut self.compactions, other.compactions),
            (&mut self.usages, other.usages),
            (&mut self.input, other.input),
            (&mut self.cached, other.cached),
            (&mut self.output, other.output),
            (&mut self.reasonings, other.reasonings),
            (&mut self.reasoning, other.reasoning),
            (&mut self.costs, other.costs),
            (&mut self.pico_usd, other.pico_usd),
        ] {
            *own = change(*own, by);
        }
    }

    pub(crate) fn tokens(&self) -> Option<Tokens> {
        (self.usages > 0).then_some(Tokens {
            input: self.input,
            cached: self.cached,
            output: self.output,
            reasoning: (self.reasonings > 0).then_some(self.reasoning),
        })
    }

    pub(crate) fn cost_usd(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "16 digits of a cost are enough")]
        (self.costs > 0).then_some(self.pico_usd as f64 / 1e12)
    }
}

/// A cost in dollars, in millionths of a millionth.
pub(crate) fn pico_usd(dollars: Raw<'_>) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast keeps within bounds"
    )]
    dollars.float().map(|cost| (cost * 1e12).round() as u64)
}

/// The tokens of a usage whose input includes what came from the cache.
pub(crate) fn with_cache_in_input(
    input: Raw<'_>,
    cached: Raw<'_>,
    output: Raw<'_>,
    reasoning: Raw<'_>,
) -> Tokens {
    let count = |raw: Raw<'_>| raw.count().unwrap_or(0);
    let cached = count(cached);
    Tokens {
        input: count(input).saturating_sub(cached),
        cached,
        output: count(output),
        reasoning: reasoning.count(),
    }
}
