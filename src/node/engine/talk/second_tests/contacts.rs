//! First contacts made by hand, right and wrong.

use super::*;

/// What is made wrong about a first contact before it is sealed.
type Change = Box<dyn Fn(&mut Insides, &mut Vec<Slot>)>;

/// Whether the engine reads a first contact of this stranger, made by hand and changed before it is sealed.
fn is_read(two: &mut Two, seed: [u8; 32], change: impl Fn(&mut Insides, &mut Vec<Slot>)) -> bool {
    let (me, stranger) = (*two.me.as_bytes(), posting_id(&seed));
    let prekey = agreement_key(&me).unwrap();
    let shared = begin(&seed, &me, &prekey, &seed).unwrap();
    let mut ratchet = shared.first(&prekey, [0x77; 32]).unwrap();
    let draws = two.dice.draws();
    let contact = first_contact::slot(&draws.author, &seed, &me, &prekey).unwrap();
    let mut slots = vec![ratchet.send().unwrap(), contact];
    let (stamp, name) = (two.now.as_millis(), "mallory".to_owned());
    let beginning = Begins { ek: public(&seed), stamp, life: 0, your_life: 0, name, prekey: None };
    let mut inner = Insides {
        message: [7; 16],
        thread: thread_of(&me, &stranger),
        sent_ms: stamp,
        confirmations: Vec::new(),
        beginning: Some(beginning),
        said: Says::Text("made by hand".to_owned(), None),
    };
    change(&mut inner, &mut slots);
    let day = crate::domain::sealed::day_of(two.now);
    let post = seal(&draws, day, 2_048, &slots, &inner.encode().unwrap()).unwrap();
    two.gets(&post);
    let from = PostingId::from_bytes(stranger);
    two.thread = ConversationId::of(two.me, ThreadId::between(two.me, from));
    two.find(from, MessageId::from_bytes([7; 16])).is_some()
}

#[test]
fn a_first_contact_that_is_not_as_the_page_says_is_not_read() {
    let mut two = Two::new(Known::Ids);
    assert!(is_read(&mut two, [0x40; 32], |_, _| {}), "as it has to be");
    let reserved = |_: &mut Insides, slots: &mut Vec<Slot>| {
        for slot in slots {
            slot.header[40..].fill(0xff);
        }
    };
    assert!(is_read(&mut two, [0x41; 32], reserved), "what is not looked at");
    let in_two_days = i64::try_from(Duration::from_hours(48).as_millis()).unwrap();
    let wrong: [(&str, Change); 8] = [
        ("another thread", Box::new(|inner, _| inner.thread[0] ^= 1)),
        ("no beginning", Box::new(|inner, _| inner.beginning = None)),
        ("another ek", Box::new(|inner, _| inner.beginning.as_mut().unwrap().ek = public(&[0x78; 32]))),
        (
            "a stamp far ahead",
            Box::new(move |inner, _| inner.beginning.as_mut().unwrap().stamp += in_two_days + 60_000),
        ),
        (
            "a name without bounds",
            Box::new(|inner, _| inner.beginning.as_mut().unwrap().name = "x".repeat(65)),
        ),
        ("a number that is not the tag's", Box::new(|_, slots| slots[0].header[36] ^= 1)),
        ("a prekey id that is not the tag's", Box::new(|_, slots| slots[1].header[32] ^= 1)),
        ("no slot of the session", Box::new(|_, slots| *slots = slots.split_off(1))),
    ];
    for (number, (name, change)) in (0x42_u8..).zip(wrong) {
        assert!(!is_read(&mut two, [number; 32], change), "{name}");
    }
}
