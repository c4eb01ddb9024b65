//! The server against the parts that it meets in earnest: PostgreSQL, an
//! identity provider, an object store. What is missing here is left out with a
//! word, or fails where `HETERO2_REQUIRE_SERVICE=1`.
#![cfg(unix)]

mod rig;
#[path = "../../scheduler/tests/schedulers/sandbox.rs"]
mod sandbox;

mod arrays;
mod attack;
mod backup;
mod crashes;
mod examples;
mod login;
mod migrations;
mod monitoring;
mod objects;
mod oidc;
mod openapi;
mod pages;
mod queue;
mod requests;
mod secrets;
mod strace;
mod tenants;
mod uploads;
mod work;
