//! The passphrase on the command line: giving it, setting it, taking it away.

use std::io::IsTerminal;

use serde_json::json;

use super::args::{VaultVerb, Verb};
use super::error::CliError;
use super::output::Output;
use super::verbs::unexpected;
use crate::api::{
    CallError, Command, ErrorKind, NodeHandle, Passphrase, Protection, Query, StatusView, VaultState, View,
};
use crate::secrets;

/// Where a passphrase may come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    /// The descriptor that was named, if one was.
    pub(super) descriptor: Option<u32>,
}

impl Asking {
    /// The present passphrase.
    fn present(self) -> Result<Passphrase, CliError> {
        match self.descriptor {
            Some(descriptor) => first_line(descriptor),
            None => typed("Passphrase"),
        }
    }

    /// A new passphrase; typed twice in a terminal.
    pub(super) fn fresh(self) -> Result<Passphrase, CliError> {
        let Some(descriptor) = self.descriptor else {
            let first = typed("New passphrase")?;
            return if typed("The same again")? == first { Ok(first) } else { Err(different()) };
        };
        first_line(descriptor)
    }
}

fn first_line(descriptor: u32) -> Result<Passphrase, CliError> {
    let lines = secrets::read_lines(descriptor, 1).map_err(|error| descriptor_failed(&error))?;
    Ok(Passphrase::new(lines.into_iter().next().unwrap_or_default())?)
}

fn descriptor_failed(source: &std::io::Error) -> CliError {
    let message = format!("the descriptor of --passphrase-fd gives no passphrase: {source}");
    CallError::new(ErrorKind::Invalid, message, "for example: --passphrase-fd 3 3<FILE").into()
}

fn different() -> CliError {
    CallError::new(ErrorKind::Invalid, "these are two different passphrases", "nothing was changed").into()
}

/// Asks in the terminal, if there is one.
fn typed(question: &str) -> Result<Passphrase, CliError> {
    if !std::io::stdin().is_terminal() {
        let hint = "give it with --passphrase-fd N, or run this in a terminal";
        return Err(CallError::new(ErrorKind::Passphrase, "a passphrase is needed", hint).into());
    }
    let asked = secrets::ask(question).map_err(|source| CliError::Io { what: "the terminal", source })?;
    let given_up = || CallError::new(ErrorKind::Passphrase, "no passphrase was given", "nothing was changed");
    Ok(Passphrase::new(asked.ok_or_else(given_up)?)?)
}

/// How the data key is kept.
pub(super) async fn state(node: &NodeHandle) -> Result<VaultState, CliError> {
    match node.query(Query::Status).await? {
        View::Status(StatusView { vault, .. }) => Ok(vault),
        _ => Err(unexpected()),
    }
}

/// Whether a verb can do nothing with a locked node.
const fn needs_keys(verb: Option<&Verb>, asking: Asking) -> bool {
    match verb {
        // They go on locked, unless they are told how not to.
        None | Some(Verb::Serve | Verb::Watch) => asking.descriptor.is_some(),
        // These ask for themselves, or need nothing.
        Some(
            Verb::Init(_) | Verb::Unlock | Verb::Vault(_) | Verb::Status | Verb::Peer(_) | Verb::Sync(_),
        ) => false,
        Some(_) => true,
    }
}

/// Unlocks the node where a verb needs it.
pub(super) async fn unlock_for(
    verb: Option<&Verb>,
    asking: Asking,
    node: &NodeHandle,
) -> Result<(), CliError> {
    if !needs_keys(verb, asking) || state(node).await? != VaultState::Locked {
        return Ok(());
    }
    if asking.descriptor.is_none() && !std::io::stdin().is_terminal() {
        return Err(CallError::locked().into());
    }
    unlock_node(asking, node).await
}

async fn unlock_node(asking: Asking, node: &NodeHandle) -> Result<(), CliError> {
    let passphrase = asking.present()?;
    node.command(Command::Unlock { passphrase }).await?;
    Ok(())
}

/// `unlock`.
pub(super) async fn unlock(asking: Asking, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    if state(node).await? == VaultState::Locked {
        unlock_node(asking, node).await?;
    }
    said(state(node).await?, output)
}

/// `vault …`.
pub(super) async fn vault(
    verb: VaultVerb,
    asking: Asking,
    node: &NodeHandle,
    output: &Output,
) -> Result<(), CliError> {
    let before = state(node).await?;
    match verb {
        VaultVerb::Status => said(before, output),
        VaultVerb::Remove if before == VaultState::Open => said(before, output),
        VaultVerb::Remove => {
            let current = Some(asking.present()?);
            node.command(Command::Protect { current, change: Protection::None }).await?;
            output.remark("The key is now in the file data.key: whoever can read it can read everything.");
            said(VaultState::Open, output)
        }
        VaultVerb::Passphrase { new_passphrase_fd } => {
            let (current, new) = passphrases(before, asking, new_passphrase_fd)?;
            node.command(Command::Protect { current, change: Protection::Passphrase(new) }).await?;
            output.remark(match before {
                VaultState::Open => {
                    "From now on every start needs this passphrase, and nobody can give it back when it is forgotten. \
                     Old copies of the file data.key, for example in backups, still open everything."
                }
                VaultState::Unlocked | VaultState::Locked => {
                    "The key below is the same: an old copy of the file vault still opens with the old passphrase."
                }
            });
            said(state(node).await?, output)
        }
    }
}

/// The present passphrase, where there is one, and a new one. Both may come from one descriptor, one line each.
fn passphrases(
    before: VaultState,
    asking: Asking,
    new_descriptor: Option<u32>,
) -> Result<(Option<Passphrase>, Passphrase), CliError> {
    let new = Asking { descriptor: new_descriptor };
    if before == VaultState::Open {
        // The only one that can be meant.
        return Ok((None, Asking { descriptor: new_descriptor.or(asking.descriptor) }.fresh()?));
    }
    match (asking.descriptor, new_descriptor) {
        (Some(first), Some(second)) if first == second => {
            let lines = secrets::read_lines(first, 2).map_err(|error| descriptor_failed(&error))?;
            let mut lines = lines.into_iter();
            let mut next = || Passphrase::new(lines.next().unwrap_or_default());
            Ok((Some(next()?), next()?))
        }
        _ => Ok((Some(asking.present()?), new.fresh()?)),
    }
}

fn said(state: VaultState, output: &Output) -> Result<(), CliError> {
    output.one(&json!({"vault": state}), |_| {
        match state {
            VaultState::Open => "no passphrase is set: the key is in the file data.key",
            VaultState::Unlocked => "unlocked; at the next start the passphrase is needed",
            VaultState::Locked => "locked: the passphrase is needed",
        }
        .to_owned()
    })
}
