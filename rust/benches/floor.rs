//! The least that reading a capture file can cost: libpcap's own loop, which only looks at the headers.
//! Every other program is measured by its distance from this one.
//!
//!     floor FILE        prints packets, bytes on the wire, and TCP packets with payload

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("floor FILE")?;
    let mut capture = pcap::Capture::from_file(path)?;
    let (mut packets, mut bytes, mut with_payload) = (0_u64, 0_u64, 0_u64);
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                packets += 1;
                bytes += u64::from(packet.header.len);
                with_payload += u64::from(payload(packet.data).is_some_and(|length| length > 0));
            }
            Err(pcap::Error::NoMorePackets) => break,
            Err(error) => return Err(error.into()),
        }
    }
    println!("{packets} packets, {bytes} bytes, {with_payload} TCP packets with payload");
    Ok(())
}

/// Bytes of TCP payload in a frame of Ethernet and IPv4.
fn payload(frame: &[u8]) -> Option<usize> {
    const TCP: u8 = 6;
    let ip = frame.strip_prefix(frame.get(..12)?)?.strip_prefix(&[8, 0])?;
    let header = usize::from(ip.first()? & 15) * 4;
    let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
    let data_offset = usize::from(ip.get(header + 12)? >> 4) * 4;
    (ip[9] == TCP).then(|| total.checked_sub(header + data_offset)).flatten()
}
