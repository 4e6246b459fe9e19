use super::*;
use std::net::Ipv4Addr;

fn clients(most: usize) -> Clients {
    Clients::new(most, Group::new(128))
}

fn address(number: u32) -> Ipv6Addr {
    Ipv4Addr::from_bits(number).to_ipv6_mapped()
}

fn count(clients: &mut Clients, number: u32) -> Ticket {
    let ticket = clients.ticket(address(number), None);
    clients.counts(ticket).requests += 1;
    ticket
}

fn count_in(clients: &mut Clients, number: u32) {
    count(clients, number);
}

fn take(clients: &mut Clients) -> (Capture, Vec<(String, u64)>) {
    let mut capture = Capture::default();
    let told = clients.take(&mut capture);
    assert!(told.is_sorted_by(|a, b| a.address < b.address));
    (capture, told.into_iter().map(|client| (client.address.to_string(), client.counts.requests)).collect())
}

#[test]
fn closing_an_interval_walks_the_clients_that_were_counted_in_it() {
    let mut clients = clients(1_000);
    (0..500).for_each(|number| count_in(&mut clients, number));
    assert_eq!(clients.touched.len(), 500);
    assert_eq!(take(&mut clients).1.len(), 500);
    assert!(clients.touched.is_empty());
    count(&mut clients, 0x0102_0304);
    count(&mut clients, 0x0102_0304);
    assert_eq!(take(&mut clients).1, [("1.2.3.4".into(), 2)]);
    assert!(take(&mut clients).1.is_empty());
}

#[test]
fn a_full_table_of_old_clients_makes_room_without_losing_a_count() {
    let mut clients = clients(100);
    (0..100).for_each(|number| count_in(&mut clients, number));
    take(&mut clients);
    (100..150).for_each(|number| count_in(&mut clients, number));
    let (capture, told) = take(&mut clients);
    assert_eq!((told.len(), capture.clients_folded, capture.client_hits_error), (50, 0, 0));
    assert_eq!((clients.index.len(), clients.rows.len()), (100, 101));
}

#[test]
fn a_flood_of_clients_is_bounded_conserved_and_does_not_hide_a_busy_one() {
    let mut clients = clients(50);
    let mut busy = 0;
    for number in 0..10_000 {
        count(&mut clients, 1 << 20 | number);
        if number % 10 == 0 {
            count(&mut clients, 0xc000_0201);
            busy += 1;
        }
    }
    let (capture, told) = take(&mut clients);
    assert_eq!(told.iter().map(|(_, requests)| requests).sum::<u64>(), 10_000 + busy);
    assert_eq!((told.len(), clients.rows.len()), (51, 51));
    let counted = told.iter().find(|(name, _)| name == "192.0.2.1").map(|(_, requests)| *requests).unwrap();
    assert!(counted <= busy && counted + capture.client_hits_error >= busy, "{counted} of {busy}");
    assert_eq!(capture.clients_folded, 10_000 - 49);
}

#[test]
fn what_is_counted_is_told_whichever_clients_make_room() {
    let mut clients = clients(7);
    let mut told = 0;
    for at in 0..5_000_u32 {
        count(&mut clients, at.wrapping_mul(2_654_435_761) >> 28);
        if at % 13 == 0 || at % 101 == 0 {
            told += take(&mut clients).1.iter().map(|(_, requests)| requests).sum::<u64>();
        }
    }
    told += take(&mut clients).1.iter().map(|(_, requests)| requests).sum::<u64>();
    assert_eq!(told, 5_000);
}

#[test]
fn the_ticket_of_a_client_that_made_room_is_that_of_the_rest() {
    let mut clients = clients(1);
    let old = count(&mut clients, 1);
    take(&mut clients);
    let new = count(&mut clients, 2);
    clients.counts(old).requests += 1;
    assert_eq!((clients.address(old), clients.address(new)), (None, Some(address(2))));
    assert_eq!(take(&mut clients).1, [("0.0.0.2".into(), 1), (OTHER.into(), 1)]);
    assert_eq!(clients.ticket(address(1), Some(old)), Ticket { slot: 1, generation: 2 });
}

#[test]
fn a_ticket_is_believed_for_its_own_address_only() {
    let mut clients = clients(10);
    let [one, two] = [1, 2].map(|number| count(&mut clients, number));
    assert_eq!(clients.ticket(address(1), Some(one)), one);
    assert_eq!(clients.ticket(address(2), Some(one)), two);
}

#[test]
fn addresses_of_ipv6_are_grouped_by_their_first_bits_and_those_of_ipv4_are_not() {
    let table = [
        (128, "2001:db8::1", "2001:db8::1"),
        (64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (48, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        (127, "2001:db8::1", "2001:db8::/127"),
        (1, "ffff::", "8000::/1"),
        (64, "::1", "::/64"),
        (64, "::ffff:192.0.2.1", "192.0.2.1"),
        (128, "::ffff:192.0.2.1", "192.0.2.1"),
    ];
    for (prefix, address, wanted) in table {
        let group = Group::new(prefix);
        let address: Ipv6Addr = address.parse().unwrap();
        let client = Client { address: group.name(group.of(address)).into(), ..Client::default() };
        assert_eq!(&*client.address, wanted, "{address} by {prefix}");
        assert!(client.has(address), "{wanted} has {address}");
        assert!(!client.has(Ipv6Addr::LOCALHOST) || wanted.starts_with("::"), "{wanted}");
    }
    let rest = Client { address: OTHER.into(), ..Client::default() };
    assert!(!rest.has(Ipv6Addr::LOCALHOST));
}
