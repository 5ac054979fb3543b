//! What systemd is told about the server (`Type=notify`); elsewhere nothing happens.

use sd_notify::NotifyState;

/// Requests are accepted from now on.
pub fn tell_ready() {
    tell(NotifyState::Ready);
}

/// The server is about to stop.
pub fn tell_stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    // It decides nothing here, so that a systemd that cannot be told stops no request.
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("systemd cannot be told the server's state: {error}");
    }
}
