//! What a bucket needs beside its URL: the environment variables of its provider, or what stands in for them.

/// Names and values. No value of them is ever told.
#[derive(Default)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    /// Those of this process, as far as they are text.
    pub(crate) fn from_env() -> Self {
        let vars = std::env::vars_os();
        let texts = vars.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(texts.collect())
    }

    /// Those of one provider, by what their names begin with. One that is empty is as one that is not there.
    #[cfg_attr(
        not(feature = "_http"),
        expect(dead_code, reason = "a folder needs none")
    )]
    pub(crate) fn of(&self, begins: &str) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().filter_map(move |(name, value)| {
            let is_one = name.starts_with(begins) && !value.is_empty();
            is_one.then(|| (name.to_ascii_lowercase(), value.as_str()))
        })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(settings: I) -> Self {
        let settings = settings.into_iter();
        Self(
            settings
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}
