//! What stands for a row while a request is under way.

/// Identifies the row of a section. If the row was folded, the ticket stands for the row that took over its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(super) host: Slot,
    pub(super) section: Slot,
}

impl Ticket {
    /// The ticket of no row.
    pub const NOWHERE: Self = {
        let slot = Slot { slot: u32::MAX, generation: 0 };
        Self { host: slot, section: slot }
    };
    /// A section's slot has this bit while it is not decided whether the request counts. There are fewer slots.
    const LATER: u32 = 1 << 31;

    /// True if what happens is counted at once. Otherwise the ticket is [`Self::NOWHERE`] or [`Self::later`].
    #[inline]
    pub fn counts(self) -> bool {
        self.section.slot < Self::LATER
    }

    /// True if there is a row.
    #[inline]
    pub fn is_somewhere(self) -> bool {
        self.host.slot != u32::MAX
    }

    /// The same row, for a request of which it is not decided yet whether it counts.
    pub fn later(self) -> Self {
        Self { section: Slot { slot: self.section.slot | Self::LATER, ..self.section }, ..self }
    }

    /// The same row, now that the request counts.
    pub fn now(self) -> Self {
        Self { section: Slot { slot: self.section.slot & !Self::LATER, ..self.section }, ..self }
    }
}

/// A slot and its generation, which changes when the slot is used for another row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    pub(super) slot: u32,
    pub(super) generation: u32,
}
