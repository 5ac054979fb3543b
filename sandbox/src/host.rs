//! A further address of the same WeChat, with faults of its own, that can die and come back.

use std::io;
use std::sync::Arc;

use crate::fault::Fault;
use crate::options::Options;
use crate::server::Server;
use crate::world::World;

/// One of several hosts. What users, codes and keys there are, all hosts of a sandbox know.
#[derive(Clone)]
pub struct Host {
    world: Arc<World>,
    server: Arc<Server>,
}

impl Host {
    pub(crate) fn start(world: Arc<World>, options: &Options) -> io::Result<Self> {
        let number = world.next_host();
        let server = Arc::new(Server::start(Arc::clone(&world), number, options)?);
        let dying = Arc::downgrade(&server);
        world.can_die(
            number,
            Box::new(move |time| {
                if let Some(server) = dying.upgrade() {
                    server.die_for(time);
                }
            }),
        );
        Ok(Self { world, server })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Queues a fault for exchanges that arrive at this host.
    pub fn fail_next(&self, fault: Fault, times: usize) {
        self.world.fail_next(self.server.number(), fault, times);
    }

    /// How many exchanges have arrived at this host.
    pub fn exchanges(&self) -> u64 {
        self.world.exchanges_at(self.server.number())
    }

    /// Closes the port and every connection.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Serves again, at the same address.
    pub fn start_again(&self) -> io::Result<()> {
        self.server.start_again()
    }
}
