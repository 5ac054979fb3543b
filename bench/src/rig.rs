//! What every mode starts: a database with users in it, a sandbox WeChat, the real server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use wxauth_sandbox::{Options, PhoneOptions, Sandbox};

use crate::arguments::CommonArguments;
use crate::child::ChildServer;
use crate::database::Database;

const DIRECTORY_VARIABLE: &str = "WXAUTH_BENCH_DIRECTORY";
/// The number that every user has, stored and encrypted.
const PHONE_NUMBER: &str = "13500000000";
/// Made up, for keys that are to be sealed.
const KEY_SECRETS: &str = "bench:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,plain";
/// Rows of one INSERT: some hundred kilobytes of SQL.
const USERS_A_STATEMENT: usize = 1_000;

/// Dropped in this order, so that the server never misses what it depends on.
pub struct Rig {
    pub server: ChildServer,
    pub sandbox: Sandbox,
    pub database: Database,
    pub users: Arc<[User]>,
}

/// Somebody who logged in an hour ago and has authorised their number.
pub struct User {
    pub name: String,
    pub openid: String,
    /// What their phone encrypted: `"encryptedData":"…","iv":"…"`, as a request holds it.
    pub data: String,
}

impl Rig {
    /// `variables` are the server's, besides those that every server here needs.
    pub fn start(
        common: &CommonArguments,
        users: u32,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let database = Database::create()?;
        let options = Options { rate_limit_a_minute: None, ..Options::default() };
        let sandbox = Sandbox::start(options).context("the sandbox WeChat did not start")?;
        let program = server_program(common)?;
        let mut command = program_command(&[], &program, common, &database, &sandbox)?;
        command
            .args(["serve", "--migrate"])
            .envs(variables.iter().map(|(name, value)| (name, value)));
        let log = directory()?.join("server.log");
        let server = ChildServer::start("the server", &mut command, log)?;
        let mut rig = Self { server, sandbox, database, users: Arc::default() };
        rig.users = rig.create_users("user", users)?.into();
        if common.sealed {
            rig.seal_keys(common)?;
        }
        Ok(rig)
    }

    /// Another server beside the rig's, perhaps an older one: it does not migrate.
    pub fn start_other(&self, program: &Path, common: &CommonArguments) -> Result<ChildServer> {
        let program = std::path::absolute(program)?;
        let mut command = program_command(&[], &program, common, &self.database, &self.sandbox)?;
        command.arg("serve");
        ChildServer::start("the other server", &mut command, directory()?.join("other.log"))
    }

    /// To start one more server like the rig's, which does not migrate; perhaps by another program,
    /// such as `prlimit`.
    pub fn serve_command(&self, runner: &[&str], common: &CommonArguments) -> Result<Command> {
        let program = server_program(common)?;
        let mut command = program_command(runner, &program, common, &self.database, &self.sandbox)?;
        command.arg("serve");
        Ok(command)
    }

