//! Every bound of protocol and safety, each with its unit, its reason, and what another value would do.
//!
//! THREATS.md prints the same table; a test holds the two equal. A bound that only concerns one place stands
//! next to its use instead.

use std::time::Duration;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: $type = $value;)*

        /// Name and value of every limit, in the order of this file.
        #[must_use]
        pub fn table() -> Vec<(&'static str, String)> {
            vec![$((stringify!($name), format!("{:?}", $name))),*]
        }
    };
}

limits! {
    /// Bytes of a control frame. Lower would not hold a full interest list (32 KiB); higher is memory a
    /// stranger can make us hold per stream.
    CONTROL_FRAME_BYTES: usize = 64 * 1024;
    /// Bytes of a frame of items. A sealed post may be 128 KiB; higher only adds memory per stream.
    ITEM_FRAME_BYTES: usize = 256 * 1024;
    /// Bytes of items we put into one frame, but for a single item that is larger. Higher loses more with a stream
    /// that breaks and gives up on lines that do not carry it within [`FRAME_TIME`]; lower adds frames.
    ITEM_FRAME_FILL: usize = 48 * 1024;
    /// Bytes of the signed part of a post. Longer content belongs into a blob.
    POST_BYTES: usize = 64 * 1024;
    /// Bytes of a post's text. Lower cuts essays; higher makes feeds slow to wrap and pages of 200 too large.
    POST_TEXT_BYTES: usize = 16 * 1024;
    /// Bytes of a comment's text. Longer thoughts are posts.
    COMMENT_TEXT_BYTES: usize = 4 * 1024;
    /// Bytes of a message's text. Lower cuts letters; higher makes pages of 200 too large for one answer.
    MESSAGE_TEXT_BYTES: usize = 16 * 1024;
    /// Bytes of a reaction's emoji: the longest sequences of Unicode have about 30.
    EMOJI_BYTES: usize = 32;
    /// Ids a comment policy may list. Higher makes an operation larger than a push of headers.
    POLICY_IDS: usize = 256;
    /// Bytes of the signed part of an operation: an edit holds the text of a post.
    OPERATION_BYTES: usize = 17 * 1024;
    /// Operations kept per post. Of more the oldest of people nobody here follows go first.
    POST_OPERATIONS: u32 = 10_000;
    /// Of these, how many only people somebody here follows can fill (and the post's author), so that strangers do not push them out.
    RESERVED_OPERATIONS: u32 = 2_000;
    /// Operations of one author on one post, tombstones not counted; more are refused.
    AUTHOR_OPERATIONS: u32 = 50;
    /// Operations whose post is not here that wait for it, in all; the cursor of more stays where it is.
    WAITING_OPERATIONS: u32 = 1_000;
    /// How long an operation waits for its post. Peers have the post before they offer its operations.
    WAITING_TIME: Duration = Duration::from_hours(24);
    /// Tombstones of one author for posts that are not here; more are refused.
    UNKNOWN_TOMBSTONES: u32 = 1_000;
    /// Bytes of the signed part of a profile.
    PROFILE_BYTES: usize = 2 * 1024;
    /// Bytes of a name. Enough for 30 columns in most scripts.
    NAME_BYTES: usize = 64;
    /// Terminal columns of a name where it stands beside other things.
    NAME_COLUMNS: usize = 30;
    /// Bytes of other short fields of strangers (a relay's URL).
    SHORT_FIELD_BYTES: usize = 255;
    /// Bytes of one blob. Higher lets one post fill a reader's disk; lower excludes ordinary photos.
    BLOB_BYTES: u64 = 10 * 1024 * 1024;
    /// Attachments of one post. Higher makes one post cost more than its readers expect.
    POST_ATTACHMENTS: usize = 8;
    /// Bytes of a blob that is fetched without being asked for, from somebody who is followed. Higher spends the
    /// person's line and disk on what they may never look at.
    AUTOMATIC_BLOB_BYTES: u64 = 1024 * 1024;
    /// Blobs fetched at once. Higher shares a slow line among more of them; lower lets one slow holder delay others.
    BLOB_FETCHES: usize = 4;
    /// Blobs that wait for a holder in memory; of more the rest stays in the store until there is room.
    BLOBS_WAITING: usize = 256;
    /// Peers remembered as holders of one blob.
    BLOB_SOURCES: u32 = 5;
    /// First wait before holders that failed are asked again; doubles each time.
    BLOB_RETRY_FIRST: Duration = Duration::from_secs(15);
    /// Longest wait between two rounds over the holders of a blob.
    BLOB_RETRY_LONGEST: Duration = Duration::from_mins(15);
    /// Bytes that have to move within [`BLOB_SLOW_TIME`], or the transfer ends: another source may be faster, and a
    /// slow reader holds one of our streams.
    BLOB_SLOW_BYTES: u64 = 30 * 1024;
    /// The time in which [`BLOB_SLOW_BYTES`] have to move, in both directions.
    BLOB_SLOW_TIME: Duration = Duration::from_secs(30);
    /// Bytes of a request for a blob. A hash and the ranges of a transfer that was cut once take under a hundred;
    /// higher is memory a stranger can make us hold per stream.
    BLOB_REQUEST_BYTES: usize = 4 * 1024;
    /// Requests for blobs one peer may make in ten seconds once its burst is used up; more are refused.
    BLOB_REQUEST_RATE: i64 = 20;
    /// Requests for blobs one peer may make without a pause.
    BLOB_REQUEST_BURST: i64 = 20;
    /// Connections on which peers fetch blobs from us. Higher is memory and upload strangers can take.
    BLOB_CONNECTIONS: usize = 16;
    /// Time after which a connection without a request for a blob is closed.
    BLOB_IDLE_TIME: Duration = Duration::from_secs(30);
    /// Bytes in flight on a connection on which we fetch a blob: ten megabytes a second at 400 ms.
    BLOB_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
    /// Time between two sweeps of blobs that no post names any more.
    BLOB_SWEEP_EVERY: Duration = Duration::from_mins(10);
    /// Ids in an interest list. Higher lets a peer make us probe more index ranges per pull.
    INTEREST_IDS: usize = 1_024;
    /// How long an author is carried that no connected node wants any more. Lower loses what a reader who is away
    /// for a night would have found here; higher keeps places from others.
    CARRIED_KEPT: Duration = Duration::from_hours(24);
    /// Wait between a change of what peers want and ours, so that many changes become one.
    CARRY_DELAY: Duration = Duration::from_secs(1);
    /// Changes of the authors we carry that may follow each other without a pause: each sends our list to every peer.
    CARRY_CHANGES: u32 = 8;
    /// Time in which one more such change is allowed. Lower costs up to 35 KB for every peer and change; higher lets
    /// interest spread more slowly over busy nodes.
    CARRY_EVERY: Duration = Duration::from_mins(15);
    /// Time between two exchanges of the authors carried for longest, where more are wanted than there are places.
    CARRY_TURN: Duration = Duration::from_hours(1);
    /// Room an object takes besides its signed bytes: signature, ids, rows and their indices (measured: 382 bytes a
    /// post in a store of a million).
    STORED_OVERHEAD_BYTES: i64 = 384;
    /// Room one followed author may take; of more the oldest posts make room.
    FOLLOWED_BYTES: u64 = 200 * 1024 * 1024;
    /// Room one author may take whom nobody here follows.
    STRANGER_BYTES: u64 = 2 * 1024 * 1024;
    /// Room all of them may take together. Lower forgets what neighbours want; higher is disk for others.
    STRANGERS_BYTES: u64 = 50 * 1024 * 1024;
    /// Room all sealed posts may take.
    POOL_BYTES: u64 = 256 * 1024 * 1024;
    /// Room everything may take.
    STORE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
    /// Free space on the disk below which nothing more is fetched.
    DISK_FREE_BYTES: u64 = 500 * 1024 * 1024;
    /// Ids that made room and are not asked for again; oldest are forgotten first. Lower fetches again what has no
    /// room; higher is 100 bytes each.
    EVICTED_OBJECTS: u32 = 50_000;
    /// Objects that make room in one step; the rest follows in the next. Higher lets a step take longer.
    EVICTED_AT_ONCE: u32 = 256;
    /// Bytes of a sealed post with its signature: the largest of the four sizes.
    SEALED_BYTES: usize = 128 * 1024;
    /// Days a sealed post is kept. Higher lets messages wait longer for somebody who is away, and costs disk.
    SEALED_DAYS: u32 = 30;
    /// Time between two questions for sealed posts, whatever they find and whoever waits. Lower costs bytes that find
    /// nothing, higher is most of what a message takes.
    SEALED_EVERY: Duration = Duration::from_secs(30);
    /// Sealed posts one question for a range of tags makes us look at.
    SEALED_SCAN: usize = 10_000;
    /// Room one node's sealed posts may take. Lower shortens what a node with few peers keeps; higher lets one peer push
    /// out more of what others brought.
    POOL_PEER_BYTES: u64 = 64 * 1024 * 1024;
    /// Room sealed posts from one public prefix may take together.
    POOL_PREFIX_BYTES: u64 = 128 * 1024 * 1024;
    /// Bytes of a frame that is pushed: the largest sealed post with what stands around it. Higher is memory a stranger can
    /// make us hold for each push stream.
    PUSH_FRAME_BYTES: usize = 130 * 1024;
    /// Sealed posts a peer may push in an hour once its burst is used up; more are dropped unread, pulls bring them. Lower
    /// slows the stem where many go the same way; higher is signatures a stranger can make us check.
    SEALED_PUSH_RATE: i64 = 200;
    /// Sealed posts a peer may push without a pause.
    SEALED_PUSH_BURST: i64 = 50;
    /// How long all sealed posts are handed on to the same peer. Lower lets a spy among our peers be chosen sooner; higher
    /// lets one it was learn more.
    STEM_EPOCH: Duration = Duration::from_mins(10);
    /// Of a hundred nodes and epochs, those that hand on what comes to them and do not spread it: ten nodes on average
    /// before a post is spread. Higher takes longer, lower hides less.
    STEM_PERCENT: u32 = 90;
    /// Mean wait of a node on the stem for what it handed on to come back from elsewhere. Lower makes nodes spread what
    /// others are about to; higher is how long a peer that drops it can delay it.
    STEM_EMBARGO: Duration = Duration::from_secs(30);
    /// The longest such wait.
    STEM_EMBARGO_LONGEST: Duration = Duration::from_mins(3);
    /// Longest wait of a sealed post that had nobody to go to, or was found at a start, once somebody is there: they must not
    /// all leave at once.
    STEM_RESUME: Duration = Duration::from_secs(30);
    /// Bytes of sealed posts on the stem that peers may bring in all; what is more is not taken.
    STEM_BYTES: u64 = 32 * 1024 * 1024;
    /// The same of one peer: it cannot fill the stem for others.
    STEM_PEER_BYTES: u64 = 8 * 1024 * 1024;
    /// Peers a sealed post is pushed to where it is spread; the others pull it. Higher costs copies that come twice.
    SPREAD_PEERS: usize = 3;
    /// Sealed posts of which it is remembered to how many peers we gave them.
    SEALED_TRACKED: usize = 1_024;
    /// Sealed posts without content a node makes in an hour, unless a person says otherwise. Higher hides better when
    /// something real is sent and costs everybody bytes: about 150 KB a day from each node for each of them.
    DECOYS_PER_HOUR: u32 = 2;
    /// Tags of one chain that are watched for. Lower loses messages when many before them were lost; higher is memory,
    /// 48 bytes each, and time at the start.
    TAGS_AHEAD: u32 = 128;
    /// Messages of a chain that one message may skip. Lower loses messages after a gap; higher lets one message cost more.
    SKIPPED_AT_ONCE: u32 = 256;
    /// Keys of skipped messages one session keeps; of more the oldest go.
    SKIPPED_KEYS: usize = 512;
    /// How long the key of a skipped message is kept: one day longer than sealed posts are.
    SKIPPED_TIME: Duration = Duration::from_hours(31 * 24);
    /// Messages of a chain after which a new session is begun: half of what the other side watches for.
    CHAIN_LENGTH: u32 = 64;
    /// Confirmations one message carries; more wait for the next one.
    ACKS_AT_ONCE: usize = 16;
    /// Mean wait of a message before it leaves, so that nobody can tell when it was written.
    PUBLISH_DELAY: Duration = Duration::from_secs(10);
    /// The longest such wait.
    PUBLISH_DELAY_LONGEST: Duration = Duration::from_mins(1);
    /// How long nothing is sent after a start while no peer was read to its end: what we sent before may be out there.
    FIRST_LOOK: Duration = Duration::from_mins(10);
    /// Sealed posts looked through at once for what is ours. Higher lets one step take longer.
    MATCHED_AT_ONCE: usize = 64;
    /// How long a prekey is given out.
    PREKEY_TIME: Duration = Duration::from_hours(7 * 24);
    /// How old a prekey may be that is written to: its secret is erased when messages to it can no longer come.
    PREKEY_OLDEST: Duration = Duration::from_hours(14 * 24);
    /// How long the secret of a prekey is kept: in use, then as long as sealed posts are kept, and a day more.
    PREKEY_KEPT: Duration = Duration::from_hours(45 * 24);
    /// Sessions with one person that are kept.
    PEER_SESSIONS: usize = 8;
    /// Requests of strangers that are kept; of more none is taken.
    REQUESTS: usize = 500;
    /// First messages of strangers taken in an hour. Lower lets a flood hide a friend; higher lets it fill the list faster.
    REQUESTS_PER_HOUR: u32 = 20;
    /// Conversations of all personas.
    CONVERSATIONS: usize = 10_000;
    /// Messages that wait to be sent or confirmed. Higher is memory and rows opened at every start.
    OUTGOING: usize = 10_000;
    /// Longest wait before a message is confirmed that nobody answers, and the shortest time between two such confirmations
    /// in one conversation.
    ACK_AFTER: Duration = Duration::from_hours(1);
    /// How far back a message may be put by what its sender says about its time, in messages.
    SORTED_BACK: u32 = 256;
    /// People in a group, oneself included. Every message waits for a confirmation of each.
    GROUP_MEMBERS: usize = 32;
    /// People in a group up to whom a message has a slot for each; more share sender chains.
    SLOT_MEMBERS: usize = 4;
    /// People in a circle. Higher makes every new chain cost more posts.
    CIRCLE_MEMBERS: usize = 256;
    /// Circles of one profile.
    CIRCLES: usize = 64;
    /// Versions of one group's roster; more are not taken.
    ROSTER_VERSIONS: usize = 128;
    /// Versions one version may follow. Higher makes them larger; lower leaves ends open where many act at once.
    ROSTER_PARENTS: usize = 4;
    /// Messages of one sender chain. Below [`TAGS_AHEAD`], so that who has the key watches for all of them.
    CHAIN_MESSAGES: u32 = 100;
    /// How long a sender chain is sent on: what a stolen key opens.
    CHAIN_TIME: Duration = Duration::from_hours(24 * 7);
    /// How long a sender chain is listened to after its sender has a newer one.
    CHAIN_KEPT: Duration = Duration::from_hours(24 * 31);
    /// Sender chains of one person in one group or circle that are listened to; of more the oldest go.
    CHAINS_HEARD: usize = 8;
    /// Messages kept in memory whose group is not known yet.
    GROUPLESS_MESSAGES: usize = 256;
    /// Groups of cursors in one pull; of more different cursors those furthest behind go first.
    PULL_GROUPS: usize = 64;
    /// Items of one page of a pull. Higher makes a lost stream cost more; lower adds round trips.
    PAGE_ITEMS: usize = 200;
    /// Bytes of the items of one page.
    PAGE_BYTES: usize = 1024 * 1024;
    /// Fewer offered items than this come along at once instead of being asked for.
    INLINE_ITEMS: usize = 4;
    /// Ids of one fetch.
    FETCH_IDS: usize = 64;
    /// People who commented and whose profiles are looked for; of more the first are forgotten. Higher is rows and
    /// questions that made-up commenters can cause; lower leaves busy threads without names.
    NAMELESS_AUTHORS: u32 = 1_024;
    /// Profiles kept of people who only comment; of more the first make room. Two KiB each at most.
    COMMENTER_PROFILES: u32 = 4_096;
    /// Wait before somebody's profile is asked for: more comments come meanwhile, and the peer gets it itself.
    NAME_AFTER: Duration = Duration::from_secs(1);
    /// Wait before the next peer is asked for the same profile.
    NAME_SPACING: Duration = Duration::from_secs(2);
    /// Peers asked for a profile, one after another, before a rest.
    NAME_PEERS: usize = 8;
    /// First rest when none of them had it; doubles each time.
    NAME_RETRY_FIRST: Duration = Duration::from_secs(10);
    /// Longest rest. Lower asks for what nobody has again and again.
    NAME_RETRY_LONGEST: Duration = Duration::from_mins(30);
    /// Newest posts a manifest lists. Higher makes every post cost its readers more; lower lets a reader who missed
    /// some fall back on a pull.
    MANIFEST_POSTS: usize = 20;
    /// Bytes of the signed part of a manifest: 20 ids with room for fields to come.
    MANIFEST_BYTES: usize = 2 * 1024;
    /// Listed posts fetched because of one manifest; the rest comes by pulls.
    MANIFEST_FETCHES: usize = 10;
    /// Holders of a file that are told of its changes, and rows of them in the store. Lower breaks up under churn;
    /// higher only adds copies.
    FILE_HOLDERS: usize = 5;
    /// Of these, mutual seats with peers that carry the author; one place is left for others that hold the file.
    AUTHOR_SEATS: usize = 4;
    /// Seats others asked for, so that strangers cannot fill all of them.
    INBOUND_SEATS: usize = 3;
    /// Below so many seats that can be reached, new ones are looked for.
    SEATS_WANTED: usize = 3;
    /// Seats per topic that never make room for a newcomer, among those we chose or that brought news. Higher
    /// hinders newcomers; lower lets strangers take over.
    KEPT_SEATS: usize = 2;
    /// Below so many connected seats of a topic, others are dialled for it although connections are scarce.
    WARM_SEATS: usize = 2;
    /// Peers a walk visits before it stays. Higher costs dials; lower seats newcomers in a cluster.
    WALK_HOPS: u8 = 4;
    /// Walks per topic within [`WALKS_TIME`].
    WALKS: usize = 6;
    /// See [`WALKS`].
    WALKS_TIME: Duration = Duration::from_mins(10);
    /// How long room is kept for an answer to an offer of ours.
    OFFER_TIME: Duration = Duration::from_secs(10);
    /// How long room is kept for a peer whose offer was accepted, and a seat for whom it is going to be split.
    GRANT_TIME: Duration = Duration::from_secs(15);
    /// Time within which a seat's copy of news counts although another one was first.
    PROOF_TIME: Duration = Duration::from_mins(1);
    /// Least time between two dials to addresses that one peer named: it must not turn us on a victim.
    NAMED_DIAL_SPACING: Duration = Duration::from_secs(1);
    /// News to a peer with a seat of the author, which hears of it by a push: only in case the push was lost.
    SEAT_NEWS_AFTER: Duration = Duration::from_secs(3);
    /// News to other peers, where there are seats: whom pushes reach need not pull. Higher delays whom they do not reach.
    PUSH_LEAD: Duration = Duration::from_millis(500);
    /// Least time between two `Link` requests to one peer: what many topics wish meanwhile goes together. Lower lets a
    /// node with many topics use up what it may ask of a peer; higher delays every step towards a seat.
    LINK_SPACING: Duration = Duration::from_millis(400);
    /// Wishes that wait for one peer; of more, the topics ask again later.
    LINK_WAITING: usize = 4_096;
    /// Wishes in one `Link`.
    LINK_ENTRIES: usize = 32;
    /// Bytes of the signed parts in one push of operations; a larger operation comes by pulls.
    DIFF_BYTES: usize = 16 * 1024;
    /// Operations in one push: signatures one stream can make us check unasked.
    DIFF_ITEMS: usize = 16;
    /// Operations remembered that were passed on, so that none is twice.
    DIFFS_SEEN: usize = 1_024;
    /// Peers named in an invite: the receiver tries all of them.
    INVITE_ADDRESSES: usize = 3;
    /// Socket addresses of one peer in an invite, a ticket or the store, newest first.
    PEER_SOCKETS: usize = 8;
    /// Characters of a pasted invite or ticket, before anything is decoded.
    INVITE_CHARS: usize = 4_096;
    /// How far ahead a claimed time may lie before a post is held until it is due. Lower punishes clocks that
    /// are a little off; higher lets a post stay at the top of a feed for longer.
    CLOCK_AHEAD: Duration = Duration::from_mins(15);
    /// Posts of one author that may wait for their time; more are refused.
    HELD_POSTS: u32 = 100;
    /// Difference between our clock and the median of the peers' at which the person is told.
    CLOCK_WARNING: Duration = Duration::from_mins(10);
    /// Peers needed for that median.
    CLOCK_WITNESSES: usize = 3;
    /// Connections kept at once, unless a person says otherwise.
    CONNECTIONS: usize = 24;
    /// The most a person can say: each costs memory, and beats on a metered line.
    CONNECTIONS_MOST: usize = 64;
    /// Places kept free for connections we open (half of all where there are few), so that strangers cannot use up all.
    OUTBOUND_KEPT: usize = 8;
    /// How long an inbound connection stands at least before a newcomer can take its place. Lower lets a flood of newcomers
    /// push others out before they found somebody else; higher lets it keep newcomers out.
    NEWCOMER_TIME: Duration = Duration::from_secs(15);
    /// How long a connection that nobody needs stands at least before it is let go where there are many.
    SPARE_TIME: Duration = Duration::from_secs(20);
    /// Wait before a peer that nobody needs is dialled again while there are enough others.
    SPARE_REDIAL: Duration = Duration::from_hours(1);
    /// Connections with one network id: crossed dials make two, a restarted peer replaces the older one.
    CONNECTIONS_PER_PEER: usize = 2;
    /// Connections with one public prefix (/24 of IPv4, /48 of IPv6), and handshakes under way with it. Lower turns away
    /// people behind one address; higher lets one party hold all places.
    CONNECTIONS_PER_PREFIX: usize = 8;
    /// Handshakes under way at once. Above half of it the other side has to show first that it is where it says.
    PENDING_CONNECTIONS: usize = 16;
    /// Time a connection has for its handshake and `Hello`.
    HANDSHAKE_TIME: Duration = Duration::from_secs(10);
    /// Keep-alive of an idle connection: three of them fit into [`IDLE_TIME`], so two may be lost. Higher loses
    /// connections on lossy links; lower costs bytes (about 60 a beat).
    HEARTBEAT: Duration = Duration::from_secs(5);
    /// Silence after which a connection is lost. The transport's paths allow no more.
    IDLE_TIME: Duration = Duration::from_secs(15);
    /// Bytes in flight on one stream.
    STREAM_WINDOW_BYTES: u32 = 256 * 1024;
    /// Bytes in flight on one connection.
    CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
    /// Bytes sent on one connection that the peer has not taken yet. Higher is memory a peer that reads nothing makes us
    /// hold, for every connection; lower slows long fast lines.
    SEND_WINDOW_BYTES: u64 = 2 * 1024 * 1024;
    /// Request streams a peer may have open with us.
    BIDI_STREAMS: u32 = 16;
    /// Push streams a peer may have open with us.
    UNI_STREAMS: u32 = 4;
    /// Time until the first byte of a frame. A peer that stalls holds one of its own streams, no longer.
    FIRST_BYTE_TIME: Duration = Duration::from_secs(5);
    /// Time for a whole frame.
    FRAME_TIME: Duration = Duration::from_secs(20);
    /// Streams (requests and pushes) a peer may open in ten seconds once its burst is used up; it has to wait then.
    STREAM_RATE: i64 = 50;
    /// Streams a peer may open without a pause.
    STREAM_BURST: i64 = 100;
    /// New pulls a peer may begin in ten seconds once its burst is used up; pages that follow a cut are free. An honest
    /// node begins one a second at most.
    PULL_RATE: i64 = 20;
    /// New pulls a peer may begin without a pause: a list in as many different cursors as there can be.
    PULL_BURST: i64 = 20;
    /// Bytes of requests and pushes a peer may send in a minute.
    UNASKED_BYTES: i64 = 20 * 1024 * 1024;
    /// Peers whose use of these rates is remembered at once.
    METERED_PEERS: usize = 1_024;
    /// Cut pages in a row that may bring nothing new before the next one waits for [`PULL_SPACING`]: whoever invents
    /// offers cannot keep us asking at full speed.
    BARREN_PAGES: u32 = 16;
    /// Points an offence costs that an honest program on a bad line may commit once.
    SCORE_SLIGHT: i64 = -1;
    /// Points an offence costs that no honest program commits, though nothing false was said.
    SCORE_SERIOUS: i64 = -5;
    /// Points an offence costs that only a broken or hostile program commits.
    SCORE_GRAVE: i64 = -10;
    /// Score at which all connections with a node are closed. Lower bears with more nonsense.
    SCORE_CUT: i64 = -20;
    /// Score at which a node is banned: five grave offences within minutes.
    SCORE_BAN: i64 = -50;
    /// Score at which a public prefix is banned: three banned nodes, so that one alone does not take its neighbours with it.
    PREFIX_SCORE_BAN: i64 = -150;
    /// Time after which half of a score is forgiven. Higher punishes bad lines; lower lets slow attacks go on.
    SCORE_HALF_LIFE: Duration = Duration::from_mins(10);
    /// How long a ban for offences lasts.
    BAN_TIME: Duration = Duration::from_hours(12);
    /// Standings remembered; those that are not banned and were not heard of for longest go first.
    STANDINGS: u32 = 4_096;
    /// Nodes a person can ban: those are never forgotten.
    BANS_BY_PERSON: usize = 1_000;
    /// First wait before a lost or refused peer is dialled again; doubles each time.
    REDIAL_FIRST: Duration = Duration::from_secs(1);
    /// Longest wait between two dials of one peer. Higher delays a peer that comes back; lower costs radio time.
    REDIAL_LONGEST: Duration = Duration::from_mins(5);
    /// Time between two pulls of a peer without news.
    PULL_EVERY: Duration = Duration::from_mins(1);
    /// The same while nothing is ever found.
    PULL_EVERY_IDLE: Duration = Duration::from_mins(15);
    /// Least time between two pulls that one node starts at one peer.
    PULL_SPACING: Duration = Duration::from_secs(1);
    /// Least time between two `News` to one peer.
    NEWS_SPACING: Duration = Duration::from_secs(1);
    /// Time a whole pull may take before it counts as lost.
    PULL_TIME: Duration = Duration::from_mins(1);
    /// Numbers skipped in the arrival log after an unclean stop, so that none is given twice: more than any
    /// node takes in between two syncs of its disk.
    UNCLEAN_JUMP: u64 = 1 << 20;
    /// Objects refused for good that are remembered, so that they are not fetched again; oldest go first.
    REFUSED_OBJECTS: u32 = 10_000;
    /// Least time between two dials of addresses that one source (a peer, the local network) told us, so that nobody
    /// makes us knock at many doors.
    LEARNT_SPACING: Duration = Duration::from_secs(1);
    /// Addresses of one source that may wait for their dial; more are not learnt.
    LEARNT_WAITING: u32 = 60;
    /// Nodes one answer may name. Higher lets one peer fill our list of others faster.
    FOUND_PEERS: usize = 8;
    /// Time after a list was accepted until a peer is asked about others: it has sent its own list by then.
    FIND_AFTER: Duration = Duration::from_secs(2);
    /// Least time between two such questions to one peer.
    FIND_SPACING: Duration = Duration::from_secs(10);
    /// Questions in a row to one peer.
    FIND_ROUND: u32 = 16;
    /// The rest after them. Lower costs bytes on a metered line; higher leaves a node alone for longer.
    FIND_EVERY: Duration = Duration::from_hours(1);
    /// Peers remembered; those not seen for longest go first.
    KNOWN_PEERS: u32 = 1_000;
    /// Personas of one node: each is a pill in the timeline.
    PERSONAS: u32 = 32;
    /// Bytes of a paste into an input; more is refused, nothing is sent.
    PASTE_BYTES: usize = 64 * 1024;
    /// Time after a paste in which no key sends or deletes: crossterm ends a paste at the first `ESC[201~`.
    PASTE_GUARD: Duration = Duration::from_millis(50);
    /// Unicode scalars one grapheme may have. Lower would cut family emoji; higher lets marks smear over lines.
    GRAPHEME_SCALARS: usize = 16;
    /// Bytes one grapheme may have.
    GRAPHEME_BYTES: usize = 64;
    /// Terminal cells one grapheme may fill.
    GRAPHEME_CELLS: usize = 2;
    /// Cells of one line without a break; longer ones are broken.
    LINE_CELLS: usize = 4_096;
    /// Messages in any channel. Higher hides a slow consumer; lower makes bursts wait.
    CHANNEL_MESSAGES: usize = 256;
    /// Inputs that may share one commit.
    COMMIT_INPUTS: usize = 64;
    /// Rows of one answer to a query.
    QUERY_ROWS: u32 = 200;
    /// Bytes of one line on the control socket.
    CONTROL_LINE_BYTES: usize = 4 * 1024 * 1024;
    /// Programs attached to the control socket at once.
    CONTROL_CLIENTS: usize = 16;
    /// KiB of memory one guess at a passphrase takes. Lower makes guessing cheap; higher does not fit small machines.
    KDF_MEMORY_KIB: u32 = 64 * 1024;
    /// Passes over that memory: a few tenths of a second in all. Higher makes everybody wait longer at every start.
    KDF_PASSES: u32 = 3;
    /// Lanes of it: no more than the smallest machine computes at once.
    KDF_LANES: u32 = 1;
    /// KiB of memory a vault may ask for; one that asks for more is refused before the work.
    KDF_MEMORY_KIB_MOST: u32 = 1024 * 1024;
    /// Passes a vault may ask for.
    KDF_PASSES_MOST: u32 = 16;
    /// Lanes a vault may ask for.
    KDF_LANES_MOST: u32 = 16;
    /// Bytes of a passphrase. Lower cuts sentences; higher only delays the answer.
    PASSPHRASE_BYTES: usize = 1024;
}
