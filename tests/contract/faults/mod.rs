//! Whatever happens to the database in the middle of load: nothing that was acknowledged is lost,
//! nothing is answered wrongly, nobody waits long, and the server heals by itself.

mod checker;
mod checker_finds;
mod footprint;
mod kills;
mod load;
mod locks;
pub mod mariadb;
mod refusals;
mod restarts;
mod scene;
mod silence;
