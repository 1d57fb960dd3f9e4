//! Transfers between two stores over real endpoints on loopback: cut, resumed, lied to, swept.

use std::sync::Mutex;

use iroh::endpoint::{Endpoint, RelayMode, presets};
use tokio::task::JoinSet;

use super::*;

/// An endpoint that is reached on loopback.
async fn endpoint() -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled).clear_ip_transports();
    let builder = builder.alpns(vec![ALPN.to_vec()]).bind_addr("127.0.0.1:0").unwrap();
    builder.bind().await.unwrap()
}

/// A store in a folder of its own, and what a keeper would answer its sweeps.
struct Room {
    store: BlobStore,
    sweeps: mpsc::Receiver<SweepAsked>,
    _folder: tempfile::TempDir,
}

impl Room {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (asks, sweeps) = mpsc::channel(1);
        let store = BlobStore::open(folder.path(), asks).await.unwrap();
        Self { store, sweeps, _folder: folder }
    }

    /// Lets one sweep run that keeps only these, and waits until it is through.
    async fn sweep(&mut self, kept: &[BlobHash]) {
        let answer = self.sweeps.recv().await.unwrap();
        answer.send(Some(kept.to_vec())).unwrap();
        // It asks again when it is through.
        self.sweeps.recv().await.unwrap().send(None).unwrap();
    }
}

fn noise(count: usize) -> Vec<u8> {
    (0_u64..).flat_map(|number| *blake3::hash(&number.to_le_bytes()).as_bytes()).take(count).collect()
}

#[tokio::test]
async fn a_store_whose_making_was_cut_short_is_made_anew_and_one_that_is_whole_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = folder.path().join("blobs.db.new");
    std::fs::write(&unfinished, [0; 4_096]).unwrap();
    let bytes = noise(1_000);
    for _ in 0..2 {
        let (asks, _sweeps) = mpsc::channel(1);
        let store = BlobStore::open(folder.path(), asks).await.unwrap();
        assert!(!unfinished.exists());
        let hash = store.add(bytes.clone()).await.unwrap().hash();
        assert_eq!(store.read(hash).await.unwrap(), bytes);
        store.close().await;
    }
    let (asks, _sweeps) = mpsc::channel(1);
    let again = BlobStore::open(folder.path(), asks).await.unwrap();
    assert_eq!(again.held_bytes(BlobHash::of(&bytes)).await, 1_000);
}

/// Answers every request of every connection from the store.
fn provide(tasks: &mut JoinSet<()>, endpoint: Endpoint, store: BlobStore) {
    tasks.spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let connection = BlobConnection::new(incoming.await.unwrap());
            while let Ok(mut stream) = connection.accept().await {
                let asked = stream.read().await.unwrap().unwrap();
                stream.serve(&store, asked, &connection).await;
            }
        }
    });
}

/// What every provider here would send for a whole blob, with a byte changed by `change`.
fn provide_changed(tasks: &mut JoinSet<()>, endpoint: Endpoint, answer: Vec<u8>) {
    tasks.spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let connection = incoming.await.unwrap();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                receive.read_to_end(BLOB_REQUEST_BYTES).await.unwrap();
                // Who notices the lie does not read on.
                drop(send.write_all(&answer).await);
                drop(send.finish());
            }
        }
    });
}

