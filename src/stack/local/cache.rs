//! Server binaries that were fetched once, kept in the user's cache: one folder per version.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::binaries::{Binaries, inspect};

/// Where root keeps them: the server runs as another user, who cannot enter root's own home.
const FOR_ROOT: &str = "/var/cache";
const FOLDER: &str = "tenant-chaos/postgresql";

/// The folder of fetched binaries.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache of the user who runs this: `$XDG_CACHE_HOME`, else the system's usual place.
    ///
    /// # Errors
    /// If the user has no home.
    pub(super) fn of_this_user() -> Result<Self, String> {
        let named = std::env::var_os("XDG_CACHE_HOME").is_some_and(|folder| Path::new(&folder).is_absolute());
        let base = match nix::unistd::geteuid().is_root() && !named {
            true => PathBuf::from(FOR_ROOT),
            false => etcetera::choose_base_strategy().map_err(|error| error.to_string())?.cache_dir(),
        };
        Ok(Self::in_folder(&base.join(FOLDER)))
    }

    /// A cache in a folder.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// Where it is.
    #[cfg(feature = "fetch")]
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of one version.
    #[cfg(feature = "fetch")]
    pub(super) fn of_version(&self, version: &str) -> PathBuf {
        self.folder.join(version)
    }

    /// The newest binaries of the wanted major version, or of any.
    pub(super) fn find(&self, major: Option<&str>) -> Option<Binaries> {
        let versions = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<Binaries> = versions
            .map(|entry| entry.path())
            // A folder that is being filled has a name that is no version.
            .filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit()))
            .filter_map(|path| inspect(&path.join("bin")))
            .filter(|binaries| major.is_none_or(|major| major == binaries.major))
            .collect();
        found.sort_by_key(|binaries| binaries.major.parse::<u32>().unwrap_or(0));
        found.pop()
    }

    /// Waits until nobody else is filling the cache; the lock dies with its holder.
    #[cfg(feature = "fetch")]
    pub(super) fn lock(&self) -> std::io::Result<std::fs::File> {
        std::fs::create_dir_all(&self.folder)?;
        let file = std::fs::File::create(self.folder.join("lock"))?;
        file.lock()?;
        Ok(file)
    }
}
