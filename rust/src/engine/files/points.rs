//! Capture points: tells which interfaces of several files are the same, so that tracking of their connections goes on
//! from file to file.
//!
//! The files of a rotated capture follow one another and share a capture point. So do the sections of a file. Files
//! whose times overlap have different capture points, since a connection may be in both.

use std::collections::HashMap;

use crate::capture::file::FileInterface;
use crate::pipeline::packet::InterfaceId;

/// How many of the free points of one kind are searched for one whose file has a similar name.
const MAX_ALIKE: usize = 64;

/// What two interfaces must have in common to share a capture point: the link type, and the name. Interfaces without a
/// name must have the same number in their file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PointKind {
    link_type: u32,
    name: Option<String>,
    place: u32,
}

impl PointKind {
    pub fn of(interface: &FileInterface) -> Self {
        let place = if interface.name.is_some() { 0 } else { interface.place };
        Self { link_type: interface.number, name: interface.name.clone(), place }
    }
}

/// A capture point. An open file uses it, or it is free.
#[derive(Clone, Debug)]
pub struct CapturePoint {
    /// Its number.
    pub id: InterfaceId,
    kind: PointKind,
    /// The path of its file without digits, since the files of a rotated capture differ only in digits.
    stem: String,
}

/// All capture points. Two files in use at the same time never share one, except for [`InterfaceId::OTHER`].
#[derive(Debug, Default)]
pub struct Points {
    count: u16,
    free: HashMap<PointKind, Vec<CapturePoint>>,
}

impl Points {
    /// Returns the capture point for an interface: a free one of its kind, preferably of a file with a similar name, or
    /// else a new one. Interfaces beyond the largest number share [`InterfaceId::OTHER`].
    pub fn take(&mut self, interface: &FileInterface, path: &str) -> CapturePoint {
        let kind = PointKind::of(interface);
        if interface.is_rest {
            return CapturePoint { id: InterfaceId::OTHER, kind, stem: String::new() };
        }
        let stem: String = path.chars().filter(|character| !character.is_ascii_digit()).collect();
        if let Some(free) = self.free.get_mut(&kind)
            && let Some(last) = free.len().checked_sub(1)
        {
            let newest = last.saturating_sub(MAX_ALIKE);
            let alike = free[newest..].iter().rposition(|point| point.stem == stem);
            return CapturePoint { stem, ..free.remove(alike.map_or(last, |at| newest + at)) };
        }
        let id = InterfaceId(self.count).min(InterfaceId::OTHER);
        self.count = self.count.saturating_add(1);
        CapturePoint { id, kind, stem }
    }

    /// Frees a point when its file has no more packets of it.
    pub fn give_back(&mut self, point: CapturePoint) {
        if point.id == InterfaceId::OTHER {
            return;
        }
        self.free.entry(point.kind.clone()).or_default().push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::packet::LinkType;

    fn interface(name: Option<&str>, place: u32) -> FileInterface {
        let name = name.map(str::to_owned);
        FileInterface { name, link_type: Some(LinkType::Ethernet), number: 1, place, is_rest: false }
    }

    #[test]
    fn files_in_use_at_once_never_share_a_point_and_later_ones_continue_those_named_alike() {
        let mut points = Points::default();
        let unnamed = interface(None, 0);
        let [in0, out0] = ["in.pcap0", "out.pcap0"].map(|path| points.take(&unnamed, path));
        assert_eq!((in0.id.0, out0.id.0), (0, 1));
        points.give_back(in0);
        points.give_back(out0);
        let [in1, out1] = ["in.pcap1", "out.pcap1"].map(|path| points.take(&unnamed, path));
        assert_eq!((in1.id.0, out1.id.0), (0, 1));
        assert_eq!(points.take(&unnamed, "in.pcap2").id.0, 2);
    }

    #[test]
    fn another_name_place_or_link_type_is_another_point() {
        let mut points = Points::default();
        let kinds = [
            interface(None, 0),
            interface(None, 1),
            interface(Some("eth0"), 0),
            interface(Some("eth1"), 0),
            FileInterface { number: 113, ..interface(None, 0) },
        ];
        let taken: Vec<_> = kinds.iter().map(|kind| points.take(kind, "a.pcap")).collect();
        assert_eq!(taken.iter().map(|point| point.id.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        taken.into_iter().for_each(|point| points.give_back(point));
        let again = points.take(&interface(Some("eth1"), 7), "b.pcap");
        assert_eq!(again.id.0, 3, "a name is the same whatever its number in the file");
    }

    #[test]
    fn points_that_are_too_many_share_one_which_nobody_has_for_himself() {
        let mut points = Points::default();
        let taken: Vec<_> = (0..70_000).map(|place| points.take(&interface(None, place), "a")).collect();
        let own = InterfaceId::MOST;
        assert!(taken[..own].iter().enumerate().all(|(at, point)| usize::from(point.id.0) == at));
        assert!(taken[own..].iter().all(|point| point.id == InterfaceId::OTHER));
        taken.into_iter().for_each(|point| points.give_back(point));
        let rest = FileInterface { is_rest: true, ..interface(None, 0) };
        assert_eq!(points.take(&rest, "b").id, InterfaceId::OTHER);
        assert_eq!(points.take(&interface(None, 70_000), "b").id, InterfaceId::OTHER);
    }
}