async fn connect(from: &Endpoint, to: &Endpoint) -> BlobConnection {
    BlobConnection::new(from.connect(to.addr(), ALPN).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_and_a_hundred_megabytes_cut_and_resumed_move_only_the_rest() {
    for size in [10 * 1024 * 1024, 100 * 1024 * 1024] {
        cut_and_resume(size).await;
    }
}

async fn cut_and_resume(size: usize) {
    let (provider, receiver) = (endpoint().await, endpoint().await);
    let (there, here) = (Room::new().await, Room::new().await);
    let bytes = noise(size);
    let hash = there.store.add(bytes).await.unwrap().hash();
    let size = u64::try_from(size).unwrap();
    let mut tasks = JoinSet::new();
    provide(&mut tasks, provider.clone(), there.store.clone());

    let first = connect(&receiver, &provider).await;
    let cut_at = size * 2 / 5;
    let (reached, wait) = tokio::sync::oneshot::channel();
    let reached = Mutex::new(Some(reached));
    let tell = |done| {
        if done > cut_at
            && let Some(reached) = reached.lock().unwrap().take()
        {
            reached.send(()).unwrap();
        }
    };
    tokio::select! {
        end = here.store.fetch(&first, hash, size, tell) => panic!("{end:?}"),
        _ = wait => first.close(CloseReason::Stopping),
    }
    let held = here.store.held_bytes(hash).await;
    assert!(held > cut_at / 2 && held < size, "{held}");

    let second = connect(&receiver, &provider).await;
    assert_eq!(here.store.fetch(&second, hash, size, |_| {}).await, FetchEnd::Complete);
    let moved = second.connection.stats().udp_rx.bytes;
    let rest = size - held;
    println!(
        "cut with {held} of {size} bytes here; the second connection received {moved} for the {rest} missing"
    );
    assert!(moved < rest + rest / 10, "only the rest, and what carries it");
    assert_eq!(u64::try_from(here.store.read(hash).await.unwrap().len()), Ok(size));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_refused_and_a_false_size_is_never_taken() {
    let receiver = endpoint().await;
    let (there, here) = (Room::new().await, Room::new().await);
    let bytes = noise(300_000);
    let hash = there.store.add(bytes.clone()).await.unwrap().hash();
    let honest = {
        let progress = there.store.store.blobs().export_bao(raw(hash), ChunkRanges::all());
        progress.bao_to_vec().await.unwrap()
    };
    let mut tasks = JoinSet::new();
    for at in [8, 100_000, honest.len() - 1] {
        let (liar, mut lie) = (endpoint().await, honest.clone());
        lie[at] ^= 1;
        provide_changed(&mut tasks, liar.clone(), lie);
        let end = here.store.fetch(&connect(&receiver, &liar).await, hash, 300_000, |_| {}).await;
        assert!(matches!(end, FetchEnd::Corrupt { .. }), "byte {at}: {end:?}");
        assert!(here.store.read(hash).await.is_err(), "nothing false is given out");
    }
    let provider = endpoint().await;
    provide(&mut tasks, provider.clone(), there.store.clone());
    let source = connect(&receiver, &provider).await;
    for false_size in [100_000, 299_999, 300_001, 2_000_000] {
        let before = source.connection.stats().udp_rx.bytes;
        let end = here.store.fetch(&source, hash, false_size, |_| {}).await;
        assert_eq!(end, FetchEnd::False, "{false_size}");
        let moved = source.connection.stats().udp_rx.bytes - before;
        assert!(moved < 350_000, "{moved} bytes for {false_size}");
    }
    let end = here.store.fetch(&source, hash, 300_000, |_| {}).await;
    assert_eq!(end, FetchEnd::Complete, "after all the lies");
    assert_eq!(here.store.read(hash).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_lacks_it_or_hangs_up_is_no_liar() {
    let (receiver, provider, silent) = (endpoint().await, endpoint().await, endpoint().await);
    let (there, here) = (Room::new().await, Room::new().await);
    let mut tasks = JoinSet::new();
    provide(&mut tasks, provider.clone(), there.store.clone());
    let nothing = BlobHash::from_bytes([7; 32]);
    let end = here.store.fetch(&connect(&receiver, &provider).await, nothing, 10, |_| {}).await;
    assert_eq!(end, FetchEnd::Lacking { held_bytes: 0 });
    let hanging_up = silent.clone();
    tasks.spawn(async move {
        let connection = hanging_up.accept().await.unwrap().await.unwrap();
        connection.accept_bi().await.unwrap();
        connection.close(VarInt::from_u32(0), b"");
    });
    let end = here.store.fetch(&connect(&receiver, &silent).await, nothing, 10, |_| {}).await;
    assert!(matches!(end, FetchEnd::Cut { .. } | FetchEnd::Lacking { .. }), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_takes_what_nobody_protects_and_pins_protect() {
    let mut room = Room::new().await;
    let [kept, gone, pinned] = [1, 2, 3].map(|number| vec![number; 50_000]);
    let kept = room.store.add(kept).await.unwrap().hash();
    let gone = room.store.add(gone).await.unwrap().hash();
    let pin = room.store.add(pinned).await.unwrap();
    let pinned = pin.hash();
    room.sweep(&[kept]).await;
    assert!(room.store.read(kept).await.is_ok() && room.store.read(pinned).await.is_ok());
    assert!(room.store.read(gone).await.is_err());
    drop(pin);
    room.sweep(&[kept]).await;
    assert!(room.store.read(kept).await.is_ok() && room.store.read(pinned).await.is_err());
    assert_eq!(room.store.held_bytes(gone).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_protected_outlives_a_sweep() {
    let (provider, receiver) = (endpoint().await, endpoint().await);
    let (there, mut here) = (Room::new().await, Room::new().await);
    let hash = there.store.add(noise(1_000_000)).await.unwrap().hash();
    let mut tasks = JoinSet::new();
    provide(&mut tasks, provider.clone(), there.store.clone());
    let source = connect(&receiver, &provider).await;
    // Less than all was said to be there: a part comes.
    assert_eq!(here.store.fetch(&source, hash, 500_000, |_| {}).await, FetchEnd::False);
    let held = here.store.held_bytes(hash).await;
    assert!(held >= 500_000, "{held}");
    here.sweep(&[hash]).await;
    assert_eq!(here.store.held_bytes(hash).await, held);
    here.sweep(&[]).await;
    assert_eq!(here.store.held_bytes(hash).await, 0);
}
