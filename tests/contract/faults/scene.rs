//! A server under load, to which something is about to happen, and what must hold afterwards.

use super::checker::findings;
use super::footprint::Footprint;
use super::load::Load;
use super::mariadb::Mariadb;
use crate::harness::{Database, Relay, Server, World};

const POOL_SIZE: u64 = 8;
/// Answers before the fault: every page has gone through a few users.
const WARM: usize = 400;
/// Answers after the fault: every page has gone on.
const HEALED: usize = 200;

/// Dropped in this order.
pub struct Scene {
    pub load: Load,
    server: Server,
    before: Footprint,
    pub world: World,
}

impl Scene {
    /// On the database that all tests share.
    pub fn new() -> Self {
        let world = World::with_rate_limit(None);
        let url = world.database.url().to_owned();
        Self::serve(world, &url)
    }

    /// The same with a network in between.
    pub fn behind_a_relay() -> (Self, Relay) {
        let world = World::with_rate_limit(None);
        let relay = Relay::to(world.database.address());
        let url = world.database.url_through(&relay.address());
        (Self::serve(world, &url), relay)
    }

    pub fn on(mariadb: &Mariadb) -> Self {
        let world = World::on(Database::that_dies_with(&mariadb.url()));
        let url = world.database.url().to_owned();
        Self::serve(world, &url)
    }

    /// As an account that an operator's `read_only` binds; those with every right may write.
    pub fn with_few_rights_on(mariadb: &Mariadb) -> Self {
        let database = Database::that_dies_with(&mariadb.url());
        database.execute(&format!(
            "CREATE USER 'serving'@'127.0.0.1' IDENTIFIED BY 'canary-password';
             GRANT ALL PRIVILEGES ON {}.* TO 'serving'@'127.0.0.1'",
            database.name()
        ));
        let url = database.url_as("serving", "canary-password");
        Self::serve(World::on(database), &url)
    }

    fn serve(world: World, url: &str) -> Self {
        let pool_size = POOL_SIZE.to_string();
        let server =
            world.server_with(&[("DATABASE_URL", url), ("DATABASE_POOL_SIZE", &pool_size)]);
        let load = Load::start(&server, &world.wechat);
        load.wait_for_acknowledged(WARM);
        let before = Footprint::of(&server, &world.database);
        Self { load, server, before, world }
    }

    /// Returns when the server has logged this.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        self.server.wait_for_line(text);
    }

    /// The next request after the fault succeeds, and so does all that follows.
    pub async fn assert_next_requests_succeed(&self) {
        let page = self.server.client();
        let openid = page.log_in(&self.world, "after the fault").await;
        page.post_phone(&openid, &self.world.wechat.phone("after the fault")).await.assert_ok();
        self.load.wait_for_acknowledged(HEALED);
    }

    #[track_caller]
    pub fn assert_nobody_was_refused(&self) {
        assert_eq!(self.load.refused(), 0, "503s");
    }

    /// Ends the load; nothing is lost, wrong, late or left over. Returns how many 503 there were.
    #[track_caller]
    pub fn assert_unharmed(self) -> usize {
        let log = self.load.end();
        let findings = findings(&log, &self.world.database);
        let shown = &findings[..findings.len().min(10)];
        assert!(findings.is_empty(), "{} findings, such as {shown:#?}", findings.len());
        self.before.wait_until_restored(&self.server, &self.world.database, POOL_SIZE);
        log.refused
    }
}
