//! What is wrong with the configuration.

use std::fmt;

/// A variable that is missing or malformed: one line that names it and says what it must look
/// like, with its value only where that is no secret.
#[derive(Debug)]
pub struct ConfigError {
    sentence: String,
    value: Option<String>,
}

impl ConfigError {
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), value: None }
    }

    pub fn showing(self, value: &str) -> Self {
        Self { value: Some(value.to_owned()), ..self }
    }

    /// The line without any value, for output that people pass on.
    pub fn without_value(&self) -> &str {
        &self.sentence
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.value {
            Some(value) => write!(f, "; it is {value:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

pub type Result<T> = std::result::Result<T, ConfigError>;

/// Everything that is wrong, in the order in which it was read.
#[derive(Default)]
pub(super) struct Problems(pub Vec<ConfigError>);

impl Problems {
    pub fn note<T>(&mut self, read: Result<T>) -> Option<T> {
        read.map_err(|problem| self.0.push(problem)).ok()
    }
}

pub(super) fn first_problem<T>(read: impl FnOnce(&mut Problems) -> Option<T>) -> Result<T> {
    let mut problems = Problems::default();
    let value = read(&mut problems);
    let unexplained = || ConfigError::new("the configuration cannot be read");
    value.ok_or_else(|| problems.0.into_iter().next().unwrap_or_else(unexplained))
}
