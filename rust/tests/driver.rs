//! A pipeline that takes its time from its packets. Shared by tests, benches and fuzzers: in production the engine keeps the
//! clock, since it also knows of time that passes without packets.

use std::ops::{Deref, DerefMut};

use _core::pipeline::clock::Clock;
use _core::pipeline::packet::Packet;
use _core::pipeline::{Pipeline, Settings};

/// A pipeline and its clock.
pub struct Driver {
    clock: Clock,
    pipeline: Pipeline,
}

impl Driver {
    pub fn new(settings: Settings) -> Self {
        Self { clock: Clock::default(), pipeline: Pipeline::new(settings) }
    }

    /// Takes a packet. Time passes first, up to the time of the packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.pipeline.tick(now);
        }
        self.pipeline.push_if(packet, |_| true);
    }
}

impl Deref for Driver {
    type Target = Pipeline;

    fn deref(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl DerefMut for Driver {
    fn deref_mut(&mut self) -> &mut Pipeline {
        &mut self.pipeline
    }
}
