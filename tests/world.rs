//! The world around a program: hosts and their crashes, the network, HTTP on it, and disks.

mod backlogs;
mod connections;
mod crash_points;
mod crash_sends;
mod crashes;
mod datagrams;
mod disks;
mod faults;
mod gone;
mod hosts;
mod http;
mod journal;
mod kinds;
mod links;
mod names;
mod open_files;
mod outside;
mod power;
mod probes;
mod refusals;
mod sockets;
mod streams;
mod syncs;
mod tears;
mod told;
mod wake_ups;
