//! Mistakes the simulator plants to prove that it would notice them. In a released program there are none to plant.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The cursor is set to the end of the log although the page was cut.
    CursorIgnoresMore,
    /// The cursor passes items whose stream broke.
    CursorPassesUndelivered,
    /// A new author is read from where the others are, not from the start.
    NoResetOnGrowth,
    /// The cursor of sealed posts is set to the end of their log although the page was cut.
    SealedIgnoresMore,
    /// What made room is not remembered.
    EvictedIsForgotten,
    /// What neighbours want is not carried.
    CarriesNobody,
    /// Nobody is asked for the profiles of commenters; nor is anybody carried, which brings most of them.
    AsksNoNames,
    /// After an unclean stop numbers of the log are given again.
    SeqReuse,
    /// A sealed post made here is shown to everybody while it is on the stem.
    ShowsItsStem,
    /// A sealed post made here is spread from here. Not a mistake but the control of the measurements.
    SpreadsAtOnce,
    /// What is handed over on the stem goes no further.
    DropsStem,
    /// What is on the stem waits for ever to come from elsewhere.
    WaitsForEver,
    /// A decoy follows what else leaves.
    DecoysFollowTraffic,
    /// Sealed posts count for nobody.
    IntroducerNotCounted,
    /// What comes in is told to nobody else, neither by pushes nor by news.
    PassesNothingOn,
    /// No seats: whoever last dealt with a file is told of its changes, at most five of them. Not a mistake but the
    /// control of the measurements.
    PlainLru,
    /// All sealed posts of conversations have one author.
    AuthorReused,
    /// The tag of a message is the posting id of who it is for.
    TagIsPersona,
    /// Peers are asked for one tag instead of for all sealed posts.
    AsksForOneTag,
    /// The profile of a stranger who wrote is asked for.
    AsksWhoWrote,
    /// What was confirmed still stands among what is to be confirmed.
    KeepsConfirmed,
    /// Effects are performed before their transaction is committed.
    ToldBeforeCommitted,
}

/// The planted mistake, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    #[cfg(any(test, feature = "sim"))]
    planted: Option<Fault>,
}

impl Faults {
    /// One mistake.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub const fn plant(fault: Fault) -> Self {
        Self { planted: Some(fault) }
    }

    /// Whether this mistake is to be made.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub fn has(self, fault: Fault) -> bool {
        self.planted == Some(fault)
    }

    /// Whether this mistake is to be made: never.
    #[cfg(not(any(test, feature = "sim")))]
    #[must_use]
    pub const fn has(self, _fault: Fault) -> bool {
        false
    }
}
