//! Figures of docs/privacy.md: how often spies guess where a sealed post was made, and how long one takes.

use std::time::Duration;

use itsgoin::node::sim::crowd::{Leaving, Origins, Spying, spy};

const SEEDS: [u64; 3] = [1, 2, 3];

fn spying(seed: u64, nodes: usize, spy_percent: usize, leaving: Leaving) -> Spying {
    Spying { seed, nodes, spy_percent, posts: 300, every: Duration::from_secs(13), leaving }
}

fn print(name: &str, setting: Spying, origins: &Origins) {
    println!(
        "| {} | {} | {name} | {} | {} % | {:.1} | {:.1} |",
        setting.nodes,
        setting.seed,
        origins.posts,
        origins.precision_percent(),
        origins.wait(50).as_secs_f64(),
        origins.wait(95).as_secs_f64(),
    );
}

#[test]
fn origins_of_sealed_posts_among_two_hundred_nodes() {
    println!("| nodes | seed | leaves | posts | guessed | p50 s | p95 s |\n|---|---|---|---|---|---|---|");
    for seed in SEEDS {
        let settings = [("over the stem", Leaving::OverTheStem), ("at once", Leaving::AtOnce)];
        let [stem, at_once] = settings.map(|(name, leaving)| {
            let setting = spying(seed, 200, 10, leaving);
            let origins = spy(setting);
            print(name, setting, &origins);
            assert_eq!(origins.everywhere, origins.posts, "seed {seed}, {name}");
            origins.precision_percent()
        });
        assert!(stem <= 25 && at_once >= stem + 20, "seed {seed}: {stem} % and {at_once} %");
    }
}

#[test]
fn times_of_sealed_posts_among_twelve_nodes() {
    for seed in SEEDS {
        let setting = spying(seed, 12, 0, Leaving::OverTheStem);
        let origins = spy(setting);
        print("over the stem", setting, &origins);
        assert_eq!(origins.everywhere, origins.posts, "seed {seed}");
    }
}
