//! Where the control socket of a data directory stands: in a directory only its owner may enter. The holder of the
//! lock writes the path into the data directory, since a login, a service and a timer do not have the same directory
//! for sockets.

use std::ffi::OsString;
use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file of the data directory that holds the path of its socket.
const SIGN: &str = "socket";

/// Where sockets may stand, as the environment says.
#[derive(Debug, Clone, Copy)]
pub struct Homes<'a> {
    /// A directory that the system empties, if the session has one.
    pub runtime: Option<&'a Path>,
    /// The directory for temporary files.
    pub temporary: &'a Path,
}

/// Chooses the path for a data directory's socket: a short one, since socket paths have about 100 bytes.
///
/// # Errors
/// When the directory for it cannot be made, or belongs to somebody else.
pub fn choose(data_dir: &Path, homes: Homes<'_>) -> io::Result<PathBuf> {
    let data_dir = data_dir.canonicalize()?;
    let owner = std::fs::metadata(&data_dir)?.uid();
    let home = match homes.runtime {
        Some(runtime) => runtime.join("itsgoin"),
        None => homes.temporary.join(format!("itsgoin-{owner}")),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&home)?;
    check_private(&home, owner)?;
    Ok(home.join(name_of(&data_dir)))
}

/// The name of the socket of a canonical data directory.
fn name_of(data_dir: &Path) -> String {
    let hash = blake3::hash(data_dir.as_os_str().as_encoded_bytes()).to_hex();
    format!("{}.sock", hash.get(..16).unwrap_or_default())
}

/// The path that the holder of the lock wrote. A sign of one that was killed leads to nobody; one that came with a copy
/// of another data directory would lead to the node of that one, and is not followed.
///
/// # Errors
/// When there is no sign, it is another directory's, or it leads to a place that is not its owner's alone.
pub fn find(data_dir: &Path) -> io::Result<PathBuf> {
    let data_dir = data_dir.canonicalize()?;
    let owner = std::fs::metadata(&data_dir)?.uid();
    let path = PathBuf::from(OsString::from_vec(std::fs::read(data_dir.join(SIGN))?));
    if path.file_name().is_none_or(|name| name != name_of(&data_dir).as_str()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    check_private(path.parent().unwrap_or(&path), owner)?;
    Ok(path)
}

/// Its owner's alone: the six bits of group and others are off.
fn check_private(home: &Path, owner: u32) -> io::Result<()> {
    let is_private =
        |found: &Metadata| found.is_dir() && found.uid() == owner && found.mode().trailing_zeros() >= 6;
    if is_private(&std::fs::symlink_metadata(home)?) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "the directory for sockets is not ours alone"))
}

/// A path written into the data directory; it is taken away with the value.
pub struct Sign {
    path: PathBuf,
}

impl Sign {
    /// Writes where the socket of a data directory stands. The caller holds its lock.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_up(data_dir: &Path, socket: &Path) -> io::Result<Self> {
        let path = data_dir.join(SIGN);
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        let sign = Self { path };
        file.write_all(socket.as_os_str().as_bytes())?;
        Ok(sign)
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        // One that stays leads to nobody.
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_sign_is_private_and_goes_with_its_holder() {
        let data = tempfile::tempdir().unwrap();
        let homes = Homes { runtime: None, temporary: data.path() };
        let socket = choose(data.path(), homes).unwrap();
        let sign = Sign::put_up(data.path(), &socket).unwrap();
        assert_eq!(find(data.path()).unwrap(), socket);
        let file = data.path().join(SIGN);
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        drop(sign);
        assert!(!file.exists() && find(data.path()).is_err());
    }

    #[test]
    fn the_sign_in_a_copy_leads_nowhere() {
        let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let homes = Homes { runtime: None, temporary: data.path() };
        let socket = choose(data.path(), homes).unwrap();
        let _signs = [data.path(), copy.path()].map(|place| Sign::put_up(place, &socket).unwrap());
        assert_eq!(find(data.path()).unwrap(), socket);
        assert_eq!(find(copy.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_not_used() {
        let data = tempfile::tempdir().unwrap();
        let homes = Homes { runtime: Some(data.path()), temporary: Path::new("/nowhere") };
        let socket = choose(data.path(), homes).unwrap();
        let _sign = Sign::put_up(data.path(), &socket).unwrap();
        let home = socket.parent().unwrap();
        std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o750)).unwrap();
        for refused in [choose(data.path(), homes), find(data.path())] {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