    /// Seals every key that is stored so far.
    fn seal_keys(&self, common: &CommonArguments) -> Result<()> {
        let program = server_program(common)?;
        let mut command = program_command(&[], &program, common, &self.database, &self.sandbox)?;
        let output = command.args(["sessions", "reencrypt"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "keys cannot be sealed: {}", said.trim());
        Ok(())
    }

    /// Users with names of this kind, in the database and in the sandbox.
    pub fn create_users(&self, kind: &str, count: u32) -> Result<Vec<User>> {
        let create = |number| User::create(&self.sandbox, format!("{kind}{number}"));
        let users: Vec<User> = (1..=count).map(create).collect();
        for users in users.chunks(USERS_A_STATEMENT) {
            self.database.execute(&self.insert_sql(users)?)?;
        }
        Ok(users)
    }

    /// Makes every login of a user an hour old: a second one within minutes would cost a write
    /// more than the usual login does. Those that were stored here expire within a day. In the index
    /// on codes they are spread over a day, as users do not all come back after the same time.
    pub fn age_logins(&self) -> Result<()> {
        self.database.execute(
            "UPDATE sessions SET code_brought_at = code_brought_at - INTERVAL 1 HOUR,
             code_minute = code_minute - 60 - CRC32(openid) % 1440
             WHERE expires_at > UTC_TIMESTAMP(3) + INTERVAL 2 DAY
             AND code_brought_at > UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE",
        )?;
        // So that this is not measured with what follows.
        self.database.settle()
    }

    /// Straight into the tables, which is faster than logging in.
    fn insert_sql(&self, users: &[User]) -> Result<String> {
        let (mut user_rows, mut session_rows) = (Vec::new(), Vec::new());
        for User { name, openid, .. } in users {
            let key = self.sandbox.session_key(name).context("every user has logged in")?;
            user_rows.push(format!(
                "('{openid}', '{PHONE_NUMBER}', '{PHONE_NUMBER}', '86', UTC_TIMESTAMP(), \
                 UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))"
            ));
            session_rows.push(format!(
                "('{openid}', LEFT(SHA2(FROM_BASE64('{key}'), 256), 16), '{key}', \
                 UNHEX(SHA2('{openid}', 256)), UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, \
                 UNIX_TIMESTAMP() DIV 60 - 60 - CRC32('{openid}') % 1440, \
                 UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, \
                 UTC_TIMESTAMP(3) + INTERVAL 1 DAY)"
            ));
        }
        Ok(format!(
            "INSERT INTO users (openid, phone_number, pure_phone_number, country_code, \
             phone_watermark, phone_updated_at, created_at, updated_at) VALUES {};
             INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, \
             code_brought_at, code_minute, first_seen_at, issued_at, expires_at) VALUES {}",
            user_rows.join(","),
            session_rows.join(",")
        ))
    }
}

impl User {
    fn create(sandbox: &Sandbox, name: String) -> Self {
        // The first login makes the key; its code is never used.
        sandbox.login(&name);
        let data = new_data(sandbox, &name);
        Self { openid: sandbox.openid(&name), name, data }
    }
}

fn program_command(
    runner: &[&str],
    program: &Path,
    common: &CommonArguments,
    database: &Database,
    sandbox: &Sandbox,
) -> Result<Command> {
    let mut command = match runner {
        [] => Command::new(program),
        [runner, arguments @ ..] => {
            let mut command = Command::new(runner);
            command.args(arguments).arg(program);
            command
        }
    };
    command
        .env_clear()
        .env("DATABASE_URL", database.url())
        .env("WX_APPID", sandbox.appid())
        .env("WX_SECRET", sandbox.secret())
        .env("WX_API_BASE", sandbox.base_url())
        .env("BIND", "127.0.0.1:0")
        // The line that names its address is needed, whatever else is asked for; an older server,
        // to compare with, had it in another room.
        .env("RUST_LOG", format!("{},wxauth::http::server=info,wxauth::server=info", common.log))
        .current_dir(directory_without_dotenv()?);
    if common.sealed {
        command.env("SESSION_KEY_SECRETS", KEY_SECRETS);
    }
    Ok(command)
}

/// What this user's phone encrypts now: `"encryptedData":"…","iv":"…"`.
pub fn new_data(sandbox: &Sandbox, user: &str) -> String {
    let phone_number = Some(PHONE_NUMBER.to_owned());
    data_fields(&sandbox.phone_with(user, PhoneOptions { phone_number, ..PhoneOptions::default() }))
}

/// Base64 needs no escaping.
pub fn data_fields(data: &wxauth_sandbox::EncryptedData) -> String {
    format!(r#""encryptedData":"{}","iv":"{}""#, data.encrypted_data, data.iv)
}

/// Where logs and other files of this run go; whoever started the run removes it.
pub fn directory() -> Result<PathBuf> {
    let directory = std::env::var_os(DIRECTORY_VARIABLE);
    let directory = directory
        .with_context(|| format!("{DIRECTORY_VARIABLE} is not set: start this with scripts/bench"));
    Ok(directory?.into())
}

/// An empty `.env` keeps the server from finding one further up.
fn directory_without_dotenv() -> Result<PathBuf> {
    let directory = directory()?;
    fs::write(directory.join(".env"), "")
        .with_context(|| format!("cannot write into {}", directory.display()))?;
    Ok(directory)
}

fn server_program(common: &CommonArguments) -> Result<PathBuf> {
    match &common.server {
        Some(file) => Ok(std::path::absolute(file)?),
        None => Ok(std::env::current_exe()?.with_file_name("wxauth")),
    }
}
