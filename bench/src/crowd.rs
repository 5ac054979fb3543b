//! Users who do nothing but take room in the database, put there by SQL.

use anyhow::Result;

use crate::database::Database;

/// Rows of one statement: some seconds of work.
const CHUNK: u32 = 500_000;
/// What WeChat's openids consist of, in the order of the column's collation.
const LETTERS: &str = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// Indexes whose values come in no order: built at the end, by sorting, as inserting into them row
/// by row would take hours.
const WITHOUT_INDEXES: &str =
    "ALTER TABLE sessions DROP KEY sessions_code, DROP KEY sessions_expires_at";
const WITH_INDEXES: &str = "ALTER TABLE sessions ADD KEY sessions_code (code_minute, code_hash(8)), \
                            ADD KEY sessions_expires_at (expires_at)";

/// Rows that stand between those of the users whose requests are measured.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    pub users: u32,
    /// Of each user, in the crowd and outside.
    pub keys_a_user: u32,
}

impl Crowd {
    /// How often [`Crowd::join`] tells that it goes on.
    pub fn steps(self) -> u64 {
        u64::from(2 * self.users.div_ceil(CHUNK) + 2)
    }

    /// Adds the crowd to the `others` users, who have a key each, and brings these to as many keys.
    pub fn join(self, others: u32, database: &Database, mut step: impl FnMut()) -> Result<()> {
        database.execute(WITHOUT_INDEXES)?;
        step();
        for (first, last) in chunks(1, self.users) {
            database.execute(&self.users_sql(first, last))?;
            step();
        }
        if self.keys_a_user > 1 {
            database.execute(&self.keys_sql(2, 1, others))?;
        }
        for (first, last) in chunks(others + 1, self.users) {
            database.execute(&self.keys_sql(1, first, last))?;
            step();
        }
        database.execute(WITH_INDEXES)?;
        step();
        Ok(())
    }

    /// In the order of their openids, which are spread over all that there could be.
    fn users_sql(self, first: u32, last: u32) -> String {
        let place = format!("FLOOR((seq - 1) * {} / {})", 1_u32 << 24, self.users);
        let letter = |shift| format!("SUBSTRING('{LETTERS}', (({place} >> {shift}) & 63) + 1, 1)");
        let letters = [18, 12, 6, 0].map(letter).join(", ");
        format!(
            "INSERT INTO users (openid, phone_number, pure_phone_number, country_code, \
             phone_watermark, phone_updated_at, created_at, updated_at)
             SELECT CONCAT('o', {letters}, LPAD(seq, 23, '0')), CONCAT('13', LPAD(seq, 9, '0')),
                    CONCAT('13', LPAD(seq, 9, '0')), '86', UTC_TIMESTAMP(),
                    UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)
             FROM seq_{first}_to_{last}"
        )
    }

    /// Keys from the first of these numbers on, of users with these ids; older than those of the
    /// users outside, so that theirs stay the newest.
    fn keys_sql(self, first_key: u32, first_id: u32, last_id: u32) -> String {
        let last_key = self.keys_a_user;
        format!(
            "INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, \
             code_brought_at, code_minute, first_seen_at, issued_at, expires_at)
             SELECT openid, LPAD(HEX(seq), 16, '0'), 'AAAAAAAAAAAAAAAAAAAAAA==',
                    UNHEX(SHA2(CONCAT(openid, seq), 256)), made_at,
                    TIMESTAMPDIFF(MINUTE, '1970-01-01', made_at),
                    made_at, made_at, made_at + INTERVAL 172800 SECOND
             FROM (SELECT openid, seq,
                          UTC_TIMESTAMP(3) - INTERVAL 7200 + id * 7919 % 86400 SECOND AS made_at
                   FROM users JOIN seq_{first_key}_to_{last_key}
                   WHERE id BETWEEN {first_id} AND {last_id}) AS made
             ORDER BY openid, seq"
        )
    }
}

/// So many numbers from `first` on, in ranges of at most [`CHUNK`], both ends included.
fn chunks(first: u32, count: u32) -> impl Iterator<Item = (u32, u32)> {
    let end = first + count;
    (first..end).step_by(CHUNK as usize).map(move |first| (first, (first + CHUNK).min(end) - 1))
}
