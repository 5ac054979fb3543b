//! What a decryption tells: a plain fact for the log, the metrics and the counts.

use std::time::Duration;

const HOUR: u32 = 60 * 60;
const DAY: u32 = 24 * HOUR;

/// Upper bounds of the buckets in which ages of keys are counted: fine where WeChat's staff once
/// put the life of a key, at three days.
pub const AGE_BOUNDS_SECONDS: [u32; 14] = [
    60,
    5 * 60,
    30 * 60,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
];

/// Which key of a user's ring opened the data.
#[derive(Debug, Clone, Copy)]
pub struct OpenedBy {
    /// 1 is the newest.
    pub place: usize,
    /// How many living keys the ring had.
    pub of: usize,
    /// Since a login first brought the key.
    pub age: Duration,
    /// Since a login last brought it.
    pub issued_age: Duration,
    /// Whether the key arrived after the data.
    pub was_late: bool,
}
