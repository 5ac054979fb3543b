//! The way to WeChat: addresses, hosts, TLS, and what WeChat may say about the operator.

mod addresses;
mod connections;
mod hosts;
mod operator;
mod quota;
mod resolver;
mod secret;
mod tls;
