//! awc's way to connections that stand.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_rt::time::Instant;
use actix_service::{Service, always_ready};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;

use super::race::Racer;
use super::stream::Stream;

tokio::task_local! {
    /// awc tells its connector nothing of the request for which it needs a connection.
    static SENDING: Rc<Sending>;
}

/// One request on its way: until when it may wait for a connection, and whether it may have been
/// sent.
pub struct Sending {
    connect_until: Instant,
    is_connected: Cell<bool>,
}

impl Sending {
    pub fn connecting_until(connect_until: Instant) -> Rc<Self> {
        Rc::new(Self { connect_until, is_connected: Cell::new(false) })
    }

    /// Runs a request of awc's, whose connector then finds this one.
    pub async fn run<F: Future>(self: &Rc<Self>, request: F) -> F::Output {
        // It may go out on a connection that is kept: then the connector is not asked.
        self.is_connected.set(true);
        SENDING.scope(Rc::clone(self), request).await
    }

    /// If not, the code is surely not consumed.
    pub fn may_have_been_sent(&self) -> bool {
        self.is_connected.get()
    }
}

/// What awc asks for a connection to one of WeChat's hosts.
#[derive(Clone)]
pub struct Connector(pub Arc<Racer>);

impl Service<ConnectInfo<Uri>> for Connector {
    type Response = Connection<Uri, Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let racer = Arc::clone(&self.0);
        Box::pin(async move {
            let sending = SENDING.try_with(Rc::clone).map_err(|_| ConnectError::Unresolved)?;
            sending.is_connected.set(false);
            let stream = racer.connect(sending.connect_until).await.map_err(ConnectError::Io)?;
            sending.is_connected.set(true);
            Ok(Connection::new(info.request().clone(), stream))
        })
    }
}
